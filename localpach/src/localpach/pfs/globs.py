"""Glob patterns with the real server's syntax, compiled to regular expressions.

In addition to `*`, `**`, `?`, `[...]` and `{a,b}` there are the extended forms `@(a|b)`, `?(...)`, `*(...)`, `+(...)`
and `!(...)`, whose matches are captured for `join_on` and `group_by`. Patterns for which a regular expression could
take too long are matched by their parts instead; captures always come from the regular expression.
"""

from __future__ import annotations

import re
from functools import lru_cache

from localpach.errors import PachError, UnimplementedError
from localpach.pfs.paths import GLOB_CHARACTER
from localpach.pfs.patterns import Part, captured, captured_unless, either, group, many, one, sequence

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
_ANY = "[^/]"
_FAST_STARS = 3
"""With more stars than these, or with a repeated group, a regular expression may take too long."""
_MAX_NESTED = 32


class Glob:
    """A compiled pattern that is matched against a whole path."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        found = GLOB_CHARACTER.search(pattern)
        self.literal_prefix = pattern[: found.start()] if found else pattern
        translation = _Translation(pattern)
        try:
            self._part = translation.part()
            self._regex = re.compile(self._part.regex, re.DOTALL)
        except re.error as error:
            raise PachError(f'invalid glob "{pattern}": {error.msg}') from None
        self._is_slow = translation.repeats or translation.stars > _FAST_STARS

    def matches(self, path: str) -> bool:
        """Return whether the pattern matches a path; the path of a directory has a trailing slash."""
        if path == "/" and self.pattern == "/":
            return True
        name = path.rstrip("/")
        return self._part.matches(name) if self._is_slow else self._regex.fullmatch(name) is not None

    def replace(self, path: str, template: str) -> str:
        """Return the template with `$1`, `$2` ... replaced by the captures of the pattern in the path."""
        match = self._regex.fullmatch(path)
        groups = (match[0], *match.groups()) if match else ()

        def captured(reference: re.Match[str]) -> str:
            if reference[0] == "$$":
                return "$"
            number = int(reference[1] or reference[2])
            return (groups[number] or "") if number < len(groups) else ""

        return re.sub(r"\$\$|\$(\d+)|\$\{(\d+)\}", captured, template)


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """Compile a cleaned pattern. Raises PachError if it cannot be parsed or is not supported."""
    return Glob(pattern)


class _Translation:
    """A single-pass translator from a pattern to its parts."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._in_repetition = False
        self._nested = 0
        self.stars = 0
        """Number of parts of any length so far."""
        self.repeats = False
        """Whether a group may be repeated."""

    def part(self) -> Part:
        """Return the whole pattern."""
        return self._alternatives(closing="", separator="")

    def _alternatives(self, closing: str, separator: str) -> Part:
        found: list[list[Part]] = [[]]
        while self._position < len(self._pattern):
            char = self._pattern[self._position]
            if closing and char == closing:
                break
            if separator and char == separator:
                found.append([])
                self._position += 1
                continue
            found[-1].append(self._item(char))
        return either([sequence(parts) for parts in found])

    def _item(self, char: str) -> Part:
        following = self._pattern[self._position + 1 : self._position + 2]
        if char in "*?@+!^" and following == "(":
            self._position += 2
            return self._capture(char)
        self._position += 1
        if char == "\\":
            self._position += 1
            return one(re.escape(following)) if following else sequence([])
        special = {
            "*": lambda: self._stars(following),
            "?": lambda: one(_ANY),
            "(": lambda: self._capture("@"),
            "{": lambda: group(self._group("}", ",")),
            "[": lambda: one(self._range()),
        }.get(char)
        return special() if special else one(re.escape(char))

    def _stars(self, following: str) -> Part:
        self._require_no_repetition("*")
        self.stars += 1
        after = self._pattern[self._position + 1 : self._position + 2]
        if following == "*" and after != "(":
            self._position += 1
            return many(".")
        return many(_ANY)

    def _group(self, closing: str, separator: str) -> Part:
        self._nested += 1
        if self._nested > _MAX_NESTED:
            raise UnimplementedError(f"localpach does not support globs with more than {_MAX_NESTED} nested groups")
        inner = self._alternatives(closing, separator)
        self._nested -= 1
        self._position += 1
        return inner

    def _capture(self, quantifier: str) -> Part:
        inner = self._group_of(quantifier)
        if quantifier in "!^":
            self.stars += 1
            return captured_unless(inner, many(_ANY))
        self.repeats = self.repeats or quantifier in "*+"
        return captured(inner, quantifier)

    def _group_of(self, quantifier: str) -> Part:
        if quantifier == "@":
            return self._group(")", "|")
        self._require_no_repetition(f"{quantifier}(...)")
        self._in_repetition = quantifier in "*+"
        inner = self._group(")", "|")
        self._in_repetition = False
        return inner

    def _require_no_repetition(self, item: str) -> None:
        """Raise UnimplementedError in a repeated group, where an item of any length takes exponential time to match."""
        if self._in_repetition:
            raise UnimplementedError(
                f'localpach does not support the glob "{self._pattern}": {item} cannot be in *(...) or +(...)'
            )

    def _range(self) -> str:
        content: list[str] = []
        negated = seen_any = nested = False
        while True:
            if self._position >= len(self._pattern):
                raise PachError("unexpected end of input")
            char = self._pattern[self._position]
            self._position += 1
            if char == "\\" and self._position < len(self._pattern):
                content.append(re.escape(self._pattern[self._position]))
                self._position += 1
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
        return f"[{'^' if negated else ''}{text}]"
