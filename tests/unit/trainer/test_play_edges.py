"""Text at the edges of a play that belongs to it though it names nobody, and text that only seems to."""

from __future__ import annotations

import pytest
from samples import ALONE, BEGINNING, CAST, LICENCE, TALK, Read

from scriptmodel_trainer.corpus.layouts.paragraphs import plain

CROWD = ("Is it early?\n\nNobody knows.\n\nI know!\n\n" * 3 + "[They laugh at the tide.]\n\n") * 5


@pytest.mark.parametrize("tags", ["<br>", "<p>", "<b></b>", "<center></center>", "<br> <br>", "<p>\n<br>"])
@pytest.mark.parametrize(
    "text", [BEGINNING, ALONE * 8, "INT. A PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\n" * 8]
)
def test_tags_between_paragraphs_are_no_paragraph(text: str, tags: str, read: Read) -> None:
    assert read(text.replace("\n\n", f"\n\n{tags}\n\n")) == read(text)


def test_a_play_may_begin_with_a_crowd_whose_members_have_no_names(read: Read) -> None:
    events = read(CAST + "PROLOGUE\n\n[A pier. It is late.]\n\n" + CROWD * 2 + "ACT I\n" + TALK * 8)
    assert [text for _, text in events[:3]] == ["PROLOGUE", "A pier. It is late.", "Is it early?"]


def test_a_play_may_end_with_such_a_crowd(read: Read) -> None:
    last = "CURTAIN\n\nACT II\n\n[The same pier. It is later.]\n\n" + CROWD
    events = read(BEGINNING + last + "ANNA. It is late.\n\nCURTAIN\n\n" + LICENCE)
    assert events[33][1] == "CURTAIN"
    assert [text for _, text in events[34:37]] == ["ACT II", "The same pier. It is later.", "Is it early?"]
    assert events[-2:] == [("ANNA", "It is late."), ("", "CURTAIN")]


def test_prose_without_directions_continues_no_speech(read: Read) -> None:
    prose = "Is it early? Nobody knows, and nobody who stands on the pier will ever ask again.\n\n" * 60
    assert read(BEGINNING + prose)[-1][1] == "I have spoken to it, twice."


def test_a_monologue_after_a_line_that_recurs_between_scenes_belongs_to_the_play(read: Read) -> None:
    line = "=" * 40 + "\n\n"
    scene = "THE PIER\n\n" + TALK.replace(".", ":", 1).replace("BEN.", "BEN:").replace("ANNA.", "ANNA:") + "\n"
    last = "THE BOAT\n\nAnd so the tide came in, as it does.\n\nIt will go out again. So will you.\n\n"
    events = read(
        (scene + line) * 3 + scene + line + last + line + "- THE END -\n\nCharacters\n\nAnna and Ben.\n" + LICENCE
    )
    assert events[-2][1] == "THE BOAT"
    assert events[-1][1] == "And so the tide came in, as it does. It will go out again. So will you."


@pytest.mark.parametrize("word", ["FIN.", "FINE", "ENDE.", "EINDE", "FIM."])
def test_a_play_may_end_in_another_language(word: str, read: Read) -> None:
    assert read(BEGINNING + f"[She rows away.]\n\n{word}\n\nANNA. A catalogue.\n" + LICENCE)[-1] == (
        "",
        "She rows away.",
    )


def test_a_speech_may_be_fine(read: Read) -> None:
    assert read(BEGINNING + "Fine.\n" + TALK)[-1] == ("BEN", "I have spoken to it, twice.")


def test_a_cast_list_below_the_heading_of_the_scene_is_cut(read: Read) -> None:
    place = "SCENE\n\nTHE HARBOUR OF ANNA;\nAFTERWARDS THE BOAT.\n\n"
    people = "CHARACTERS\n\nANNA, a ferrywoman.\nBEN, her brother.\nA CLERK.\nA GULL.\n\nTHE PIER\n\n"
    narration = "THE BOAT is old and lies at the pier, where BEN\nhas left it.\n\n"
    verse = "ANNA.\nOld without oars!\nThe tide will take it,\nThe gull without.\n\n"
    assert read(place + people + narration + (verse + "BEN.\nIt is early.\n\n") * 5)[:2] == [
        ("", plain(narration)),
        ("ANNA", "Old without oars! The tide will take it, The gull without."),
    ]


@pytest.mark.parametrize("heading", ["PRELUDE ON THE PIER.", "PRELUDE"])
def test_a_prelude_is_no_speaker(heading: str, read: Read) -> None:
    events = read(f"THE PIER\n\n{heading}\n\nAnna of the ferry, and Ben.\n\n" + ALONE * 5)
    assert events[:3] == [("", heading), ("", "Anna of the ferry, and Ben."), ("ANNA", "Is it early?")]
