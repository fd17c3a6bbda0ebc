"""Corpora that are hostile by their files on disk, or by characters that give orders to a terminal or a page."""

import os
import subprocess
from pathlib import Path

import pytest
from running import run_trainer
from samples import TALK

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
    monkeypatch.setattr(folders, "MOST_ENTRIES", 3)
    for number in range(4):
        (folder / f"{number}.txt").write_text(TEXT)
    with pytest.raises(reading.BadInputError, match="more than 3 files"):
        names(folder)


def test_tabs_and_letters_of_other_scripts_stay() -> None:
    assert without_controls("\tÉtude\u200f א\f") == "\tÉtude\u200f א\f"


@pytest.mark.parametrize("joiner", ["", "\u200b"])
def test_combining_marks_without_end_are_cut_to_thirty(joiner: str) -> None:
    words = split_words("a" + f"\u0316\u0300{joiner}" * 2000)
    assert sum(map(len, words)) <= 31
    assert split_words("Zu\u0308rich") == ["Zürich"]


C0 = {chr(code) for code in range(1, 32)} - set("\t\n\f\r")
C1 = {chr(code) for code in range(0x7F, 0xA0)}
BIDI = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
HOSTILE = "".join(sorted(C0 | C1 | BIDI))
NAME = "pl\x1b[2J\x9b\u202eay"


def talk(layout: str) -> str:
    """A text that has each of the characters in a word, in a name, in a direction and alone."""
    if layout in ("plain", "normalized"):
        return "".join(f"the ti{char}de {char} is early\n" for char in HOSTILE) + "word " * 700
    hostile = (
        f"AN{char}NA. The ti{char}de {char} is early.\n\n[En{char}ter BEN.]\n\nBEN{char}. It is.\n\n"
        for char in HOSTILE
    )
    return TALK * 40 + "".join(hostile) + TALK


def hostile_corpus(folder: Path, layouts: dict[str, str]) -> Path:
    """A corpus of such names, with a file without words and one in each layout."""
    folder.mkdir()
    (folder / f"{NAME}.empty.txt").write_text("...\n" * 20)
    for name, layout in layouts.items():
        (folder / f"{NAME}{name}.txt").write_text(talk(layout), "utf-8")
    return folder


def clean(text: str) -> bool:
    return not set(HOSTILE) & set(text)


@pytest.mark.parametrize("layout", ["auto", "plain", "normalized", "caps-period", "fountain", "markdown"])
def test_normalize_writes_no_control_character(layout: str, tmp_path: Path) -> None:
    data, stats = hostile_corpus(tmp_path / "corpus", {"": layout}), tmp_path / "stats.json"
    (data / f"{NAME}.py").write_text("x")
    done = run_trainer(["normalize", data, "--layout", layout, "--stats", stats])
    assert done.returncode == 0, done.stderr
    assert "early" in done.stdout
    assert "left out pl\\x1b[2J" in done.stderr
    assert clean(done.stdout + done.stderr + stats.read_text("utf-8"))


def test_a_model_and_its_scripts_and_report_hold_no_control_character(tmp_path: Path) -> None:
    data = hostile_corpus(tmp_path / "corpus", {"": "caps-period", "2": "plain"})
    settings = ["--preset", "test", "--set", "hidden_units=4", "epochs=1", "batch_size=16", "vocabulary_size=500"]
    trained = run_trainer(["train", "--data", data, "--out", tmp_path / "model", *settings])
    assert trained.returncode == 0, trained.stderr
    written = run_trainer(["generate", tmp_path / "model", "--words", "100", "--temperature", "2"])
    assert written.returncode == 0, written.stderr
    log = (tmp_path / "model" / "train.log.jsonl").read_text("utf-8")
    assert "\\u001b" in log  # the file's name, escaped
    shown = run_trainer(["report", tmp_path / "model", "--out", tmp_path / "model" / "again.html"])
    assert shown.returncode == 0, shown.stderr
    said = {
        f"{kind} {at}": getattr(done, kind)
        for at, done in enumerate((trained, written, shown))
        for kind in ("stdout", "stderr")
    }
    texts = [path for path in (tmp_path / "model").iterdir() if path.suffix != ".safetensors"]
    said |= {path.name: path.read_text("utf-8") for path in texts}
    assert [where for where, text in said.items() if not clean(text)] == []
