"""The words of the command line: commands, options, and paths below /pfs."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import scriptmodel_trainer
from scriptmodel_trainer import presets
from scriptmodel_trainer.errors import BadInputError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_DESCRIPTION = """\
Learns to write scripts: reads plays or screenplays, trains a word-level LSTM on them, writes a new one.

  scriptmodel-trainer train --data plays/ --out model/ --preset demo
  scriptmodel-trainer generate model/ --words 300
"""
_EXIT_CODES = """\
exit codes: 0 done, 2 bad input or usage, 3 could not write, 4 diverged (NaN), 130/143 stopped by a signal
(state saved: repeat train with --resume)
"""
_LAYOUT_HELP = (
    "how the scripts are laid out: auto (told per file), normalized, plain, markdown ...; a wrong name is answered "
    "with all there are (default: auto)"
)
_MODEL_HELP = "what train left in its --out"
_PRESETS = """\
presets:
  demo                    a first look, in minutes
  small, medium, large    as published for the Penn Treebank (Zaremba et al. 2014)
  tuned, tuned-long       better networks of small's size, for 250,000 tokens and more
  tuned-few               the same for a few plays
  test                    tiny, to try whether all works

example: scriptmodel-trainer train --data plays/ --out model/ --preset small --epochs 8

"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage like any other bad input."""

    def error(self, message: str) -> NoReturn:
        raise BadInputError(message, f"see {self.prog} --help")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write help or version; argparse's own ignores that standard output cannot be written to."""
        (file or sys.stderr).write(message)


def pfs_path(text: str) -> Path:
    """A path; one below /pfs is looked for below $PFS_ROOT where that is set (jobs without a /pfs of their own)."""
    if not text:
        raise BadInputError("an empty path", "name a file or folder")
    root = os.environ.get("PFS_ROOT")
    path = Path(text)
    if root and (path == Path("/pfs") or Path("/pfs") in path.parents) and Path(root) not in path.parents:
        return Path(root) / path.relative_to("/pfs")
    return path


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; wrong usage raises BadInputError."""
    program = _Parser(
        prog="scriptmodel-trainer",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("--version", action="version", version=scriptmodel_trainer.__version__)
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_normalize(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_generate(commands)
    _add_report(commands)
    return program


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add_normalize(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "normalize",
        help="turn scripts into the token stream that training reads",
        description="Reads scripts in any layout and writes them as one token stream, a speech or direction a line.",
        epilog="example: scriptmodel-trainer normalize plays/ --out tokens.txt --stats stats.json",
    )
    command.add_argument("data", nargs="+", type=pfs_path, metavar="PATH", help="files, or folders read whole")
    command.add_argument(
        "--out", type=pfs_path, metavar="FILE", help="where the stream goes (default: standard output)"
    )
    command.add_argument("--layout", default="auto", help=_LAYOUT_HELP)
    command.add_argument("--stats", type=pfs_path, metavar="FILE", help="write what was understood, as JSON")


def _add_train(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "train",
        help="train a model on scripts",
        description="Trains a model and stores it in a folder of its own, with metrics and a report.",
        epilog=_PRESETS + textwrap.fill(f"settings for --set: {', '.join(presets.override_keys())}", 78),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--data",
        nargs="+",
        action="extend",
        required=True,
        type=pfs_path,
        metavar="PATH",
        help="script files, or folders read whole; *.train.txt, *.valid.txt, *.test.txt are taken as the splits",
    )
    command.add_argument("--out", required=True, type=pfs_path, metavar="MODEL_DIR", help="where the model goes")
    command.add_argument("--preset", default="small", metavar="NAME", help="hyperparameters (default: small)")
    command.add_argument("--layout", default="auto", help=_LAYOUT_HELP)
    command.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a preset's settings, for example hidden_units=300 dropout=0.2",
    )
    command.add_argument("--epochs", metavar="N", help="short for --set epochs=N")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="the same gives the same model (default: 0)")
    command.add_argument("--resume", action="store_true", help="go on from the saved state in MODEL_DIR")
    command.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=30.0,
        metavar="S",
        help="save the state about every S seconds, for --resume (default: 30)",
    )
    command.add_argument(
        "--log",
        choices=("text", "json"),
        default="text",
        help="text: readable lines, a bar on a terminal; json: one object a line, for programs",
    )


def _add_evaluate(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "evaluate",
        help="perplexity of a model on texts",
        description="Perplexity over all tokens of the texts, the state carried from the first to the last.",
        epilog="example: scriptmodel-trainer evaluate model/ --data another_play.txt --json",
    )
    command.add_argument("model", type=pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
    command.add_argument("--data", nargs="+", required=True, type=pfs_path, metavar="PATH", help="files or folders")
    command.add_argument("--layout", default="auto", help=_LAYOUT_HELP)
    command.add_argument("--json", action="store_true", dest="as_json", help="one JSON object, with token classes")


def _add_generate(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "generate",
        help="write a new script",
        description="Writes whole, well-formed scripts that end at a sentence end within the number of words.",
        epilog="example: scriptmodel-trainer generate model/ --words 300 --speaker HAMLET --seed 7",
    )
    add = command.add_argument
    add("model", type=pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
    add("--words", type=int, default=500, metavar="N", help="at most N words, as wc -w counts (default: 500)")
    add("--temperature", type=float, default=0.8, metavar="T", help="boldness, 0 is none (default: 0.8)")
    add("--top-k", type=int, default=0, metavar="K", help="choose among the K likeliest words only (default: 0, all)")
    add(
        "--top-p",
        type=float,
        default=0.95,
        metavar="P",
        help="choose among the likeliest that hold a share P (default: 0.95)",
    )
    add(
        "--repetition-penalty",
        type=float,
        default=1.2,
        metavar="R",
        help="how much rarer a recent word gets, 1: not at all (1.2)",
    )
    add("--seed", type=int, default=0, metavar="N", help="the same writes the same script (default: 0)")
    add("--prompt", default="", metavar="TEXT", help="words that the script begins with")
    add("--speaker", default="", metavar="NAME", help="who speaks first")
    add(
        "--samples",
        type=int,
        default=1,
        metavar="N",
        help="how many: new_script.txt, new_script.2.txt ... (default: 1)",
    )
    add("--out", type=pfs_path, metavar="FILE", help="where the script goes (default: standard output)")
    add(
        "--record",
        type=pfs_path,
        metavar="FILE",
        help="write what made the scripts, as JSON (default: generation.json where --out is in /pfs/out, else none)",
    )
    add("--log", choices=("text", "json"), help="as train has it (default: json where --out is in /pfs/out)")


def _add_report(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "report",
        help="write the report page of a model",
        description="Writes one self-contained HTML page: curves, corpus, perplexity by class of token, samples.",
        epilog="example: scriptmodel-trainer report model/ --out report.html",
    )
    command.add_argument("model", type=pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
    command.add_argument(
        "--out",
        type=pfs_path,
        default=Path("report.html"),
        metavar="FILE",
        help="where the page goes (default: report.html)",
    )


def is_output_of_pipeline(path: Path) -> bool:
    """True for a file in the output of a Pachyderm job, whose commands end with its files in /pfs/out."""
    return path.parent == Path(os.environ.get("PFS_ROOT") or "/pfs") / "out"


def usual_record(out: Path | None) -> Path | None:
    """The record that a pipeline's consumer reads beside its script; elsewhere nothing is written unasked."""
    if out is None or not is_output_of_pipeline(out):
        return None
    return out.with_name("generation.json")


def log_kind(words: Sequence[str]) -> str:
    """`json` or `text`, known before the words are parsed, because a usage error is reported the same way.

    A generate job of a pipeline is read by a program, and its command line is older than `generate --log`.
    """
    chosen = [value for option, value in itertools.pairwise(words) if option == "--log"]
    chosen += [word.removeprefix("--log=") for word in words if word.startswith("--log=")]
    if not chosen and words[:1] == ["generate"]:
        out = next((value for option, value in itertools.pairwise(words) if option == "--out"), "")
        return "json" if out and is_output_of_pipeline(pfs_path(out)) else "text"
    return "json" if "json" in chosen else "text"
