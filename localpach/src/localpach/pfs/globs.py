"""Glob patterns: `*`, `**`, `?`, `[...]` and `{a,b}`.

They are matched as regular expressions. One with many stars could take exponential time, so its pieces are followed
instead, from the set of all places of the path where one may start to the set of those where it may end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from localpach.errors import InvalidGlobError, UnimplementedError
from localpach.pfs.paths import GLOB_CHARACTER

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_STARS = {"*": "[^/]*", "**": ".*"}
_FAST_STARS = 3
_MOST_ALTERNATIVES = 256


class Glob:
    """A compiled pattern that is matched against a whole path."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        found = GLOB_CHARACTER.search(pattern)
        self.literal_prefix = pattern[: found.start()] if found else pattern
        self._alternatives = _alternatives(pattern)
        expressions = ("".join(_STARS.get(piece, piece) for piece in pieces) for pieces in self._alternatives)
        try:
            self._regex = re.compile("|".join(expressions), re.DOTALL)
        except re.error as error:
            raise InvalidGlobError(f'invalid glob "{pattern}": {error.msg}') from None
        self._is_slow = any(sum(piece in _STARS for piece in each) > _FAST_STARS for each in self._alternatives)

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches a path; the path of a directory has a trailing slash."""
        if path == "/" and self.pattern == "/":
            return True
        name = path.rstrip("/")
        if self._is_slow:
            return any(_follow(pieces, name) for pieces in self._alternatives)
        return self._regex.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """Compile a cleaned pattern. Raises InvalidGlobError or UnimplementedError."""
    return Glob(pattern)


def _follow(pieces: Sequence[str], path: str) -> bool:
    places = {0}
    for piece in pieces:
        ends: set[int] = set()
        for place in places:
            if piece not in _STARS:
                if re.compile(piece, re.DOTALL).match(path, place):
                    ends.add(place + 1)
                continue
            end = place
            while end not in ends:
                ends.add(end)
                if end < len(path) and (piece == "**" or path[end] != "/"):
                    end += 1
        places = ends
    return len(path) in places


def _alternatives(pattern: str) -> list[list[str]]:
    """Return what a pattern means for each choice of its groups, as stars and regular expressions of one character."""
    outer: list[tuple[list[list[str]], list[list[str]]]] = []
    """What is before each open group, and the alternatives of the group that are complete."""
    current: list[list[str]] = [[]]

    def close() -> list[list[str]]:
        before, complete = outer.pop()
        inside = complete + current
        if len(before) * len(inside) > _MOST_ALTERNATIVES:
            raise UnimplementedError(f"localpach does not support globs with over {_MOST_ALTERNATIVES} alternatives")
        return [head + tail for head in before for tail in inside]

    for piece in _pieces(pattern):
        if piece == "{":
            outer.append((current, []))
            current = [[]]
        elif piece == "," and outer:
            outer[-1][1].extend(current)
            current = [[]]
        elif piece == "}" and outer:
            current = close()
        else:
            current = [[*each, piece] for each in current]
    while outer:  # the end of the pattern closes all groups
        current = close()
    return current


def _pieces(pattern: str) -> Iterator[str]:
    position = 0
    while position < len(pattern):
        char = pattern[position]
        position += 1
        if char == "\\":
            if position < len(pattern):
                yield f"[{re.escape(pattern[position])}]"
            position += 1
        elif char == "*":
            deep = pattern.startswith("*", position)
            position += deep
            yield "**" if deep else "*"
        elif char == "?":
            yield "[^/]"
        elif char == "[":
            expression, position = _range(pattern, position)
            yield expression
        elif char == "(":  # as in @(a|b), !(a)
            raise UnimplementedError(f'localpach does not support the glob "{pattern}": use *, ?, [...] and {{a,b}}')
        else:
            yield char if char in "{,}" else re.escape(char)


def _range(pattern: str, position: int) -> tuple[str, int]:
    content: list[str] = []
    negated = seen_any = nested = False
    while True:
        if position >= len(pattern):
            raise InvalidGlobError("unexpected end of input")
        char = pattern[position]
        position += 1
        if char == "\\" and position < len(pattern):
            content.append(re.escape(pattern[position]))
            position += 1
        elif char == "]" and not nested:
            break
        elif not seen_any and char in "!^":
            negated = True
        else:
            nested = char == "[" or (nested and char != "]")
            content.append(char if char in "-:[]" or char.isalnum() else re.escape(char))
        seen_any = True
    text = "".join(content)
    for name, members in _POSIX.items():
        text = text.replace(f"[:{name}:]", members)
    return f"[{'^' if negated else ''}{text}]", position
