"""Corpora that are hostile by their files on disk, or by control sequences."""

import os
import subprocess
from pathlib import Path

import pytest
from running import run_trainer

from scriptmodel_trainer.corpus import folders, reading
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.storage.controls import without_controls

TEXT = "ANNA. The tide is early.\n\nBEN. It was early yesterday.\n\n" * 5


def names(folder: Path) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    return [source.name for source in reading.find_sources([folder], notes.append)], notes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "corpus"
    made.mkdir()
    (made / "play.txt").write_text(TEXT)
    return made


def test_links_out_of_the_corpus_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("do not read")
    (folder / "a.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "b").symlink_to("/proc")
    (folder / "c").symlink_to("..")
    found, notes = names(folder)
    assert found == ["play.txt"]
    assert [note.split(":")[0] for note in notes] == ["left out a.txt", "left out b", "left out c"]


def test_links_within_the_corpus_and_to_it_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "acts").mkdir()
    (folder / "acts" / "one.txt").write_text(TEXT)
    (folder / "also").symlink_to("acts")
    (folder / "round").symlink_to(".")
    (tmp_path / "link").symlink_to(folder)
    assert names(tmp_path / "link") == (["play.txt", "acts/one.txt"], [])


def test_links_that_lay_out_pfs_are_followed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFS_ROOT", str(tmp_path))
    (tmp_path / "cache").write_text(TEXT)
    (folder / "cached.txt").symlink_to(tmp_path / "cache")
    assert names(folder)[0] == ["cached.txt", "play.txt"]


def test_special_files_and_links_to_nothing_are_left_out(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    (folder / "lost.txt").symlink_to("nowhere")
    (folder / "self.txt").symlink_to("self.txt")
    found, notes = names(folder)
    assert found == ["play.txt"]
    assert len(notes) == 3


def test_folders_too_deep_are_left_out(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=number)
        below = os.open("d", os.O_RDONLY, dir_fd=number)
        os.close(number)
        number = below
    os.close(number)
    found, notes = names(folder)
    subprocess.run(["rm", "-r", folder / "d"], check=True)  # pytest's own cleaning recurses
    assert found == ["play.txt"]
    assert notes[0].endswith("it lies too deep")
    assert len(notes[0]) < 300


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MOST_ENTRIES", 3)
    for number in range(4):
        (folder / f"{number}.txt").write_text(TEXT)
    with pytest.raises(reading.BadInputError, match="more than 3 files"):
        names(folder)


@pytest.mark.parametrize("layout", ["auto", "plain", "normalized", "fountain", "markdown"])
def test_control_sequences_do_not_reach_the_stream(layout: str, folder: Path) -> None:
    (folder / "play.txt").write_text(TEXT.replace("tide", "\x1b]0;ti\x07d\x9b\x7fe\u202e\u2066"), "utf-8")
    (folder / "a\x1b[2Jb.py").write_text("x")
    done = run_trainer(["normalize", folder, "--layout", layout, "--stats", folder / "stats"])
    assert done.returncode == 0
    assert "is early" in done.stdout
    assert not {"\x1b", "\x07", "\x9b", "\x7f", "\u202e", "\u2066"} & set(
        done.stdout + done.stderr + (folder / "stats").read_text("utf-8")
    )
    assert "left out a\\x1b[2Jb.py" in done.stderr


def test_tabs_and_letters_of_other_scripts_stay() -> None:
    assert without_controls("\tÉtude\u200f א\f") == "\tÉtude\u200f א\f"


@pytest.mark.parametrize("joiner", ["", "\u200b"])
def test_combining_marks_without_end_are_cut_to_thirty(joiner: str) -> None:
    words = split_words("a" + f"\u0316\u0300{joiner}" * 2000)
    assert sum(map(len, words)) <= 31
    assert split_words("Zu\u0308rich") == ["Zürich"]
