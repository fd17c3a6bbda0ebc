"""Scenes that have no blank lines."""

from __future__ import annotations

from samples import Read

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts import LAYOUTS, detect

PIER = "ANNA: The tide is early.\nBEN: So it is.\nANNA: Then call the boys.\n"


def test_a_scene_without_blank_lines_below_its_heading_is_no_heading(read: Read) -> None:
    text = "".join(f"SCENE {number}: [wind]\n{PIER * 3}\n" for number in (1, 2, 3))
    assert read(text) == [
        ("", "SCENE 1: [wind]"),
        *[("ANNA", "The tide is early."), ("BEN", "So it is."), ("ANNA", "Then call the boys.")] * 3,
        ("", "SCENE 2: [wind]"),
        *[("ANNA", "The tide is early."), ("BEN", "So it is."), ("ANNA", "Then call the boys.")] * 3,
        ("", "SCENE 3: [wind]"),
        *[("ANNA", "The tide is early."), ("BEN", "So it is."), ("ANNA", "Then call the boys.")] * 3,
    ]


def test_a_scene_without_blank_lines_may_begin_with_words_of_the_scene_before(read: Read) -> None:
    talk = "ANNA\nThe tide is early.\nBEN\nSo it is.\n" * 6
    events = read(f"The pier in the evening.\n{talk}\nAnd so it was yesterday.\n{talk}\nAnna looks out.\n{talk}")
    assert len(events) >= 36
    assert events[0] == ("ANNA", "The tide is early.")
    assert {speaker for speaker, _ in events} == {"ANNA", "BEN"}
    assert events[11] == ("BEN", "So it is. And so it was yesterday.")


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
