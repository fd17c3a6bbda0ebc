"""Paths of files, the keys by which they are sorted, and glob patterns, which become regular expressions."""

import posixpath
import re
from functools import lru_cache

from localpach.errors import PachError, UnimplementedError

DEFAULT_DATUM = "default"
SEPARATOR = "\0"
_PRINTABLE = re.compile(rb"[ -~]+")
_GLOB_CHARACTER = re.compile(r"[*?\[\]{}!()@+^]")
_GLOB_TOKEN = re.compile(r"\*\*|[*?]|[^*?]+")
_EXPRESSIONS = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def clean(path: str) -> str:
    """Return the canonical form of a path in a request: absolute, without dots, double slashes or a trailing slash."""
    cleaned = posixpath.normpath(path) if path else "."
    return "/" if cleaned == "." else "/" + cleaned.strip("/")


def validate(path: str) -> None:
    """Raise PachError if a path cannot be the path of a file."""
    if not _PRINTABLE.fullmatch(path.encode()):
        raise PachError(f"path ({path}) invalid: only printable ASCII characters allowed")
    globbing = _GLOB_CHARACTER.search(path)
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


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> re.Pattern[str]:
    """Compile a cleaned pattern. Raises UnimplementedError for one with other characters than `*` and `?`."""
    if any(found[0] not in "*?" for found in _GLOB_CHARACTER.finditer(pattern)):
        raise UnimplementedError(f'localpach does not support the glob "{pattern}": use *, ** and ?')
    pieces = (_EXPRESSIONS.get(token, re.escape(token)) for token in _GLOB_TOKEN.findall(pattern))
    return re.compile("".join(pieces), re.DOTALL)


def matches(glob: re.Pattern[str], path: str) -> bool:
    """Return whether a pattern matches a whole path; the path of a directory has a trailing slash."""
    return glob.pattern == "/" if path == "/" else glob.fullmatch(path.rstrip("/")) is not None
