"""`make plays` writes the corpus into a folder and changes no existing file."""

import subprocess
import sys
from pathlib import Path

from dev.paths import ROOT
from dev.plays import plays, write


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dev.plays", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_all_plays_are_written_next_to_existing_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("my own")
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (0, f"38 plays written in {tmp_path}/\n"), done.stderr
    assert (tmp_path / "mine.txt").read_text() == "my own"
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.md")} == {p.name: p.read_bytes() for p in plays()}
    assert len(list(tmp_path.iterdir())) == 39


def test_a_second_run_writes_only_missing_files(tmp_path: Path) -> None:
    write(tmp_path / "plays")
    (tmp_path / "plays" / plays()[0].name).unlink()
    assert write(tmp_path / "plays") == 1
    assert run(tmp_path / "plays").stdout.startswith("all plays exist already")


def test_a_file_that_was_changed_is_neither_overwritten_nor_are_others_written(tmp_path: Path) -> None:
    changed = tmp_path / plays()[-1].name
    changed.write_text("HAMLET: my own version\n")
    done = run(tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"plays: {changed} exists and is not the play of that name")
    assert list(tmp_path.iterdir()) == [changed]
    assert changed.read_text() == "HAMLET: my own version\n"
