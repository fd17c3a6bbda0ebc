"""The tables of docs/reference/options.md: flags, settings and presets of the trainer, and who would miss each.

What has no entry below is an error: a flag, a setting or a preset that nobody would miss goes.
"""

import json
import subprocess
import sys
from typing import Any

from pydantic.alias_generators import to_camel

from dev.generate import pages
from dev.paths import TRAINER_ENV
from scriptmodel_operator.api.network import Overrides

_PROGRAM = """
import argparse, dataclasses, json
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.model.presets import KEYS, PRESETS, Preset
sub = next(each for each in parser()._actions if isinstance(each, argparse._SubParsersAction))
flags = {
    name: {
        (action.option_strings or [action.metavar])[-1]: [action.metavar or action.choices, action.help]
        for action in command._actions
        if action.dest != "help"
    }
    for name, command in sub.choices.items()
}
settings = {
    field.name: [field.default, field.metadata.get("limits") or field.metadata.get("choices")]
    for field in dataclasses.fields(Preset)
    if field.name in KEYS
}
presets = {name: [preset.parameter_count(10_000), preset.epochs] for name, preset in PRESETS.items()}
print(json.dumps([flags, settings, presets]))
"""

_MODELS = "everyone: it is the model"
_SCRIPTED = "who compares models in a script"
_LAYOUT = "who knows better than the detection"
_TRAINING = {
    "--data": "everyone: it is the corpus",
    "--minutes": "who has so much time",
    "--preset": "who compares with published figures",
    "--set": "who searches for a better network",
    "--epochs": "who wants a first look",
    "--from": "whose corpus grows",
    "--base": "whose image or corpus has a base",
    "--layout": _LAYOUT,
    "--split": "who wants figures for plays that no part of was seen",
    "--state": "whose jobs are killed: pods, queues",
    "--checkpoint-seconds": "whose file server is slow",
    "--budget-seconds": "who pays for the time",
    "--log": "whose program reads the progress",
}
_WRITING = {
    "--words": "everyone: it is the length",
    "--temperature": "who wants tamer or bolder scripts",
    "--seed": "who wants another script, or the same one again",
    "--prompt": "who has the first line",
    "--speaker": "who has the first speaker",
    "--cast": "who writes for these actors",
    "--scene": "who has the place",
    "--continue": "who has written a scene",
    "--only-new": "who appends to a file of their own",
    "--samples": "who picks one of several",
    "--out": "who keeps the script",
    "--title": "who sends the script on",
    "--author": "who sends the script on",
}
FLAGS: dict[str, dict[str, str]] = {
    "normalize": {
        "PATH": "everyone: it is the corpus",
        "--out": "who trains on the stream again",
        "--layout": _LAYOUT,
        "--stats": "who looks for text that is lost",
        "--explain": "who wants to know why a line was read as it was",
    },
    "train": {
        **_TRAINING,
        "--out": _MODELS,
        "--seed": "who repeats a figure, or wants its spread",
        "--resume": "whose machine was needed in between",
    },
    "trial": {
        **_TRAINING,
        "--trial": "everyone: it is the run",
        "--out": "everyone: it is what came of it",
    },
    "select": {
        "FOLDER": "everyone: they are the runs",
        "--out": _MODELS,
        "--best": "everyone: it is the model",
        "--of": "the pipeline, which may run before the search is over",
    },
    "job": {"PATH": "the operator, whose Jobs have their URLs there"},
    "write": {
        "PATH": "everyone: it is the corpus",
        **_WRITING,
        "--force": "who writes the same file again",
        "--minutes": "who has so much time",
        "--base": "who has several bases, or wants the voice of the plays alone",
        "--continue-text": "who has a sentence to continue",
        "--next": "who is stuck in a scene",
        "--cento": "who would rather quote",
        "--mix": "who wants both",
    },
    "evaluate": {
        "MODEL_DIR": _MODELS,
        "--data": "everyone: it is the text",
        "--layout": _LAYOUT,
        "--json": _SCRIPTED,
    },
    "generate": {
        **_WRITING,
        "MODEL_DIR": _MODELS,
        "--top-p": "who compares with programs that have it",
        "--continue-text": "pipelines, whose jobs have no such file",
        "--takes": "who wants the words as `serve` streams them: 1",
        "--format": "who continues in a screenplay program",
        "--record": "who has to know later what made a script",
        "--log": "whose program reads what was written",
    },
    "judge": {
        "MODEL_DIR|SCRIPT": "everyone: it is what is judged",
        "--data": "everyone: it is what a script is compared with",
        "--layout": _LAYOUT,
        "--split": "who judges a script of a model that was trained with it",
        "--samples": "who compares models that are close",
        "--words": "who writes longer scripts than 500 words",
        "--seed": "who repeats a figure, or wants its spread",
        "--json": _SCRIPTED,
    },
    "voice": {
        "DRAFT": "everyone: it is what is looked at",
        "--with": "everyone: they are what it is compared with",
        "--layout": _LAYOUT,
        "--all": "who revises a scene speech by speech",
        "--json": _SCRIPTED,
    },
    "base": {
        "list|add|remove": "who shares bases, or makes one",
        "FILE|URL|NAME": "who shares bases, or makes one",
        "--sha256": "who fetches a base from elsewhere",
    },
    "report": {"MODEL_DIR": _MODELS, "--out": "who has several models"},
    "serve": {
        "MODEL_DIR": _MODELS,
        "--host": "who serves other machines",
        "--port": "who has another server on that port",
        "--token-file": "who does not want to serve everybody",
        "--base-path": "whose proxy has several servers",
        "--until-eof": "programs that start it as a child",
        "--max-tokens": "who shares the server",
        "--queue": "who shares the server",
    },
    "ui": {
        "MODEL_DIR": _MODELS,
        "--host": "who looks from another machine",
        "--port": "who keeps the address",
        "--token-file": "programs that start it as a child",
        "--base-path": "programs that show its pages as theirs",
        "--until-eof": "programs that start it as a child",
        "--name": "programs whose folders are called as commits",
        "--home": "programs that show its pages as theirs",
        "--no-browser": "who works on another machine",
    },
    "export": {
        "MODEL_DIR": _MODELS,
        "--out": "everyone: it is the file",
        "--format": "whose file has another suffix",
        "--title": "who gives the page away",
        "--author": "who gives the page away",
        "--continue": "who has written a scene",
    },
}
"""Who would miss a flag, by command."""

SETTINGS: dict[str, tuple[str, str, str]] = {
    "layers": ("LSTM layers", "`2`: +0.3 %", "who searches for a better network"),
    "hidden_units": ("Units per layer", "`264`: -0.1 %", "who searches for a better network"),
    "embedding_units": (
        "Width of the word vectors; 0: hidden_units",
        "`192`: -0.4 %",
        "who searches for a better network",
    ),
    "batch_size": ("Parallel streams of tokens", "`32`: +1.5 %", "who searches for a better network"),
    "epochs": ("Passes over the corpus, and the length of the schedule", "`10`: -1.8 %", "who has more or less time"),
    "learning_rate": ("Highest learning rate", "`0.3`: +0.8 %", "whose training diverges"),
    "dropout": ("Dropout of word vectors and of layers' outputs", "`0`: -0.9 %", "whose model overfits"),
    "vocabulary_size": ("Words; sub-words spell the others", "`10000`: -4.0 %", "who compares with another figure"),
    "patience": ("Epochs without improvement that end training; 0: none", "ends nothing", "whose model overfits early"),
}
"""What a setting means, what it did on eight plays (docs/results/presets.md), and who would miss it."""

PRESETS = {
    "auto": ("network and settings for the corpus and the minutes: the default", "everyone"),
    "demo": ("one small layer", "who wants to see a script in minutes"),
    "small": ("as published (Zaremba et al. 2014)", "who compares with published figures"),
    "medium": ("as published", "who compares with published figures"),
    "large": ("as published", "who compares with published figures"),
    "tuned": (
        "`small`'s size with tied embeddings, variational dropout and one cycle",
        "`auto`; who compares at that size",
    ),
    "test": ("two units", "who checks an installation"),
}
"""What a preset is, and who would miss it."""


def filled(page: str) -> str:
    """Return `page` with each table as the trainer is now. Raises SystemExit for a knob without a person."""
    done = subprocess.run([TRAINER_ENV / "bin/python", "-c", _PROGRAM], capture_output=True, text=True, check=True)
    flags, settings, presets = json.loads(done.stdout)
    tables = {name: _flags(name, found) for name, found in flags.items()}
    tables |= {"settings": _settings(settings), "presets": _presets(presets)}
    return pages.filled(page, tables.__getitem__)


def _flags(command: str, found: dict[str, list[Any]]) -> str:
    persons = FLAGS.get(command, {})
    _require_same(f"flags of {command}", persons, found)
    rows = []
    for name, (metavar, text) in found.items():
        value = "\\|".join(metavar) if isinstance(metavar, list) else (metavar or "").replace("|", "\\|")
        shown = name.replace("|", "\\|") if value == name.replace("|", "\\|") else f"{name} {value}".strip()
        rows.append((f"`{shown}`", text.replace("|", "\\|"), persons[name]))
    return pages.table(("option", "meaning", "who would miss it"), rows)


def _settings(found: dict[str, list[Any]]) -> str:
    _require_same("settings", SETTINGS, found)
    rows = []
    for name, (default, limits) in found.items():
        meaning, measured, person = SETTINGS[name]
        values = "true, false" if isinstance(default, bool) else ", ".join(map(str, limits))
        if isinstance(default, int | float) and not isinstance(default, bool):
            values = f"{limits[0]:g} to {limits[1]:g}"
        override = f"`{to_camel(name)}`" if name in Overrides.model_fields else ""
        rows.append((f"`{name}`", override, json.dumps(default).strip('"'), values, meaning, measured, person))
    heads = ("setting", "override", "`small`", "values", "meaning", "on eight plays", "who would miss it")
    return pages.table(heads, rows)


def _presets(found: dict[str, list[Any]]) -> str:
    _require_same("presets", PRESETS, {"auto": None, **found})
    rows = []
    for name, (meaning, person) in PRESETS.items():
        weights, epochs = found.get(name, ("", ""))
        figures = f"{weights:,}" if weights else ""
        rows.append((f"`{name}`", figures, str(epochs), meaning, person))
    heads = ("preset", "weights at 10,000 words", "epochs", "what it is", "who would miss it")
    return pages.table(heads, rows)


def _require_same(what: str, known: Any, found: Any) -> None:
    if odd := sorted(set(known) ^ set(found)):
        sys.exit(f"{what}: {', '.join(odd)}: name who would miss each in dev/generate/knobs.py, or remove it")
