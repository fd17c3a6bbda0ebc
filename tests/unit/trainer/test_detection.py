"""Which layout a text has, and texts of many parts: tags between paragraphs, blank lines in lines of a screenplay."""

import time

import pytest
from samples import ALONE, BEGINNING, Read

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts import LAYOUTS, detect, screenplays

SAID = ["Is it early?", "The tide is, not the gull.", "Early or not, it is so.", "So it is.", "Not even the gull."]


def turns(names: list[str]) -> list[tuple[str, str]]:
    return [(names[i % len(names)], SAID[i % 5]) for i in range(18)]


@pytest.mark.parametrize("tags", ["<br>", "<p>", "<b></b>", "<center></center>", "<br> <br>", "<p>\n<br>"])
@pytest.mark.parametrize(
    "text", [BEGINNING, ALONE * 8, "INT. A PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\n" * 8]
)
def test_tags_between_paragraphs_are_no_paragraph(text: str, tags: str, read: Read) -> None:
    assert read(text.replace("\n\n", f"\n\n{tags}\n\n")) == read(text)


@pytest.mark.parametrize(
    ("frame", "names"),
    [("{}. {}", ["COT", "CUT", "BOLT"]), ("{}--{}", ["Robin", "Wait", "Tuck"]), ("{}. {}", ["Ford", "Page", "Evans"])],
)
def test_words_of_the_stage_may_be_names(frame: str, names: list[str], read: Read) -> None:
    spoken = turns(names)
    assert read("ACT I\n\n" + "\n\n".join(frame.format(*said) for said in spoken))[1:] == spoken


def test_such_a_word_is_no_name_where_few_paragraphs_begin_with_it(read: Read) -> None:
    spoken = [f"{name}--{said}" for name, said in turns(["Robin", "Tuck"])]
    spoken[5:5] = spoken[9:9] = ["Wait--is it early?"]
    assert {name for name, _ in read("ACT I\n\n" + "\n\n".join(spoken))} == {"", "Robin", "Tuck"}


def test_a_file_without_blank_lines_has_the_layout_of_most_lines() -> None:
    lines = "Anna: Is it early? Yes. It is.\nBen: It is, and cold. Well. Come in.\n"
    assert detect((lines * 12 + "Anna (laughs)\n" * 3).splitlines())[0].name == "title-colon"


def test_a_list_with_a_few_repeated_names_is_no_scene() -> None:
    lines = [f"#{number} The lamp is out of oil." for number in range(200)]
    for number in range(10, 190, 25):
        lines[number] = "Lamp: It gives light."
        lines[number + 5] = "Rope: It ties the boat."
    assert {event.kind for event in LAYOUTS["title-colon"].parse(lines, lines)} == {EventKind.CUT}


def test_of_two_layouts_that_explain_all_of_a_text_the_one_with_more_names_is_read() -> None:
    spoken = ["ANNA", "The tide is early.", "TIDE. It comes in.", "BEN", "So it is.", "BEN", "Call the boys."]
    lines = ["The pier in the evening."] + spoken * 55
    assert detect(lines)[0].name == "name-alone"


@pytest.mark.parametrize("apart", ["          COME IN\n\n", "she waits and\n\n12.\n\n"], ids=["words", "action"])
def test_text_split_by_many_blank_lines_is_read_in_linear_time(
    apart: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenplays, "_LONGEST", 1000)
    anna = f"{' ' * 25}ANNA\n          Is it early, or has nobody told\n          the lamp that it is night"
    talk = f"{anna}?\n\n{' ' * 25}BEN\n          It is early, and cold.\n\n" * 3

    def seconds(times: int) -> float:
        begin = time.process_time()
        read(f"          EXT. A PIER - DAY\n\n{talk}{anna} and\n\n{apart * times}")
        return time.process_time() - begin

    assert seconds(1600) < 9 * seconds(400)
