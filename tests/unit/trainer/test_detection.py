"""Which layout a text has, and texts of many parts: tags between paragraphs, blank lines in lines of a screenplay."""

import pytest
from samples import ALONE, BEGINNING, Read

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts import LAYOUTS, detect

SAID = ["Is it early?", "The tide is, not the gull.", "Early or not, it is so.", "So it is.", "Not even the gull."]


def turns(names: list[str]) -> list[tuple[str, str]]:
    return [(names[i % len(names)], SAID[i % 5]) for i in range(18)]


@pytest.mark.parametrize("tags", ["<br>", "<p>", "<b></b>", "<center></center>", "<br> <br>", "<p>\n<br>"])
@pytest.mark.parametrize(
    "text", [BEGINNING, ALONE * 8, "INT. A PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\n" * 8]
)
def test_tags_between_paragraphs_are_no_paragraph(text: str, tags: str, read: Read) -> None:
    assert read(text.replace("\n\n", f"\n\n{tags}\n\n")) == read(text)


@pytest.mark.parametrize("frame", ["{}: {}", "{}--{}"])
@pytest.mark.parametrize("names", [["MARY", "E"], ["A", "B"], ["Page", "Ford"]])
def test_letters_and_words_of_the_stage_may_be_names(frame: str, names: list[str], read: Read) -> None:
    assert read("ACT I\n\n" + "\n\n".join(frame.format(*said) for said in turns(names)))[1:] == turns(names)


@pytest.mark.parametrize(
    "line", ["E. Smith waits for the tide.", "M. Dupont, who is early, waits.", "I. The tide is early."]
)
def test_initials_and_numbers_do_not_speak(line: str, read: Read) -> None:
    play = "ACT I\n\n" + f"ANNA. Is it early?\n\n{line}\n\nBEN. So it is.\n\n" * 9
    assert {name for name, _ in read(play)} == {"", "ANNA", "BEN"}


@pytest.mark.parametrize("mark", ["={}.= {}", "_{}._ {}"])
def test_names_may_be_bold_or_in_italics(mark: str, read: Read) -> None:
    spoken = turns(["Anna", "Mrs. Gull", "Ben"])
    assert read("ACT I\n\n" + "\n\n".join(mark.format(*said) for said in spoken))[1:] == spoken


def test_a_requested_layout_is_read_as_such() -> None:
    asked = LAYOUTS["name-alone"]
    assert detect(["ANNA. Is it early?", "", "BEN. It is."] * 9, asked) == (asked, 1.0)


@pytest.mark.parametrize(
    "lines",
    [
        ["<Anna> the tide is early, is it?", "<Ben> so it is"],
        ["10:01 Anna: is it early?", "10:02 Ben: so it is."],
        ["A. The tide is early.", "", "B. The tide is late.", "", "C. Nobody knows.", ""],
        ["12. Anna Gullson", "13. Ben Heron"],
        ["[Verse]", "The tide is in, the tide is out,", "The gulls begin?", "", "[Chorus]", "It is, it is,", ""],
        ["| Anna | tide? | Ben |", "| Ben | lamp? | Carl |"],
        ["1:1 The tide is early for it waits again", "1:2 Nobody waits for the cold tide"],
        ['"Yes," said Anna.', "", "The tide, it waits for nobody, " * 9, "", '"No," said Ben.', ""],
    ],
    ids=["chat", "chat by the clock", "answers", "names", "song", "table", "scripture", "novel"],
)
def test_lists_and_prose_are_no_plays(lines: list[str]) -> None:
    assert detect(lines * 40)[0].name in ("plain", "normalized")


def test_a_file_without_blank_lines_has_the_layout_of_most_lines() -> None:
    lines = "Anna: Is it early? Yes. It is.\nBen: It is, and cold. Well. Come in.\n"
    assert detect((lines * 12 + "Anna (laughs)\n" * 3).splitlines())[0].name == "title-colon"


def test_a_list_with_a_few_repeated_names_is_no_scene() -> None:
    lines = [f"#{number} The lamp is out of oil." for number in range(200)]
    for number in range(10, 190, 25):
        lines[number] = "Lamp: It gives light."
        lines[number + 5] = "Rope: It ties the boat."
    assert {event.kind for event in LAYOUTS["title-colon"].parse(lines, lines)} == {EventKind.CUT}
