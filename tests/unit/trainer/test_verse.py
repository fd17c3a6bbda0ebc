"""Verse: its lines stay lines in what is read, which are the same words as on one line."""

from pathlib import Path

import pytest
from samples import BEGINNING, CAST, TALK, read_stream

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.given import given_events
from scriptmodel_trainer.corpus.plays import line_starts
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.generation.casting import plays_of
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.verse import lines_of

VERSE = '[Aside] The water rose,\nAnd \'tis not told\n"Of those who watched\nIt rise."'
PROSE = (
    "The water rose in the night, and those who were on the pier had to wait for the boat,\n"
    "And nobody was told of it until the morning came."
)


MARKDOWN = "# Pier\n\n**BEN**\nNo.\n\n**BEN**\nNo.\n\n**ANNA**\n"


def fdx(*paragraphs: str) -> str:
    said = "".join(f'<Paragraph Type="Dialogue"><Text>{words}</Text></Paragraph>' for words in paragraphs)
    cue = '<Paragraph Type="Character"><Text>ANNA</Text></Paragraph>'
    return f'<FinalDraft DocumentType="Script"><Content>{cue}{said}</Content></FinalDraft>'


def tei(words: str) -> str:
    lines = "".join(f"<l>{line}</l>\n" for line in words.split("\n"))
    return f"<TEI><text><body><div><sp><speaker>ANNA</speaker>\n<lg>{lines}</lg></sp></div></body></text></TEI>"


@pytest.mark.parametrize(
    ("head", "words", "read"),
    [
        (CAST + "ACT I\n" + TALK * 8 + "ANNA. ", VERSE, VERSE),
        (CAST + "ACT I\n" + TALK * 8 + "ANNA. ", PROSE, PROSE.replace("\n", " ")),
        ("Title: Pier\n\nINT. PIER - DAY\n\nBEN\nNo.\n\nBEN\nNo.\n\nANNA\n", VERSE, VERSE),
        (MARKDOWN + VERSE.replace("Aside", "_Aside_").replace("\n", "\\\n"), "", VERSE),
        (MARKDOWN + PROSE, "", PROSE.replace("\n", " ")),
        (tei(VERSE), "", VERSE),
        (fdx(*VERSE.split("\n")), "", VERSE),
    ],
    ids=["printed", "prose", "fountain", "markdown", "markdown-prose", "tei", "fdx"],
)
def test_lines_of_verse_stay_lines(head: str, words: str, read: str, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(f"{head}{words}\n\nBEN. Yes.\n" if words else head, "utf-8")
    (source,) = find_sources([tmp_path], lambda _: None)
    spoken = [event.text for event in events_of(source, None)[2] if event.kind is EventKind.SPEECH]
    assert read in spoken


SONG = (
    "The water rose and no one came,\nAnd we were told to wait. The boat,\n"
    "As all the boats before, was late,\nThe pier and we were still the same."
)


def test_lines_are_found_again_by_their_capitals(tmp_path: Path) -> None:
    prose = "ANNA. Wait and see: the pier, as we were told before, was all there was.\n\n"
    verse = f"BEN. {SONG}\n\n"
    (tmp_path / "play.txt").write_text(BEGINNING + (prose + verse) * 9, "utf-8")
    corpus = read_stream(tmp_path)
    (play,) = corpus.plays
    assert (play.title, play.verse) == ("", True)
    lines = lines_of(corpus.splits["train"], corpus.lines, corpus.lexicon, frozenset(corpus.lexicon))
    assert {"And", "As", "The"} <= lines.openings
    assert {"<eos>", "<eoname>"} <= lines.capitals
    for event in (Event(EventKind.SPEECH, SONG, "BEN"), Event(EventKind.SPEECH, "Wait and see.", "ANNA")):
        text = detokenize(lines.broken(event_tokens(event)))
        assert text == f"[ {event.speaker} ]: {event.text}\n".replace("\n", "\n    ").rstrip(" ")
        tokens = event_tokens(event)
        for end in range(len(tokens)):  # a script is shown while it is written
            assert lines.broken(tokens)[: len(lines.broken(tokens[:end]))] == lines.broken(tokens[:end])
        (again,) = given_events(text, lambda _: True)
        assert (again.speaker.strip(), again.text.strip()) == (event.speaker, event.text)


def test_a_line_begins_at_a_word_whatever_its_marks() -> None:
    event = Event(EventKind.SPEECH, 'What--\n"No," she said;\n(and went)\n\'Twas she!', "BEN")
    tokens = event_tokens(event)
    assert [tokens[place] for place in line_starts(event.text, tokens)] == ["<boquote>", "<open-brack>", "'Twas"]


def test_plays_of_a_file_are_bounded_by_their_title_pages(tmp_path: Path) -> None:
    first = BEGINNING + "[The lamp goes out.]\n\nCURTAIN\n\n\n"
    listed = "THE BOAT\n\nOR, THE LATE TIDE\n\nDRAMATIS PERSONAE\n\nMIRA, a pilot.\n\nTOM, a boy.\n\nACT I\n"
    printed = "\nCURTAIN\n\n\nTHE GULL\n\nA PLAY\n\nCopyright, 1920, by A. Heron.\n\nSCENE: A rock.\n"
    second, third = (TALK.replace("ANNA", one).replace("BEN", two) * 9 for one, two in (("MIRA", "TOM"), ("EVA", "JO")))
    (tmp_path / "plays.txt").write_text(first + listed + second + printed + third, "utf-8")
    corpus = read_stream(tmp_path)
    plays, lexicon = corpus.plays, corpus.lexicon
    assert [play.proper for play in plays_of(plays, lexicon, lexicon, {"ANNA", "MIRA", "TOM", "JO"})] == [
        ("ANNA",),
        ("MIRA", "TOM"),
        ("JO",),
    ]
    assert [(play.title, set(play.speakers)) for play in plays] == [
        ("THE PIER", {"ANNA", "BEN"}),
        ("THE BOAT", {"MIRA", "TOM"}),
        ("THE GULL", {"EVA", "JO"}),
    ]
