"""Names that have another meaning elsewhere, are joined, or are in a song."""

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


def test_a_joined_name_is_accepted_if_one_of_the_two_is_known(read: Read) -> None:
    talk = "Anna: Are the kids here?\n\nBen: They are, and cold.\n\n"
    assert read(talk * 4 + "Kids & Anna: Yes!\n\n" + talk)[8:10] == [
        ("Kids & Anna", "Yes!"),
        ("Anna", "Are the kids here?"),
    ]


def test_names_may_contain_small_words_of_other_languages(read: Read) -> None:
    talk = "_Cho. des Anges._ Is it early?\n\n_Graf von der Gull._ It is.\n\n_Herr von Tern._ And cold.\n\n"
    assert [name for name, _ in read("ACT I\n\n" + talk * 5)[1:4]] == [
        "Cho. des Anges",
        "Graf von der Gull",
        "Herr von Tern",
    ]


def test_a_name_within_a_line_may_have_its_direction_in_italics(read: Read) -> None:
    talk = "ANNA (_softly_). Is it early?\n\nBEN. It is, and cold.\n\n"
    lost = "ANNA. The lamp is out. BEN (_humbly. He kneels._). It is, madam.\n\n"
    assert read("ACT I\n\n" + talk * 5 + lost)[11:] == [
        ("ANNA", "The lamp is out."),
        ("BEN", "(humbly. He kneels.) It is, madam."),
    ]


def test_a_parenthetical_may_be_within_the_italics_of_the_name(read: Read) -> None:
    talk = "_Anna_: Is it early?\n\n_Mr. Ben (in\nthe boat):_ It is, and cold.\n\n"
    song = "_The two together (singing):_\n\n  So it is.\n\n"
    assert read("ACT I\n\n" + (talk + song) * 5)[1:4] == [
        ("Anna", "Is it early?"),
        ("Mr. Ben", "(in the boat) It is, and cold."),
        ("The two together", "(singing) So it is."),
    ]


def test_a_word_of_numeral_letters_is_spoken(read: Read) -> None:
    talk = "ANNA\n\nIs it early?\n\nBEN\n\nIll!\n\niv\n\n"
    assert read("ACT I\n\n" + talk * 5)[1:4] == [("ANNA", "Is it early?"), ("BEN", "Ill!"), ("ANNA", "Is it early?")]


def test_a_place_may_follow_the_name(read: Read) -> None:
    said = "_1st Gent._ Who goes?\n\n_2nd Gent._ Nobody.\n\n" * 8
    shown = read(said + "_1st Gent., L._ All is over.\n\n_2nd Gent., R._ So I heard.\n\n" + said)
    assert shown[16:18] == [("1st Gent., L", "All is over."), ("2nd Gent., R", "So I heard.")]
