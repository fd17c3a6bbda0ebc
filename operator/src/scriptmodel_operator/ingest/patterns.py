"""Matches paths against globs in time linear in the path, for any globs. Pure.

A pattern without a slash matches the name in any folder: `*.txt`. One with a slash matches the whole path; `**`
matches any number of folders: `scripts/**/*.txt`. Within a name, `*`, `?`, `[ab]` and `[!ab]` are those of fnmatch.

All patterns together become one automaton whose states are the bits of an integer, one for each position in a pattern
(Baeza-Yates and Gonnet, "A new approach to text searching", 1992). A character of a path moves all states at once, so
there is nothing to backtrack to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate

_ANY_DEPTH = "**"
_SLASH = "/"
_CLASS = re.compile(r"\[!?\]?[^]]*\]")
_MOST_REMEMBERED = 4096


class Patterns:
    """A set of globs. No glob at all matches everything."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._everything = not patterns
        self._size = 0
        self._start = self._accept = 0
        self._any = 0
        """Positions of `?`: any character but a slash moves on from them."""
        self._star = self._deep = 0
        """Positions that remain active: at any character but a slash (`*`), at any character (`**`)."""
        self._folders = 0
        """Positions before a `**`, which may match no folder at all."""
        self._literals: dict[str, int] = {}
        self._classes: list[tuple[re.Pattern[str], int]] = []
        self._moves: dict[str, int] = {}
        for pattern in patterns:
            self._add(pattern)
        self._start = self._without_reading(self._start)

    def match(self, path: str) -> bool:
        """Return whether a glob matches `path`, whose parts are separated by single slashes."""
        if self._everything:
            return True
        states = self._start
        for character in path:
            stay = self._deep if character == _SLASH else self._deep | self._star
            states = self._without_reading(((states & self._moving(character)) << 1) | (states & stay))
            if not states:
                return False
        return bool(states & self._accept)

    def _without_reading(self, states: int) -> int:
        """Add the positions that are reached before the next character: behind a star, behind no folder at all."""
        entered = states & self._folders
        states |= entered << 1 | entered << 2
        return states | (states & self._star) << 1

    def _moving(self, character: str) -> int:
        """Return the positions that `character` moves on from."""
        found = self._moves.get(character)
        if found is None:
            found = self._literals.get(character, 0)
            if character != _SLASH:
                found |= self._any
                for pattern, position in self._classes:
                    found |= position if pattern.match(character) else 0
            if len(self._moves) >= _MOST_REMEMBERED:
                self._moves.clear()
            self._moves[character] = found
        return found

    def _add(self, pattern: str) -> None:
        parts = [part for part in pattern.split(_SLASH) if part]
        if _SLASH not in pattern:
            parts = [_ANY_DEPTH, pattern if pattern != _ANY_DEPTH else "*"]
        parts = [part for at, part in enumerate(parts) if part != _ANY_DEPTH or parts[at - 1 : at] != [_ANY_DEPTH]]
        self._start |= self._position()
        for at, part in enumerate(parts):
            last = at == len(parts) - 1
            if part == _ANY_DEPTH:
                self._add_folders(first=at == 0, last=last)
            else:
                self._add_name(part)
                if not last and parts[at + 1 :] != [_ANY_DEPTH]:
                    self._add_literal(_SLASH)
        self._accept |= self._position()
        self._size += 1

    def _add_folders(self, *, first: bool, last: bool) -> None:
        if not last:
            self._folders |= self._position()
            self._size += 1
            self._deep |= self._position()
            self._add_literal(_SLASH)
            return
        if not first:  # the folder itself is matched, too
            self._accept |= self._position()
            self._add_literal(_SLASH)
        self._deep |= self._position()

    def _add_name(self, part: str) -> None:
        part, at = re.sub(r"\*+", "*", part), 0
        while at < len(part):
            found = _CLASS.match(part, at) if part[at] == "[" else None
            if found:
                self._classes.append((_as_regex(found[0]), self._position()))
            elif part[at] == "*":
                self._star |= self._position()
            elif part[at] == "?":
                self._any |= self._position()
            else:
                self._literals[part[at]] = self._literals.get(part[at], 0) | self._position()
            self._size += 1
            at = found.end() if found else at + 1

    def _add_literal(self, character: str) -> None:
        self._literals[character] = self._literals.get(character, 0) | self._position()
        self._size += 1

    def _position(self) -> int:
        return 1 << self._size


def _as_regex(glob: str) -> re.Pattern[str]:
    """Return a class such as `[!a-c]` as a regular expression for one character."""
    return re.compile(translate(glob))
