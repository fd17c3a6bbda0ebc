"""Globs that select files of an archive."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.ingest.patterns import Patterns


@pytest.mark.parametrize(
    ("path", "pattern", "matches"),
    [
        ("a.txt", "*.txt", True),
        ("deep/down/a.txt", "*.txt", True),
        ("deep/down/a.md", "*.txt", False),
        ("A.TXT", "*.txt", False),
        ("plays/a.txt", "plays/*.txt", True),
        ("plays/old/a.txt", "plays/*.txt", False),
        ("plays/old/a.txt", "plays/**/*.txt", True),
        ("plays/a.txt", "plays/**/*.txt", True),
        ("plays/a.txt", "/plays/a.txt", True),
        ("other/plays/a.txt", "plays/a.txt", False),
        ("other/plays/a.txt", "**/plays/a.txt", True),
        ("plays/old/a", "plays/**", True),
        ("s01e02.txt", "s??e??.txt", True),
        ("b.txt", "[ab].txt", True),
    ],
)
def test_patterns(path: str, pattern: str, *, matches: bool) -> None:
    assert Patterns([pattern]).match(path) is matches


def test_without_patterns_everything_is_selected_and_one_of_several_is_enough() -> None:
    assert Patterns([]).match("x")
    assert Patterns(["*.txt", "*.md"]).match("x.md")


def by_folders(path: str, pattern: str) -> bool:
    """The meaning of a glob, part by part and by fnmatch, in time that grows with the product of both."""
    parts, expected = path.split("/"), [part for part in pattern.split("/") if part]
    if "/" not in pattern:
        return fnmatchcase(parts[-1], pattern)
    row = [True] + [False] * len(parts)
    for part in expected:
        if part == "**":
            reached = False
            row = [reached := reached or cell for cell in row]
        else:
            row = [False] + [cell and fnmatchcase(name, part) for cell, name in zip(row, parts, strict=False)]
    return row[-1]


NAMES = st.text("ab]!-\n", min_size=1, max_size=3)
PARTS = st.sampled_from(["**", "*", "a", "b"]) | st.text("ab*?[]!-\n", max_size=5)
GLOBS = st.lists(PARTS, min_size=1, max_size=4).map("/".join).filter(bool)


@given(st.lists(NAMES, min_size=1, max_size=4).map("/".join), st.lists(GLOBS, min_size=1, max_size=3))
def test_globs_mean_what_fnmatch_means_in_each_folder(path: str, globs: list[str]) -> None:
    assert Patterns(globs).match(path) is any(by_folders(path, glob) for glob in globs)


@pytest.mark.parametrize(
    "glob", ["**/a/" * 50 + "b", "/".join(["**", "*a*a*a*b"] * 25), "*a" * 120 + "b", "[!b]*" * 50]
)
def test_the_work_for_a_path_grows_with_its_length_alone(glob: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character advances the states of all globs once, whatever the globs."""
    patterns, moved = Patterns([glob] * 32), list[str]()
    moving = patterns._moving
    monkeypatch.setattr(patterns, "_moving", lambda character: moved.append(character) or moving(character))
    path = "/".join(["a"] * 500) + "/c"
    assert not patterns.match(path)
    assert len(moved) <= len(path)
