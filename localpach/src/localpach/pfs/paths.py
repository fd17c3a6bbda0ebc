"""Paths of files: their canonical form, validation, and the keys by which they are sorted."""

import posixpath
import re

from localpach.errors import PachError

DEFAULT_DATUM = "default"
SEPARATOR = "\0"
_PRINTABLE = re.compile(rb"[ -~]+")
GLOB_CHARACTER = re.compile(r"[*?\[\]{}!()@+^]")


def clean(path: str) -> str:
    """Return the canonical form of a path in a request: absolute, without dots, double slashes or a trailing slash."""
    cleaned = posixpath.normpath(path) if path else "."
    return "/" if cleaned == "." else "/" + cleaned.strip("/")


def validate(path: str) -> None:
    """Raise PachError if a path cannot be the path of a file."""
    if not _PRINTABLE.fullmatch(path.encode()):
        raise PachError(f"path ({path}) invalid: only printable ASCII characters allowed")
    globbing = GLOB_CHARACTER.search(path)
    if globbing:
        raise PachError(f"path ({path}) invalid: globbing character ({globbing[0]}) not allowed in path")
    if any(element in (".", "..") for element in path.split("/")):
        raise PachError(f"path ({path}) invalid: relative file paths are not allowed")


def key(path: str, datum: str) -> str:
    """Return the key of a file, which sorts by path, then by datum."""
    return f"{path}{SEPARATOR}{datum}"


def split_key(text: str) -> tuple[str, str]:
    path, _, datum = text.partition(SEPARATOR)
    return path, datum
