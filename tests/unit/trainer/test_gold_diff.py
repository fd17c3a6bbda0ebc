"""The comparison of two versions of the layouts, line by line (tests/gold/difference.py)."""

import shutil
from pathlib import Path

import difference
import measure
import pytest

SOURCE = difference.ROOT / difference.SOURCE
TEXT = measure.SYNTHETIC / "caps-colon.txt"
NOTES = [(TEXT, TEXT.with_suffix(".tsv"))]
WANTED = [difference.Reading(str(TEXT), layout) for layout in ("auto", "plain")]


@pytest.fixture
def base(tmp_path: Path) -> difference.Base:
    """A version to which WARDEN is nobody's name."""
    source = tmp_path / "src"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("*.pyc.*"))  # which are being written
    names = source / "scriptmodel_trainer/corpus/layouts/names.py"
    names.write_text(names.read_text("utf-8") + "_NEVER |= {'WARDEN'}\n", "utf-8")
    return difference.Base(source, tmp_path / "kept.json")


def test_the_same_version_differs_in_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert difference.compare(difference.Base(SOURCE, tmp_path / "kept.json"), WANTED, NOTES, jobs=1)
    out = capsys.readouterr().out
    assert "1 texts, 2 readings" in out
    assert "0 lines differ in 0" in out


def test_lines_and_notes_that_a_rule_changes_are_named(
    base: difference.Base, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not difference.compare(base, WANTED, NOTES, jobs=1)
    out = capsys.readouterr().out
    assert f"{TEXT.name} (auto)" in out
    assert f"{TEXT.name} (plain)" not in out
    assert any(line.startswith("  + ") and "speech" in line and "WARDEN" in line for line in out.splitlines())
    assert "notes caps-colon: met now:" in out
    assert "missed" not in out


def test_what_a_version_read_before_is_not_read_again(base: difference.Base) -> None:
    first = base.fingerprints(WANTED, jobs=1)
    shutil.rmtree(base.source)
    assert base.fingerprints(WANTED, jobs=1) == first
