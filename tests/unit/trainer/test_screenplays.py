"""Screenplays as drafts print them: action right below words, pages, what a blank line parts, songs."""

from __future__ import annotations

import pytest
from samples import Read

SLUG = "          EXT. A PIER - DAY\n\n"
ANNA = (
    "                         ANNA\n          Is it early, or has nobody told\n          the lamp that it is night?\n"
)
BEN = "                         BEN\n          It is early, and cold.\n"
LATER = "A long while goes by on the pier, and nobody comes to light the lamp."
TALK = f"{ANNA}\n{BEN}\n"


def draft(action: str, speeches: int = 12) -> str:
    """A screenplay with `action` right below the words of every other speech, and then another pair of speeches."""
    return SLUG + f"{ANNA}{action}\n\n{BEN}\n" * speeches + TALK


@pytest.mark.parametrize("action", [f"         {LATER}", f"          {LATER}"], ids=["further left", "wider"])
def test_action_may_stand_right_below_the_words(action: str, read: Read) -> None:
    shown = read(draft(action))
    assert shown[1:4] == [
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("", LATER),
        ("BEN", "It is early, and cold."),
    ]


def test_short_action_is_known_by_the_room_left_in_the_line_above(read: Read) -> None:
    text = draft(f"          {LATER}") + f"{BEN}          He laughs.\n\n{ANNA}"
    assert read(text)[-3:-1] == [("BEN", "It is early, and cold."), ("", "He laughs.")]


@pytest.mark.parametrize("words", ["It is early...\n          and cold.", "O lamp of mine\n          Of yours, of all"])
def test_words_go_on_below_a_short_line(words: str, read: Read) -> None:
    text = draft(f"          {LATER}") + f"                         BEN\n          {words}\n"
    assert read(text)[-1] == ("BEN", " ".join(words.split()))


def test_a_line_of_words_that_is_not_set_in_stays_in_the_speech(read: Read) -> None:
    broken = "            ANNA\n    Is it early, or has nobody told\nthe lamp that it is night?\n\n"
    shown = read("INT. A PIER - DAY\n\n" + f"{broken}{BEN}\n" * 12)
    assert shown[1] == ("ANNA", "Is it early, or has nobody told the lamp that it is night?")


def test_how_it_is_said_may_stand_between_blank_lines(read: Read) -> None:
    text = SLUG + TALK * 3 + "                         ANNA\n\n            (INTO A PIPE)\n          Hello?\n\n"
    text += "                         (BEAT)\n          Nobody is there.\n\n" + BEN
    assert read(text)[-2:] == [
        ("ANNA", "(INTO A PIPE) Hello? (BEAT) Nobody is there."),
        ("BEN", "It is early, and cold."),
    ]


def test_a_number_in_parentheses_is_not_how_it_is_said(read: Read) -> None:
    text = SLUG + TALK * 3 + "                         (146 & 147)\n          INT. A BOAT - LATER\n\n" + BEN
    assert read(text)[-3] == ("BEN", "It is early, and cold.")


def test_pages_that_go_on_are_no_names(read: Read) -> None:
    text = (
        SLUG
        + TALK * 3
        + "                         (CONTINUED)\n\n"
        + "                         CONTINUED; ( 2)\n          Ben looks up.\n\n"
    )
    assert read(text + BEN)[-2:] == [("", "Ben looks up."), ("BEN", "It is early, and cold.")]


def test_the_head_of_each_page_is_cut(read: Read) -> None:
    pages = (f'{TALK}"The Pier" - #3  {number}.\n\n' for number in range(4, 8))
    assert all(speaker for speaker, _ in read("INT. A PIER - DAY\n\n" + "".join(pages))[1:])


def test_an_extension_may_be_misread(read: Read) -> None:
    assert read(SLUG + TALK * 3 + BEN.replace("BEN", "BEN (V.0.)"))[-1] == ("BEN", "It is early, and cold.")


def test_a_name_forced_to_be_action_sings_the_lyrics_below(read: Read) -> None:
    text = "INT. A PIER - DAY\n\n" + "ANNA\nIs it early?\n\nVIC\nIt is.\n\n" * 3
    text += "!    ANNA (CONT'D)\n~The lamp is lit\n~And nobody knows\n\n~Who lit the lamp\n\nThey dance.\n\n"
    assert read(text)[-2:] == [("ANNA", "The lamp is lit And nobody knows Who lit the lamp"), ("", "They dance.")]
