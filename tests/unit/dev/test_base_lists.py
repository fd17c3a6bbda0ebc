"""The lists of plays that bases are trained on, free and without what is held out; and what `make plays` writes."""

import dataclasses
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev.base.__main__ import card_of, settings
from dev.base.library import LISTS, Library, Play, fetch_missing, library
from dev.paths import ROOT
from dev.plays import plays, write

LANGUAGES = sorted(path.stem for path in LISTS.glob("*.yaml"))
TEXT = b"ANNA. The river will not leave.\n"
PLAY = Play("a.txt", "A Play", "A. Author", "1901", "us", hashlib.sha256(TEXT).hexdigest(), "https://plays/a.txt")


@pytest.fixture(params=LANGUAGES, scope="module")
def listed(request: pytest.FixtureRequest) -> Library:
    return library(request.param)


def test_each_play_has_a_digest_a_source_and_a_reason_why_it_is_free(listed: Library) -> None:
    for play in listed.plays:
        assert re.fullmatch("[0-9a-f]{64}", play.sha256), play
        assert re.fullmatch(r"https://\S+", play.source), play
        assert play.free in listed.free, play
        assert all((play.title, play.author, play.year)), play


def test_no_play_is_listed_twice(listed: Library) -> None:
    for name in ("file", "sha256", "source"):
        values = [getattr(play, name) for play in listed.plays]
        assert len(set(values)) == len(values)
    assert len({(play.title, play.author) for play in listed.plays}) == len(listed.plays)


def test_no_held_out_author_and_no_gold_play_is_listed(listed: Library) -> None:
    assert len(listed.held_out) >= 3
    surnames = [author.split()[-1].lower() for author in listed.held_out]
    gold = {path.stem for path in (ROOT / "tests" / "gold" / "plays").iterdir()}
    assert gold
    for play in listed.plays:
        assert not set(surnames) & set(re.findall(r"\w+", f"{play.author} {play.translator}".lower())), play
        assert not gold & set(re.findall(r"\d+", play.source.split("/")[-1])), play


def test_the_card_of_a_base_that_starts_from_another_has_the_texts_of_both(tmp_path: Path) -> None:
    listed = library("en-emodeng")
    texts = card_of(listed)["texts"]
    assert isinstance(texts, list)
    assert len(texts) == len(listed.plays) + len(library(listed.start).plays)
    assert settings(listed, tmp_path)[:2] == ["--from", str(tmp_path)]


def test_what_is_missing_is_fetched_and_another_file_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "source.txt"
    source.write_bytes(TEXT)
    here = dataclasses.replace(PLAY, source=source.as_uri())
    other = dataclasses.replace(here, file="b.txt", sha256="0" * 64)
    gone = dataclasses.replace(here, file="c.txt", source=(tmp_path / "none.txt").as_uri())
    notes: list[str] = []
    fetch_missing((here, other, gone), tmp_path / "library", notes.append)
    assert [path.name for path in (tmp_path / "library").iterdir()] == ["a.txt"]
    assert (tmp_path / "library" / "a.txt").read_bytes() == TEXT
    assert notes[0] == "fetched a.txt: A Play by A. Author (1901)"
    assert "is not the file that the list has" in notes[1]
    assert "cannot be fetched" in notes[2]


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
