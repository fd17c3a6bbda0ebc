"""Directions and credits as transcripts of television set them, and what stands between their scenes."""

from __future__ import annotations

import pytest
from samples import Read

TALK = "ANNA: Is it early?\n\nBEN: It is, and cold.\n\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("<buzzer>", "buzzer"),
        ("‹A bell rings.›", "A bell rings."),
        ("(They sing, after some tuning)--", "They sing, after some tuning"),
        ("FLASHBACK <to a pier in the sun>", "FLASHBACK <to a pier in the sun>"),
    ],
)
def test_directions_may_stand_in_other_brackets(printed: str, shown: str, read: Read) -> None:
    assert read(TALK * 4 + printed + "\n\n" + TALK)[7:10] == [
        ("BEN", "It is, and cold."),
        ("", shown),
        ("ANNA", "Is it early?"),
    ]
