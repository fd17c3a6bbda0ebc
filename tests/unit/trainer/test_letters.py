"""Single letters before words: whose names they are, and what else they may be."""

import pytest
from samples import Read

from scriptmodel_trainer.corpus import layouts

SAID = [
    "Is it early, or is it late?",
    "The tide is early; so it is, and cold.",
    "Nobody knows, not even the gull.",
    "So we wait, and have nobody to ask.",
    "Have you a lamp?",
    "Not even the gull has, is it so?",
]
SMALL = (
    "ANNA. Waits for Smith and for nobody else; it is what he is, or was, have I no lamp? Even so, not the tide.\n\n"
)


def talk(frame: str, names: list[str]) -> str:
    """Thirty speeches, in turns; `Is`, `The` and the like are written small elsewhere, so they are no names."""
    spoken = [frame.format(name=names[i % len(names)], text=SAID[(i + i // 6) % 6]) for i in range(30)]
    return "ACT I\n\n" + "\n\n".join(spoken) + "\n"


@pytest.mark.parametrize("frame", ["{name}. {text}", "{name}: {text}", "{name}--{text}", "{name}.\n{text}"])
@pytest.mark.parametrize("names", [["MARY", "E"], ["M", "W"], ["A", "B"]])
def test_whoever_is_called_by_a_letter_speaks(frame: str, names: list[str], read: Read) -> None:
    expected = [(names[i % 2], SAID[(i + i // 6) % 6]) for i in range(30)]
    assert read(talk(frame, names))[1:] == expected


def test_a_letter_among_names_in_small_letters_and_a_direction(read: Read) -> None:
    events = read(talk("{name} (softly). {text}", ["Mary", "E", "Mrs. Gull"]))
    assert [name for name, _ in events[1:4]] == ["Mary", "E", "Mrs. Gull"]
    assert events[2] == ("E", "(softly) The tide is early; so it is, and cold.")


@pytest.mark.parametrize(
    "line",
    [
        "E. Smith waits for the tide, and nobody knows why.",
        "M. Dupont, who is early, waits for the tide.",
        "I. The tide is early.",
        "V. The tide is early.",
        "K. Smith. Is it early?",
    ],
)
def test_initials_and_numbers_do_not_speak(line: str, read: Read) -> None:
    play = "ACT I\n\n" + ("ANNA. Is it early?\n\n" + SMALL + f"{line}\n\n") * 9
    assert {name for name, _ in read(play)} == {"", "ANNA"}


def test_a_letter_that_begins_few_paragraphs_is_not_a_speaker(read: Read) -> None:
    play = talk("{name}. {text}", ["ANNA", "BEN"]) + "\nE. So we wait.\n\nANNA. So.\n\nE. Is it so?\n"
    assert "E" not in {name for name, _ in read(play)}


def test_letters_of_a_list_do_not_speak() -> None:
    answers = [f"{letter}. {text}" for i in range(12) for letter, text in zip("ABCD", SAID[i % 3 :], strict=False)]
    assert layouts.detect("\n\n".join(answers).split("\n"))[0].name == "plain"
