"""Pure functions: patterns, and names that would lead out of a folder."""

import pytest

from localpach.errors import PachError
from localpach.messages import pps
from localpach.pfs.paths import compile_glob, matches
from localpach.pps import specs
from tests.unit.localpach.client import pfs_input


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
