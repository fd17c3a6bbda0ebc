"""Text around a play that looks like speeches: a preface that quotes it, lists of properties, catalogues."""

from __future__ import annotations

import pytest
from samples import BEGINNING, CAST, LONG, TALK, Read


@pytest.mark.parametrize("announced", [CAST, ""], ids=["by a cast list", "by an act"])
def test_a_preface_that_quotes_the_play_is_not_part_of_it(announced: str, read: Read) -> None:
    preface = "THE PIER\n\nPREFACE\n\n" + LONG * 3 + TALK + "\n" + LONG * 3 + TALK + "\n" + LONG * 45
    assert read(preface + announced + "ACT I\n" + TALK * 8)[:2] == [("", "ACT I"), ("ANNA", "The tide is early today.")]


def test_a_play_that_nothing_announces_may_follow_its_preface(read: Read) -> None:
    second = "\n\nTHE GULL\n\nDRAMATIS PERSONAE\n\nANNA, a gull.\n\nACT I\n" + TALK * 8
    events = read("THE PIER\n\nPREFACE\n\n" + LONG * 3 + TALK * 8 + second)
    assert len([who for who, _ in events if who]) == 16 * 4


CATALOGUE = (
    "THE LOST BOAT. Farce in one act. Two males, three females. Time, thirty minutes.\n\n"
    "A BAD LOT. Comedy in two acts. Scene, an interior. Plays one hour.\n\n"
    "THE OLD PIER. A play in four acts, by A. Gull. Five male, three female characters.\n\n"
    "HER GULL. Monologue for a lady.\n\n"
    "TWO GULLS. Duologue for two ladies.\n\n"
)


def test_a_catalogue_without_prices_is_no_play(read: Read) -> None:
    assert read(BEGINNING + "CURTAIN\n\n" + CATALOGUE)[-1] == ("", "CURTAIN")


@pytest.mark.parametrize("heading", ["PROPERTIES", "COSTUMES", "LIGHT PLOT"])
def test_lists_by_act_are_no_play(heading: str, read: Read) -> None:
    things = (
        f"{heading}\n\nACT I.\n\nANNA. Lamp and basket.\n\nBEN. Stick, pipe.\n\nTABLE. Books, a clock.\n\n"
        "ACT II.\n\nANNA. Umbrella.\n\nBEN. Letter, hat.\n\nANNA. Gloves.\n\nBEN. Rope.\n\nANNA.\n\n"
    )
    assert read(CAST + things + "ACT I\n" + TALK * 8)[:2] == [("", "ACT I"), ("ANNA", "The tide is early today.")]
    assert read(BEGINNING + "CURTAIN\n\n" + things)[-1] == ("", "CURTAIN")
