"""Names that mean something else elsewhere, are joined, or stand in a song."""

from __future__ import annotations

import pytest
from samples import Read

SAID = ["Is it early?", "The tide is, not the gull.", "Early or not, it is so.", "So it is.", "Not even the gull."]


def talk(frame: str, names: list[str]) -> list[tuple[str, str]]:
    return [(names[i % len(names)], SAID[i % 5]) for i in range(18)]


@pytest.mark.parametrize(
    ("frame", "names"),
    [("{}. {}", ["COT", "CUT", "BOLT"]), ("{}--{}", ["Robin", "Wait", "Tuck"]), ("{}. {}", ["Ford", "Page", "Evans"])],
)
def test_words_of_the_stage_may_be_names(frame: str, names: list[str], read: Read) -> None:
    spoken = talk(frame, names)
    assert read("ACT I\n\n" + "\n\n".join(frame.format(*said) for said in spoken))[1:] == spoken


def test_such_a_word_is_no_name_where_few_paragraphs_begin_with_it(read: Read) -> None:
    spoken = [f"{name}--{said}" for name, said in talk("", ["Robin", "Tuck"])]
    spoken[5:5] = spoken[9:9] = ["Wait--is it early?"]
    assert {name for name, _ in read("ACT I\n\n" + "\n\n".join(spoken))} == {"", "Robin", "Tuck"}
