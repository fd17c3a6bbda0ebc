"""Glob patterns, which become regular expressions: `*`, `**`, `?`, `[...]` and `{a,b}`."""

import re
from collections.abc import Iterator
from functools import lru_cache

from localpach.errors import InvalidGlobError, UnimplementedError
from localpach.pfs.paths import GLOB_CHARACTER

_RANGE = re.compile(r"\[([!^]?)((?:\\.|[^\]\\])*)\]", re.DOTALL)


class Glob:
    """A compiled pattern that is matched against a whole path."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        found = GLOB_CHARACTER.search(pattern)
        self.literal_prefix = pattern[: found.start()] if found else pattern
        try:
            self._regex = re.compile("".join(_expressions(pattern)), re.DOTALL)
        except re.error as error:
            raise InvalidGlobError(f'invalid glob "{pattern}": {error.msg}') from None

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches a path; the path of a directory has a trailing slash."""
        if path == "/" and self.pattern == "/":
            return True
        return self._regex.fullmatch(path.rstrip("/")) is not None


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """Compile a cleaned pattern. Raises InvalidGlobError or UnimplementedError."""
    return Glob(pattern)


def _expressions(pattern: str) -> Iterator[str]:
    """Yield the regular expression of each piece of a pattern, whose end closes all groups."""
    position = groups = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "\\":
            yield re.escape(pattern[position : position + 1])
            position += 1
        elif char == "*":
            deep = pattern.startswith("*", position)
            position += deep
            yield ".*" if deep else "[^/]*"
        elif char == "?":
            yield "[^/]"
        elif char == "[":
            found = _RANGE.match(pattern, position - 1)
            if found is None:
                raise InvalidGlobError("unexpected end of input")
            yield _range(*found.groups())
            position = found.end()
        elif char == "(":  # as in @(a|b), !(a)
            raise UnimplementedError(f'localpach does not support the glob "{pattern}": use *, ?, [...] and {{a,b}}')
        elif char == "{":
            groups += 1
            yield "(?:"
        elif groups and char in ",}":
            groups -= char == "}"
            yield "|" if char == "," else ")"
        else:
            yield re.escape(char)
    yield ")" * groups


def _range(negation: str, members: str) -> str:
    if "[:" in members:
        raise UnimplementedError("localpach does not support classes of characters in globs: name the characters")
    escaped = re.sub(
        r"\\?(.)", lambda found: found[1] if found[0] == "-" else re.escape(found[1]), members, flags=re.DOTALL
    )
    return f"[{'^' if negation else ''}{escaped}]"
