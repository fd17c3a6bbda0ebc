"""Pure functions: names, paths and patterns."""

import pytest

from localpach.errors import PachError
from localpach.messages import pps
from localpach.names import is_commit_id, validate_name
from localpach.pfs.paths import clean, compile_glob, matches, validate
from localpach.pps import specs
from tests.unit.localpach.client import pfs_input


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a/b", "é"])
def test_invalid_names_are_rejected(name: str) -> None:
    with pytest.raises(PachError, match="only alphanumeric characters"):
        validate_name(name)


def test_commit_ids_are_version_4_uuids() -> None:
    assert is_commit_id("11111111111141118111111111111111")
    assert not is_commit_id("11111111111111111111111111111111")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", "/"), (".", "/"), ("/", "/"), ("a", "/a"), ("//a//b/", "/a/b"), ("/a/../b", "/b"), ("/a/./b", "/a/b")],
)
def test_clean_paths(path: str, expected: str) -> None:
    assert clean(path) == expected


@pytest.mark.parametrize("path", ["/a\n", "/é", "/a*", "/a/../b", "/{a}", "/a^", ""])
def test_invalid_paths_are_rejected(path: str) -> None:
    with pytest.raises(PachError, match="invalid"):
        validate(path)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("/*", ["/a", "/a.txt", "/d/"], ["/", "/d/a"]),
        ("/**", ["/a", "/d/", "/d/a"], ["/"]),
        ("/", ["/"], ["/a"]),
        ("/*.txt", ["/a.txt"], ["/a.md", "/d/a.txt"]),
        ("/**/*.txt", ["/d/a.txt", "/d/e/a.txt"], ["/a.txt"]),
        ("/a?", ["/ab"], ["/a", "/a/"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    glob = compile_glob(pattern)
    assert [path for path in (*matching, *other) if matches(glob, path)] == matching


@pytest.mark.parametrize("name", [".", "..", "../../escaped", "/etc/escaped", "a\0b"])
def test_inputs_outside_their_folder_are_rejected(name: str) -> None:
    with pytest.raises(PachError, match="input cannot be named"):
        specs.complete(pps.PipelineInfo(pipeline={"name": "p"}, details={"input": pfs_input("corpus", "/", name=name)}))
