"""Parts of a glob, each as a regular expression and as a function that matches in polynomial time.

The function maps the positions of a path where a part may start to all positions where it may end. A set has each
position once, however many ways lead to it; a regular expression tries each way, which can take exponential time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Ends = Callable[[str, set[int]], set[int]]


@dataclass(frozen=True)
class Part:
    """A part of a glob."""

    regex: str
    ends: Ends

    def matches(self, path: str) -> bool:
        """Return whether the part matches a whole path."""
        return len(path) in self.ends(path, {0})


def one(regex: str) -> Part:
    """Return a part that matches one character. Raises re.error if the expression is invalid."""
    matched = re.compile(regex, re.DOTALL).match
    return Part(regex, lambda path, starts: {start + 1 for start in starts if matched(path, start)})


def many(regex: str) -> Part:
    """Return a part that matches any number of such characters."""
    return Part(f"{regex}*", _repeated(one(regex).ends))


def sequence(parts: Sequence[Part]) -> Part:
    """Return a part that matches the parts one after another."""

    def ends(path: str, starts: set[int]) -> set[int]:
        for part in parts:
            starts = part.ends(path, starts)
        return starts

    return Part("".join(part.regex for part in parts), ends)


def either(parts: Sequence[Part]) -> Part:
    """Return a part that matches any of the parts; its expression belongs into a group."""
    regex = "|".join(part.regex for part in parts)
    return Part(regex, lambda path, starts: {end for part in parts for end in part.ends(path, starts)})


def group(part: Part) -> Part:
    """Return a part as a group that is not captured."""
    return Part(f"(?:{part.regex})", part.ends)


def captured(part: Part, quantifier: str) -> Part:
    """Return a captured group: once for `@`, else as often as `?`, `*` or `+` of regular expressions allow."""
    repeated = _repeated(part.ends)
    ends: dict[str, Ends] = {
        "@": part.ends,
        "?": lambda path, starts: starts | part.ends(path, starts),
        "*": repeated,
        "+": lambda path, starts: repeated(path, part.ends(path, starts)),
    }
    return Part(f"({part.regex})" if quantifier == "@" else f"((?:{part.regex}){quantifier})", ends[quantifier])


def captured_unless(part: Part, rest: Part) -> Part:
    """Return a captured group that matches `rest`, but not where `part` matches a whole name."""

    def ends(path: str, starts: set[int]) -> set[int]:
        names = {start for start in starts if any(path[end : end + 1] in ("", "/") for end in part.ends(path, {start}))}
        return rest.ends(path, starts - names)

    return Part(f"((?!(?:{part.regex})(?:/|$)){rest.regex})", ends)


def _repeated(ends: Ends) -> Ends:
    def reached(path: str, starts: set[int]) -> set[int]:
        found = new = starts
        while new := ends(path, new) - found:
            found = found | new
        return found

    return reached
