"""Verse: its lines stay lines in what is read, which are the same words as on one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import CAST, TALK

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import events_of

VERSE = '[Aside] The water rose,\nAnd \'tis not told\n"Of those who watched\nIt rise."'
PROSE = (
    "The water rose in the night, and those who were on the pier had to wait for the boat,\n"
    "And nobody was told of it until the morning came."
)


def tei(words: str) -> str:
    lines = "".join(f"<l>{line}</l>\n" for line in words.split("\n"))
    return f"<TEI><text><body><div><sp><speaker>ANNA</speaker>\n<lg>{lines}</lg></sp></div></body></text></TEI>"


@pytest.mark.parametrize(
    ("head", "words", "read"),
    [
        (CAST + "ACT I\n" + TALK * 8 + "ANNA. ", VERSE, VERSE),
        (CAST + "ACT I\n" + TALK * 8 + "ANNA. ", PROSE, PROSE.replace("\n", " ")),
        ("Title: Pier\n\nINT. PIER - DAY\n\nBEN\nNo.\n\nBEN\nNo.\n\nANNA\n", VERSE, VERSE),
        ("", VERSE, VERSE),
    ],
    ids=["printed", "prose", "fountain", "tei"],
)
def test_lines_of_verse_stay_lines(head: str, words: str, read: str, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(f"{head}{words}\n\nBEN. Yes.\n" if head else tei(words), "utf-8")
    (source,) = find_sources([tmp_path], lambda _: None)
    spoken = [event.text for event in events_of(source, None)[2] if event.kind is EventKind.SPEECH]
    assert read in spoken
