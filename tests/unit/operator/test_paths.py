"""Names in an archive."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.paths import clean, in_pachyderm, shown

ALLOWED = re.compile(r"/[ -~]*")
GLOBBING = re.compile(r"[*?\[\]{}!()@+^]")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a.txt", "a.txt"),
        ("./a/./b.txt", "a/b.txt"),
        ("a//b/", "a/b"),
        ("a\\b.txt", "a/b.txt"),
        ("./", ""),
        ("...", "..."),
        ("a..b", "a..b"),
    ],
)
def test_paths_are_cleaned(name: str, path: str) -> None:
    assert clean(name) == path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/passwd", "absolute path"),
        ("\\windows\\system.ini", "absolute path"),
        ("C:\\boot.ini", "absolute path"),
        ("../up", "leads outside"),
        ("a/../../up", "leads outside"),
        ("a\\..\\up", "leads outside"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused_by_name(name: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        clean(name)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_path_is_one_that_pachyderm_allows(name: str) -> None:
    try:
        path = clean(name)
    except SourceError:
        return
    called = in_pachyderm(path)
    assert ALLOWED.fullmatch(called)
    assert not GLOBBING.search(called)
    assert not {"..", "."} & set(called.split("/"))


def test_characters_that_pachyderm_does_not_allow_are_percent_encoded() -> None:
    assert in_pachyderm("Épisode (1)!.txt") == "/%C3%89pisode %281%29%21.txt"
    assert in_pachyderm("a\\b") == "/a%5Cb", "a backslash escapes the next character when a file is read"
    assert in_pachyderm(b"caf\xe9".decode("utf-8", "surrogateescape")) == "/caf%E9"


@given(st.text())
def test_a_name_in_a_message_is_short_and_printable(name: str) -> None:
    assert len(shown(name)) <= 200
    assert shown(name).isprintable()
