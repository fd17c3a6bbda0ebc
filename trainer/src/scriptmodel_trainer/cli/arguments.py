"""Parses the command line: commands and options."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import scriptmodel_trainer
from scriptmodel_trainer.cli import option_values
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.reporting.suffixes import ALL, SUFFIXES
from scriptmodel_trainer.storage.records import FILES, SCENES

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_DESCRIPTION = """\
Train a word-level LSTM on plays or screenplays and write new scripts with it.

  scriptmodel-trainer write plays/                    # from a folder of plays to a script
  scriptmodel-trainer train --data plays/ --out model/ --minutes 10
  scriptmodel-trainer generate model/ --words 300
"""
_WRITE_EXAMPLES = """\
examples:
  scriptmodel-trainer write plays/                    # trains, which takes minutes, and writes
  scriptmodel-trainer write plays/                    # another script of the same model, in seconds
  scriptmodel-trainer write plays/ --seed 7 --temperature 1
  scriptmodel-trainer write plays/ --cast NORA,HELMER --words 1000
  scriptmodel-trainer write plays/ --continue my-scene.txt --samples 3
  scriptmodel-trainer write plays/ --continue my-scene.txt --next 10 --by NORA
  scriptmodel-trainer write plays/ --continue my-scene.txt --cento
  scriptmodel-trainer write plays/ --minutes 60 --out better/

The folder has the model, report.html and each script as script-N.txt, .fountain (screenwriting programs), .fdx (Final
Draft) and .html (to print). A stopped training is continued by the same command.
"""
_EXIT_CODES = """\
exit codes: 0 done, 2 bad input or usage, 3 could not write, 4 diverged (NaN), 130/143 stopped by a signal
(the state is saved: repeat train with --resume)
"""
_LAYOUTS = (
    "auto detects it per file; others are normalized, plain, exact, markdown, fountain, fdx, tei, caps-period, "
    "title-period, caps-colon, title-colon, dash, column and name-alone"
)
_SPLIT_HELP = "keep scenes or whole files together in a split [default: scenes"
_PRESETS = """\
presets:
  auto                  network and settings for the corpus and --minutes
  demo                  first model, trained in minutes
  small, medium, large  as published for the Penn Treebank (Zaremba et al. 2014)
  tuned                 better model of small's size, to compare
  test                  tiny, to check the installation

example: scriptmodel-trainer train --data plays/ --out model/ --minutes 10

"""


class _Parser(argparse.ArgumentParser):
    """Parser that reports wrong usage as bad input."""

    def error(self, message: str) -> NoReturn:
        raise BadInputError(message, f"see {self.prog} --help")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write help or version; argparse's own ignores that standard output cannot be written to."""
        (file or sys.stderr).write(message)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; wrong usage raises BadInputError."""
    program = _Parser(
        prog="scriptmodel-trainer",
        description=_DESCRIPTION,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    program.add_argument("--version", action="version", version=scriptmodel_trainer.__version__)
    commands = program.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_write(commands)
    _add_normalize(commands)
    _add_train(commands)
    _add_trial(commands)
    _add_select(commands)
    _add_job(commands)
    _add_evaluate(commands)
    _add_generate(commands)
    _add_judge(commands)
    _add_voice(commands)
    _add_compare(commands)
    _add_report(commands)
    _add_export(commands)
    _add_base(commands)
    _add_serve(commands)
    _add_ui(commands)
    return program


_Commands = argparse._SubParsersAction  # argparse has no public name for it
_N: dict[str, Any] = {"type": int, "metavar": "N"}
_PATHS: dict[str, Any] = {"nargs": "+", "type": option_values.pfs_path, "metavar": "PATH"}
_FILE: dict[str, Any] = {"type": option_values.pfs_path, "metavar": "FILE"}
_FOLDER: dict[str, Any] = {"type": option_values.pfs_path, "metavar": "MODEL_DIR"}
_RUNS: dict[str, Any] = {"type": option_values.pfs_path, "metavar": "FOLDER"}
_MODEL: dict[str, Any] = {
    "type": option_values.model_folder,
    "metavar": "MODEL_DIR",
    "help": "model directory written by train, or the folder of write",
}
_LAYOUT: dict[str, Any] = {
    "default": "auto",
    "metavar": "NAME",
    "help": "layout of the scripts; `normalize --help` lists all [default: auto]",
}


def _add_write(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "write",
        help="write a script in the manner of a folder of plays: trains a model, or uses the one in the folder",
        description="Write a script in the manner of some plays. The first run trains a model; later ones use it.",
        epilog=_WRITE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("plays", **_PATHS, help="script files, or folders to search for them")
    minutes = (
        "train the best model that takes this machine N minutes or less, as its speed is when the training starts "
        "[default: 10, or those of the model in the folder]"
    )
    add("--minutes", metavar="N", help=minutes)
    out = "folder for model, report and scripts [default: PLAYS-written in the working directory]"
    add("--out", type=option_values.pfs_path, metavar="FOLDER", help=out)
    base = "start from this base; none: learn from the plays alone [default: an installed one of their language]"
    add("--base", metavar="NAME|none", help=base)
    force = "replace a model of other files, of other --minutes or of another --base, in that folder"
    add("--force", action="store_true", help=force)
    _add_request(command, 600, None)
    lines = "print N different next lines of the text of --continue, best first, and write no script"
    add("--next", **_N, dest="lines", help=lines)
    kinds = command.add_mutually_exclusive_group()
    real = "take real lines of the plays, chosen by the model; each has its source, in Fountain as a note"
    kinds.add_argument("--cento", action="store_true", help=real)
    kinds.add_argument("--mix", action="store_true", help="take real lines and lines that the model writes, in turn")


def _add_normalize(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "normalize",
        help="convert scripts into the token stream that training reads",
        description="Convert scripts of any layout into one token stream with a speech or direction on each line. "
        f"Layouts: {_LAYOUTS}.",
        epilog="example: scriptmodel-trainer normalize plays/ --out tokens.txt --stats stats.json",
    )
    add = command.add_argument
    add("data", **_PATHS, help="script files, or folders to search for them")
    add("--out", **_FILE, help="write the stream to this file [default: standard output, unless it is a terminal]")
    add("--layout", **_LAYOUT)
    add("--stats", **_FILE, help="write statistics of each file to this file, as JSON")
    explained = "write each line of the scripts with its label and the rule that gave it, instead of the stream"
    add("--explain", action="store_true", help=explained)


def _add_train(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "train",
        help="train a model on scripts",
        usage="%(prog)s --data PATH [PATH ...] --out MODEL_DIR [options]",
        description="Train a model and store it in a directory with metrics and a report.",
        epilog=_PRESETS + textwrap.fill(f"settings for --set: {', '.join(presets.KEYS)}", 78),
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=27),
    )
    _add_training(command, **_FOLDER, help="write the model to this directory")
    command.add_argument("--seed", **_N, default=0, help="random seed; the same seed reproduces the model [default: 0]")
    command.add_argument("--resume", action="store_true", help="continue from the saved state in MODEL_DIR")


def _add_trial(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "trial",
        help="train one run of a search up to its share of the epochs",
        usage="%(prog)s --trial FOLDER --data PATH [PATH ...] --out FOLDER [options]",
        description="Train the run that FOLDER/NAME/trial.json describes and store what came of it in a folder NAME "
        "below --out: trial.json; the state as checkpoint.safetensors where the run pauses, from which a copy in "
        "FOLDER/NAME continues; the model where it is complete. A run that diverges, is killed or needs too much "
        "memory is recorded as failed, and the command exits 0. Pipelines of a ScriptModel with spec.search use it.",
        epilog='example of trial.json: {"parameters": {"dropout": "0.3"}, "seed": 0, "share": "1/4"}',
    )
    found = "folder that holds the folder of one run, with its trial.json"
    command.add_argument("--trial", **_RUNS, required=True, help=found)
    _add_training(command, **_RUNS, help="write to the folder of the run below this one")


def _add_select(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "select",
        help="copy the best model of a search, with a table and a report of all runs",
        description="Copy the model of the best run of a search, with a table of all runs as trials.jsonl, and a "
        "report on the search. Writes nothing without --best, or if the runs are not those of --of: pipelines of a "
        "ScriptModel with spec.search name both once the search is over.",
        epilog="example: scriptmodel-trainer select results/ --best 0007 --out best/",
    )
    add = command.add_argument
    add("folder", **_RUNS, help="folder of the runs, written by trial")
    add("--best", default="", metavar="NAME", dest="name", help="folder of the run whose model is copied")
    digest = "SHA-256 of all trial.json among which it is the best, one after the other by folder [default: any]"
    add("--of", default="", metavar="DIGEST", dest="digest", help=digest)
    add("--out", **_FOLDER, required=True, help="write the model to this directory")


def _add_job(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "job",
        help="run train, trial, select or generate in a pod: inputs and outputs are in a bucket",
        description="Run the command of a job document: fetch its inputs into /pfs ($PFS_ROOT) and the newest "
        "checkpoint of an earlier attempt into $SCRIPTMODEL_STATE_DIR, run train, trial, select or generate in this "
        "process, and store what it wrote to /pfs/out, its log and, last, the manifest. Checkpoints are stored while "
        "it trains, and at SIGTERM. All transfers use presigned URLs in the document, which is read again before each: "
        "while a URL has expired or the bucket is away, the command waits. Jobs of the operator use it.",
        epilog="example: scriptmodel-trainer job /scriptmodel/job.json",
    )
    command.add_argument("document", type=Path, metavar="PATH", help="the job document, in JSON")


def _add_training(command: _Parser, **out: Any) -> None:
    add = command.add_argument
    data = "script files or folders; *.train.txt, *.valid.txt and *.test.txt define the splits"
    add("--data", **_PATHS, action="extend", required=True, help=data)
    add("--out", required=True, **out)
    minutes = "minutes of training on two cores that auto chooses for; no effect with --from [default: any]"
    add("--minutes", metavar="N", help=minutes)
    presets = "named settings, which `train --help` lists [default: auto; with --from those of its model]"
    add("--preset", metavar="NAME", help=presets)
    settings = "override settings of the preset, for example hidden_units=300 dropout=0.2"
    add("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", dest="settings", help=settings)
    epochs = "short for --set epochs=N"
    add("--epochs", type="epochs={}".format, action="append", metavar="N", dest="settings", help=epochs)
    base = "start from weights and words of this model; a quarter of the preset's epochs, unless set"
    add("--from", **_FOLDER, dest="base", help=base)
    add("--layout", **_LAYOUT)
    add("--split", choices=(SCENES, FILES), help=f"{_SPLIT_HELP}; with auto files for 20 or more]")
    state = "folder that outlives this process and holds the state [default: $SCRIPTMODEL_STATE_DIR]"
    add("--state", type=option_values.pfs_path, metavar="DIR", help=state)
    interval = "save the state for --state or --resume every S seconds [default: 30]"
    add("--checkpoint-seconds", type=float, default=30.0, metavar="S", help=interval)
    limit = "stop after N seconds of training over all restarts, with the best weights [default: no limit]"
    add("--budget-seconds", metavar="N", help=limit)
    log = "text, a progress bar on a terminal, or an object per line [default: text]"
    add("--log", choices=("text", "json"), default="text", help=log)


def _add_evaluate(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "evaluate",
        help="measure the perplexity of a model on texts",
        description="Measure perplexity over all tokens of the texts, with the LSTM state carried throughout.",
        epilog="example: scriptmodel-trainer evaluate model/ --data another_play.txt --json",
    )
    add = command.add_argument
    add("folder", **_MODEL)
    add("--data", **_PATHS, required=True, help="script files or folders")
    add("--layout", **_LAYOUT)
    add("--json", action="store_true", dest="as_json", help="print one JSON object, with token classes")
    add(
        "--cache",
        action="store_true",
        dest="with_cache",
        help="also with a neural cache of the last words; takes some times as long",
    )


def _add_generate(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "generate",
        help="write a new script",
        description="Write complete, well-formed scripts that end with a sentence within the number of words.",
        epilog="example: scriptmodel-trainer generate model/ --words 300 --speaker HAMLET --seed 7",
    )
    add = command.add_argument
    add("model", **_MODEL)
    _add_request(command, 500, 0)
    nucleus = "sample from the smallest set of words whose total probability reaches P [default: 0.95]"
    add("--top-p", type=float, default=0.95, metavar="P", help=nucleus)
    takes = "write each sentence N times and keep the one that answers the scene best [default: 16]"
    add("--takes", **_N, default=16, help=takes)
    add(
        "--together",
        action="store_true",
        help="write samples 16 at a time, several times as fast; another rounding may now and then choose another word",
    )
    out = f"write the script to this file, in the format of its suffix {', '.join(SUFFIXES.values())}"
    add("--out", **_FILE, help=f"{out} [default: standard output]")
    add(
        "--format",
        choices=(*SUFFIXES, ALL),
        help="format of the script; all: each of them beside --out [default: that of the suffix of --out, else text; "
        "all if --out is in /pfs/out]",
    )
    record = "write settings and digests of the scripts, as JSON [default: generation.json if --out is in /pfs/out]"
    add("--record", **_FILE, help=record)
    add("--log", choices=("text", "json"), help="as for train [default: json if --out is in /pfs/out, else text]")


def _add_request(command: _Parser, words: int, seed: int | None) -> None:
    add = command.add_argument
    limit = (
        f"length limit in words, as counted by wc -w [default: {words}{'' if seed is not None else '; 20 with --next'}]"
    )
    add("--words", **_N, default=None if seed is None else words, help=limit)
    add(
        "--temperature",
        type=option_values.temperature,
        metavar="T|auto",
        help="sampling temperature: below 1 favours likely words, 0 is greedy [default: auto, the one that the judge "
        "chose for the model]",
    )
    usual = "the number of the script" if seed is None else seed
    add("--seed", **_N, default=seed, help=f"random seed; the same seed reproduces the script [default: {usual}]")
    add("--prompt", default="", metavar="TEXT", help="words, or speeches (`NAME: words`), that the script starts with")
    speaker = "who speaks first, or next after the text of --continue"
    add("--by", "--speaker", dest="speaker", default="", metavar="NAME", help=speaker)
    add(
        "--cast",
        type=option_values.cast,
        metavar="NAMES|any",
        help="only these speak, separated by commas; any: all speakers of the corpus [default: those of one play]",
    )
    add("--scene", default="", metavar="HEADING", help="open a scene with this heading")
    text = command.add_mutually_exclusive_group()
    text.add_argument(
        "--continue",
        dest="continued",
        type=option_values.text_file,
        metavar="FILE|-",
        help="continue this scene, of any layout, at most 64 KiB; - reads standard input",
    )
    text.add_argument("--continue-text", dest="text", metavar="TEXT", help="continue this text")
    add("--only-new", action="store_true", help="write only what follows the text that is continued")
    add("--samples", **_N, default=1, help="number of scripts, each in a file of its own [default: 1]")
    add("--title", default="", metavar="TEXT", help="title of the script in its files [default: A new script]")
    add("--author", default="", metavar="NAME", help="author of the script in its files [default: scriptmodel-trainer]")


def _add_judge(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "judge",
        help="judge a script, or the scripts of a model, beside held-out text",
        description="Compare a script, or samples of a model, with text of the corpus that training holds out, and "
        "give a verdict: poor, fair, good, like the corpus; else a copy, a loop, noise (words in no order) or foreign "
        "(words of another corpus).",
        epilog="example: scriptmodel-trainer judge new_script.txt --data plays/ --json",
    )
    add = command.add_argument
    add("subject", type=option_values.model_folder, metavar="MODEL_DIR|SCRIPT", help=f"{_MODEL['help']}, or a script")
    add("--data", **_PATHS, required=True, help="the corpus: script files or folders")
    add("--layout", **_LAYOUT)
    add("--split", choices=(SCENES, FILES), help=f"{_SPLIT_HELP}, or the model's]")
    add("--samples", **_N, default=8, help="scripts that the model writes [default: 8]")
    add("--words", **_N, default=500, help="length limit of each in words [default: 500]")
    add("--seed", **_N, default=0, help="random seed of the scripts [default: 0]")
    add("--json", action="store_true", dest="as_json", help="print one JSON object")


def _add_voice(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "voice",
        help="say whose speech each speech of a draft sounds like, and what is unusual in it",
        description="Compare a draft with plays: which of their characters and authors each speech sounds like, what "
        "is unusual in it, and what the draft uses far more often than they do. Needs no model.",
        epilog="example: scriptmodel-trainer voice draft.txt --with plays/",
    )
    add = command.add_argument
    add("draft", type=option_values.pfs_path, metavar="DRAFT", help="the scenes to look at, in any layout")
    add("--with", required=True, dest="plays", **_PATHS, help="plays, or folders of them; a folder's name is an author")
    add("--layout", **_LAYOUT)
    add("--all", action="store_true", dest="every", help="show every speech, not only those that are striking")
    add("--json", action="store_true", dest="as_json", help="print all figures as JSON")


def _add_compare(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "compare",
        help="compare two models on the same held-out text",
        description="Print one table of two models: how much texts that neither has learned from surprise them, and "
        "the judge's verdict on their scripts; then a script of each, side by side. The vocabularies may differ: "
        "unknown words are charged with their spelling.",
        epilog="example: scriptmodel-trainer compare model/ model-2/ --data another_play.txt",
    )
    add = command.add_argument
    add("folders", nargs=2, **_MODEL)
    add("--data", **_PATHS, required=True, help="script files or folders")
    add("--layout", **_LAYOUT)
    add("--json", action="store_true", dest="as_json", help="print one JSON object")


def _add_report(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "report",
        help="write the report page of a model",
        description="Write one self-contained HTML page: curves, corpus, perplexity by class of token, samples.",
        epilog="example: scriptmodel-trainer report model/ --out report.html",
    )
    add = command.add_argument
    add("folder", **_MODEL)
    add("--out", **_FILE, default=Path("report.html"), help="write the page to this file [default: report.html]")


def _add_export(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "export",
        help="write a model as one file: a page that writes in any browser, or its weights for other programs",
        description="Write a model as one file: a page with a text box that writes in any browser, without a network "
        "(html), or weights, settings and words for other programs (safetensors).",
        epilog="example: scriptmodel-trainer export model/ --out write.html --title 'A play' --continue my-scene.txt",
    )
    add = command.add_argument
    add("folder", **_MODEL)
    add("--out", **_FILE, required=True, help="write to this file")
    kinds = "what to write [default: html for a file of that suffix, else safetensors]"
    add("--format", choices=("safetensors", "html"), dest="kind", help=kinds)
    add("--title", default="", metavar="TEXT", help="title of the page [default: Write with, and the model's name]")
    add("--author", default="", metavar="NAME", help="author of the page")
    scene = "scene that the page opens with"
    add("--continue", dest="continued", type=option_values.text_file, metavar="FILE|-", help=scene)


def _add_base(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "base",
        help="list, add or remove bases, from which write starts",
        description="A base is a model of many plays. `write` starts from one that is in the language of the plays. "
        "`make base` in a checkout makes one of public-domain plays. Bases are in the user's folder "
        "(~/.local/share/scriptmodel/bases) or the system's; SCRIPTMODEL_BASES names other folders.",
        epilog="example: scriptmodel-trainer base add en.tar",
    )
    actions = ("list", "add", "remove")
    command.add_argument("action", choices=actions, metavar="list|add|remove", help="what to do")
    given = "packed base to check and install in the user's folder, or name of a base to remove from it"
    command.add_argument("given", nargs="?", metavar="FILE|URL|NAME", help=given)
    digest = "SHA-256 that the packed base must have; one from a URL needs it [default: any]"
    command.add_argument("--sha256", metavar="DIGEST", help=digest)


def _add_serve(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "serve",
        help="let editors and programs write with a model, by OpenAI's API",
        description="Serve completions as OpenAI's API has them (/v1/completions), at an address of this machine. Ends "
        "with Ctrl-C.",
        epilog="example: scriptmodel-trainer serve model/ --port 8000",
    )
    add = command.add_argument
    add("model", **_MODEL)
    _add_address(command, 8000)
    add("--max-tokens", **_N, default=2000, help="most words of a completion [default: 2000]")
    add("--queue", **_N, default=64, help="most completions in progress or waiting [default: 64]")


def _add_ui(commands: _Commands[_Parser]) -> None:
    command = commands.add_parser(
        "ui",
        help="look at models and write with them in the browser",
        description="Show models, trainings that run and scripts in the browser, and write with a model. It changes no "
        "file. Ends with Ctrl-C.",
        epilog="example: scriptmodel-trainer ui model/",
        fromfile_prefix_chars="@",  # for options that other users of the machine must not read
    )
    add = command.add_argument
    add("models", **{**_MODEL, "help": f"{_MODEL['help']}; also while it is trained"}, nargs="+")
    _add_address(command, 0)
    add("--name", default="", metavar="NAME", help="call the model so [default: as its folder]")
    add("--home", default="", metavar="URL", help="link to a list of more models")
    add("--no-browser", action="store_true", help="print the address only [default: open it, on a terminal]")


def _add_address(command: _Parser, port: int) -> None:
    add = command.add_argument
    add(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen at this address; another than this machine's own needs --token-file [default: 127.0.0.1]",
    )
    listen = f"listen at this port, 0 for a free one [default: {port}]"
    add("--port", type=option_values.port, default=port, metavar="N", help=listen)
    add("--token-file", **_FILE, help="answer only requests with the bearer's secret in this file")
    add(
        "--base-path",
        type=option_values.base_path,
        default="",
        metavar="PATH",
        help="serve below this path, as behind a proxy, for example /models/a",
    )
    add("--until-eof", action="store_true", help="end when standard input is closed, as the child of a program")
