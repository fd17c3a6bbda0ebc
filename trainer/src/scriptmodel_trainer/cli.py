"""The command line `scriptmodel-trainer`: normalize, train, evaluate, generate, report."""

from __future__ import annotations

import argparse
import io
import itertools
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import scriptmodel_trainer
from scriptmodel_trainer import presets
from scriptmodel_trainer.errors import BadInputError, ExitCode, TrainerError, WriteError
from scriptmodel_trainer.progress import progress_for
from scriptmodel_trainer.stopping import StopSignals

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Expected failures become one line, never a traceback."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    progress = progress_for("json" if _wants_json(words) else "text")
    try:
        with StopSignals() as signals:
            options = _parser().parse_args(words)
            _run(options, signals)
    except BrokenPipeError:
        # The reader of our output went away (`... | head`): no failure where the output is all that was wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if words[0] != "train":
            return ExitCode.DONE
        gone = WriteError("nobody reads the log any more, and the model is not trained", "--resume goes on")
        progress.failed(gone)
        return gone.code
    except TrainerError as error:
        progress.failed(error)
        return error.code
    except MemoryError:
        failure = BadInputError("out of memory", "use a smaller preset, vocabulary_size or batch_size")
        progress.failed(failure)
        return failure.code
    except OSError as error:
        refused = WriteError(f"{error.filename or 'output'}: {error.strerror or error}")
        progress.failed(refused)
        return refused.code
    return ExitCode.DONE


def _open_streams() -> None:
    """Open what whoever started us had closed; a character that standard output cannot hold becomes a question mark."""
    if sys.stdout is None or sys.stderr is None:
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # else the next file opened would be taken for it
            pass
        os.close(number)
        sys.stdout = sys.stdout or os.fdopen(1, "w")
        sys.stderr = sys.stderr or os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _wants_json(words: Sequence[str]) -> bool:
    """Known before the words are parsed, because a usage error is reported the same way."""
    return "--log=json" in words or ("--log", "json") in itertools.pairwise(words)


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage like any other bad input."""

    def error(self, message: str) -> NoReturn:
        raise BadInputError(message, f"see {self.prog} --help")


def _pfs_path(text: str) -> Path:
    """A path; one below /pfs is looked for below $PFS_ROOT where that is set (jobs without a /pfs of their own)."""
    if not text:
        raise BadInputError("an empty path", "name a file or folder")
    root = os.environ.get("PFS_ROOT")
    path = Path(text)
    if root and (path == Path("/pfs") or Path("/pfs") in path.parents) and Path(root) not in path.parents:
        return Path(root) / path.relative_to("/pfs")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="scriptmodel-trainer",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=scriptmodel_trainer.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_normalize(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_generate(commands)
    _add_report(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add_normalize(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "normalize",
        help="turn scripts into the token stream that training reads",
        description="Reads scripts in any layout and writes them as one token stream, a speech or direction a line.",
        epilog="example: scriptmodel-trainer normalize plays/ --out tokens.txt --stats stats.json",
    )
    command.add_argument("data", nargs="+", type=_pfs_path, metavar="PATH", help="files, or folders read whole")
    command.add_argument(
        "--out", type=_pfs_path, metavar="FILE", help="where the stream goes (default: standard output)"
    )
    command.add_argument("--layout", default="auto", help=_LAYOUT_HELP)
    command.add_argument("--stats", type=_pfs_path, metavar="FILE", help="write what was understood, as JSON")


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
        type=_pfs_path,
        metavar="PATH",
        help="script files, or folders read whole; *.train.txt, *.valid.txt, *.test.txt are taken as the splits",
    )
    command.add_argument("--out", required=True, type=_pfs_path, metavar="MODEL_DIR", help="where the model goes")
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
    command.add_argument("model", type=_pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
    command.add_argument("--data", nargs="+", required=True, type=_pfs_path, metavar="PATH", help="files or folders")
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
    add("model", type=_pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
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
    add("--out", type=_pfs_path, metavar="FILE", help="where the script goes (default: standard output)")


def _add_report(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "report",
        help="write the report page of a model",
        description="Writes one self-contained HTML page: curves, corpus, perplexity by class of token, samples.",
        epilog="example: scriptmodel-trainer report model/ --out report.html",
    )
    command.add_argument("model", type=_pfs_path, metavar="MODEL_DIR", help=_MODEL_HELP)
    command.add_argument(
        "--out",
        type=_pfs_path,
        default=Path("report.html"),
        metavar="FILE",
        help="where the page goes (default: report.html)",
    )


def _run(options: argparse.Namespace, signals: StopSignals) -> None:
    # Each command loads only what it needs: generate must start at once, and TensorFlow takes seconds.
    if options.command == "generate":
        _run_generate(options)
        return
    from scriptmodel_trainer import commands  # noqa: PLC0415

    progress = progress_for(getattr(options, "log", "text"))
    match options.command:
        case "normalize":
            commands.normalize(options.data, options.out, options.layout, options.stats, progress)
        case "train":
            preset = commands.settings_from(options.preset, options.settings, options.epochs)
            if not 0 <= options.seed < 2**31:
                raise BadInputError(f"--seed {options.seed} must lie between 0 and {2**31 - 1}")
            if not options.checkpoint_seconds >= 0:  # NaN is not either
                raise BadInputError(f"--checkpoint-seconds {options.checkpoint_seconds:g} must not be negative")
            task = commands.TrainOptions(
                data=options.data,
                out=options.out,
                layout=options.layout,
                preset_name=options.preset,
                preset=preset,
                seed=options.seed,
                resume=options.resume,
                checkpoint_seconds=options.checkpoint_seconds,
            )
            commands.train(task, progress, signals)
        case "report":
            commands.report(options.model, options.out)
        case "evaluate":
            print(commands.evaluate(options.model, options.data, options.layout, options.as_json, progress))


def _run_generate(options: argparse.Namespace) -> None:
    # A product of a matrix and a vector gains nothing from threads, and they cost other processes dearly.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from scriptmodel_trainer import writing  # noqa: PLC0415
    from scriptmodel_trainer.generation.sampling import Sampling  # noqa: PLC0415
    from scriptmodel_trainer.generation.writer import Opening  # noqa: PLC0415

    texts = writing.generate(
        writing.GenerateOptions(
            options.model,
            options.words,
            Sampling(options.temperature, options.top_k, options.top_p, options.repetition_penalty),
            options.seed,
            Opening(options.speaker, options.prompt),
            options.samples,
            options.out,
        )
    )
    if options.out is None:
        print("\n".join(texts), end="")


if __name__ == "__main__":
    sys.exit(main())
