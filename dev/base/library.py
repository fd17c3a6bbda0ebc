"""The lists of plays in bases/, and the folder with their files: checked by SHA-256, and fetched where missing."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dev.paths import ROOT

LISTS = ROOT / "bases"
_MOST_BYTES = 1 << 24
_SECONDS = 60.0


@dataclass(frozen=True)
class Play:
    """An edition of a play: the file of the library that has it, and where that comes from."""

    file: str
    title: str
    author: str
    year: str
    free: str
    sha256: str
    source: str
    translator: str = ""

    def __str__(self) -> str:
        """Return title, author, translator and year."""
        translated = f", translated by {self.translator}" if self.translator else ""
        return f"{self.title} by {self.author}{translated} ({self.year})"


@dataclass(frozen=True)
class Library:
    """What `bases/LANGUAGE.yaml` lists: plays, why each is free to use, and the settings of the training."""

    language: str
    licence: str
    held_out: tuple[str, ...]
    free: dict[str, str]
    training: dict[str, Any]
    plays: tuple[Play, ...]
    start: str = ""
    """The base whose weights the training starts from, with the words of these plays alone; else from nothing."""


def library(language: str) -> Library:
    """Return the list of a language; FileNotFoundError if there is none."""
    listed = yaml.safe_load((LISTS / f"{language}.yaml").read_text("utf-8"))
    plays = tuple(Play(**play) for play in listed.pop("plays"))
    return Library(**listed | {"held_out": tuple(listed["held_out"]), "plays": plays})


def problems(plays: tuple[Play, ...], folder: Path) -> list[str]:
    """Return a line for each file that the folder lacks, or has with another content."""
    lines = []
    for play in plays:
        path = folder / play.file
        if not path.is_file():
            lines.append(f"{play.file} is missing: {play}; {play.source}")
        elif (digest := _digest(path.read_bytes())) != play.sha256:
            lines.append(f"{play.file} has SHA-256 {digest}, not {play.sha256}: fetch {play.source}")
    return lines


def fetch_missing(plays: tuple[Play, ...], folder: Path, note: Callable[[str], None]) -> None:
    """Fetch the files that the folder lacks; one that cannot be fetched, or is another one, is noted and left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for play in plays:
        path = folder / play.file
        if path.exists():
            continue
        try:
            with urllib.request.urlopen(play.source, timeout=_SECONDS) as answer:  # noqa: S310 - https, as a test checks
                content = answer.read(_MOST_BYTES)
        except OSError as error:
            note(f"{play.source} cannot be fetched: {error}")
            continue
        if _digest(content) != play.sha256:
            note(f"{play.source} is not the file that the list has: its SHA-256 is {_digest(content)}")
            continue
        part = path.with_name(f".{play.file}.part")
        part.write_bytes(content)
        part.replace(path)
        note(f"fetched {play.file}: {play}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
