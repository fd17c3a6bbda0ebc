"""Reads the options of a command from their lines in its help: `--words N  length limit in words [default: 500]`.

The metavar says what a value is: words in small letters, as `text|json`, are choices, PATH... is one or more, [FILE]
may be missing, and an option without one is a switch. `[default: X]` is the value without the option if X is one word.
"""

import argparse
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.cli import values

LINE = re.compile(r"^(?P<head>\S+(?: \S+)*) {2,}(?P<help>.*(?:\n {4}.*)*)", re.MULTILINE)
_CHOICES = re.compile(r"[a-z]+(?:\|[a-z]+)+")
_DEFAULT = re.compile(r"\[default: (?!any\])([\w.]+)\]$")
_TYPES: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("DIR", "DRAFT", "FILE", "FOLDER", "PATH", "MODEL_DIR"), values.pfs_path),
    **dict.fromkeys(("P", "S"), float),
    "FILE|-": values.text_file,
    "MODEL_DIR|SCRIPT": values.model_folder,
    "N": int,
    "NAMES|any": values.cast,
    "T": values.temperature,
}
_OWN_TYPES: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("--minutes", "--budget-seconds"), str),  # which an environment variable may be instead
    "--epochs": "epochs={}".format,
    "--port": values.port,
    "document": Path,
}
_DESTINATIONS = {
    **{"--all": "every", "--json": "as_json", "--next": "lines", "--with": "plays"},
    **{"--continue": "continued", "--continue-text": "text", "--from": "start"},
    **{"--epochs": "settings", "--set": "settings", "--format": "kind", "--speaker": "speaker"},
}
_EMPTY = (
    "--author",
    "--prompt",
    "--scene",
    "--speaker",
    "--title",
)
_EXCLUSIVE = (("--continue", "--continue-text"), ("--from", "--base"))


def add_options(command: argparse.ArgumentParser, lines: str, required: Collection[str]) -> None:
    """Add the options on some lines, of which some are required, to the parser of a command."""
    groups: dict[tuple[str, ...], argparse._ActionsContainer] = {(): command}
    for match in LINE.finditer(lines):
        head = match["head"].split()
        names = [word for word in head if word.startswith("--")] or head[:1]
        group = next((each for each in _EXCLUSIVE if names[-1] in each), ())
        if group not in groups:
            groups[group] = command.add_mutually_exclusive_group()
        settings = _settings(names[-1], head[len(names) :], " ".join(match["help"].split()))
        if names[-1] in required:
            settings["required"] = True
        groups[group].add_argument(*names, **settings)


def _settings(name: str, metavars: Sequence[str], text: str) -> dict[str, Any]:
    """Return the settings of argparse for an option, given its last name, its metavars and its help."""
    named = name.startswith("--")
    settings: dict[str, Any] = {"help": text, **({"dest": _DESTINATIONS[name]} if name in _DESTINATIONS else {})}
    if not metavars:
        return settings | {"action": "store_true"}
    metavar, several = metavars[0].strip("[]").removesuffix("..."), metavars[0].endswith("...")
    kind = str if _CHOICES.fullmatch(metavar) else _OWN_TYPES.get(name) or _TYPES.get(metavar, str)
    if metavar == "MODEL_DIR" and not named:
        kind = values.model_folder
    settings |= {"metavar": metavar, "type": kind}
    if _CHOICES.fullmatch(metavar):
        settings["choices"] = metavar.split("|")
    if several or len(metavars) > 1 or metavars[0].startswith("["):
        settings["nargs"] = "+" if several else len(metavars) if len(metavars) > 1 else "?"
    if several and named:
        settings["action"] = "extend"
    if found := _DEFAULT.search(text):
        settings["default"] = kind(found[1])
    elif name in _EMPTY:
        settings["default"] = ""
    if settings.get("dest") == "settings":
        settings |= {"default": [], "action": "extend" if several else "append"}
    return settings
