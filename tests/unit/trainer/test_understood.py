"""What `normalize` reports of texts that are lost, misread or no scripts, and what to do about it."""

import json
from pathlib import Path
from typing import Any

import pytest
from running import run_trainer
from samples import BEGINNING, CAST, LICENCE, TALK

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.stream import read_corpus, read_whole
from scriptmodel_trainer.corpus.tally import Tally, doubt
from scriptmodel_trainer.errors import BadInputError


def tally_of(kept: str, dropped: str) -> Tally:
    """Return the tally of speeches by ANNA and BEN in turn, and of what is dropped."""
    tally = Tally("a.txt", "dash", 1.0)
    tally.add(Event(EventKind.CUT, dropped), 0)
    for number, line in enumerate(kept.splitlines()):
        tally.add(Event(EventKind.SPEECH, line, ("ANNA", "BEN")[number % 2]), len(line.split()))
    return tally


def normalized(path: Path, layout: str = "auto") -> dict[str, Any]:
    sources = reading.find_sources([path], lambda _: None)
    return write_normalized(sources, layouts.layout_named(layout), path.parent / "tokens")


@pytest.mark.parametrize(
    "cue", ["ANNA", "    ANNA (softly)", "ANNA. Is it?", "_ANNA._ Is it?", "ANNA: Is it?", "ANNA    Is it?"]
)
def test_speeches_in_what_is_dropped_are_reported(cue: str) -> None:
    lost = tally_of("The tide is early.\n" * 20, f"{cue}\nThe lamp is lit, and nobody has come.\n" * 20)
    assert doubt([lost]).startswith("1 of 1 file(s) lose speeches: a.txt (read as dash; ")
    assert doubt([lost]).endswith("dropped, with 20 names of speakers); name their --layout")


def test_a_preface_and_a_list_of_the_cast_lose_nothing() -> None:
    preface = "ANNA is a woman of the pier. Anna: what a name.\n" * 200
    assert not doubt([tally_of("The tide is early.\n" * 20, preface + "ANNA: a widow\nBEN: a boy\n")])
    few = "ANNA: Is it?\n" * 4
    assert not doubt([tally_of("The tide is early.\n" * 20, preface + few)])
    assert not doubt([tally_of("The tide is early.\n" * 200, few * 5)])


def test_a_file_without_speakers_is_named_so(tmp_path: Path) -> None:
    rows = "act,line,words\n" + "1,2,Is the tide early? Nobody knows.\n" * 50
    (tmp_path / "a.csv").write_text(rows, "utf-8")
    found = normalized(tmp_path / "a.csv")["doubt"]
    assert "a.csv (read as plain: no speaker found)" in found
    assert found.endswith("write tables as lines `NAME: words`")


def test_chinese_prose_is_not_taken_for_split_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\u6f6e\u6c34\uff0c\u6765\u4e86\u3002\n" * 300, "utf-8")
    assert "no speaker found" in normalized(tmp_path / "a.txt")["doubt"]


def test_a_layout_that_finds_nobody_is_named(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    path.write_text("The tide was early that day, and nobody spoke of it.\n\n" * 60, "utf-8")
    expected = r"read as dash: no speaker found in \d+ lines"
    with pytest.raises(BadInputError, match=expected) as error:
        normalized(path, "dash")
    assert error.value.hint == "try --layout auto"
    sources = reading.find_sources([path], lambda _: None)
    for read in (
        lambda: read_corpus(sources, layouts.LAYOUTS["dash"], str),
        lambda: read_whole(sources, layouts.LAYOUTS["dash"]),
    ):
        with pytest.raises(BadInputError, match=expected):
            read()


def test_a_guessed_encoding_is_a_note(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "a.txt").write_bytes((TALK + "\u0414\u0430.\n").encode("cp1251"))
    (tmp_path / "b.txt").write_bytes((TALK + "\u0414\u0430.\n").encode())
    reading.find_sources([tmp_path], notes.append)
    (note,) = notes
    assert note.startswith("a.txt is not UTF-8 and read as Windows-1252")
    assert "iconv -f ENCODING -t utf-8" in note


def test_an_old_document_is_to_be_saved_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.doc").write_bytes(b"\xd0\xcf\x11\xe0\0\0\0")
    done = run_trainer(["normalize", tmp_path / "a.doc"])
    assert done.returncode == 2
    assert "save documents as plain text" in done.stderr


def test_the_help_of_normalize_lists_all_layouts() -> None:
    done = run_trainer(["normalize", "--help"])
    shown = " ".join(done.stdout.replace("-\n", "-").split()).replace("- ", "-")
    assert not [name for name in layouts.LAYOUTS if name not in shown]


def test_the_share_of_dropped_words_is_reported(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(BEGINNING + LICENCE, "utf-8")
    done = run_trainer(["normalize", tmp_path / "play.txt", "--out", tmp_path / "out", "--stats", tmp_path / "stats"])
    (file,) = json.loads((tmp_path / "stats").read_text())["files"]
    expected = len((CAST + LICENCE).split()) / len((BEGINNING + LICENCE).split())
    assert file["dropped"] == pytest.approx(expected, abs=0.02)
    head, row = (line.split() for line in done.stdout.splitlines())
    assert dict(zip(head, row, strict=True))["DROPPED"] == f"{file['dropped']:.0%}"
