"""Directions and credits in television transcripts, and the text between their scenes."""

from __future__ import annotations

import pytest
from samples import Read

from scriptmodel_trainer.corpus.layouts import detect

TALK = "ANNA: Is it early?\n\nBEN: It is, and cold.\n\n"


def test_a_dash_may_follow_a_direction(read: Read) -> None:
    assert read(TALK * 4 + "(They sing, after some tuning)--\n\n" + TALK)[7:10] == [
        ("BEN", "It is, and cold."),
        ("", "They sing, after some tuning"),
        ("ANNA", "Is it early?"),
    ]


def test_names_may_be_joined(read: Read) -> None:
    assert read("Anna_Gull: Is it early?\nOld_Ben: It is, and cold.\n" * 6)[:2] == [
        ("Anna Gull", "Is it early?"),
        ("Old Ben", "It is, and cold."),
    ]


def test_a_speaker_may_be_named_again(read: Read) -> None:
    lines = (
        "ANNA: Is it early, or has nobody told the lamp?\nBEN: It is.\nBEN: And cold.\n(She shivers)\nBEN: Come in.\n"
    )
    assert read(lines * 4)[:5] == [
        ("ANNA", "Is it early, or has nobody told the lamp?"),
        ("BEN", "It is."),
        ("BEN", "And cold."),
        ("", "She shivers"),
        ("BEN", "Come in."),
    ]


def test_a_scene_may_begin_with_a_direction_directly_above_the_first_name(read: Read) -> None:
    scene = (
        "[Pier]\nANNA: Is it early?\nBEN: It is, and cold.\nANNA: Too cold?\n\n[Boat]\n\nBEN: No.\nANNA: Then come.\n\n"
    )
    assert read(scene * 4)[:2] == [("", "Pier"), ("ANNA", "Is it early?")]


def test_a_single_cue_is_a_name_if_every_line_begins_with_a_name(read: Read) -> None:
    lines = "Anna: Is it early?\nBen: It is, and cold.\n" * 12
    assert read(f"{lines}Mr. Gull: Come in.\n{lines}")[24] == ("Mr. Gull", "Come in.")


def test_three_may_speak_at_once(read: Read) -> None:
    shown = read("Anna: Is it early?\n\nBen: It is.\n\nCora: Is it?\n\n" * 4 + "Anna, Ben, and Cora: Good night.\n")
    assert shown[-1] == ("Anna, Ben, and Cora", "Good night.")


def test_one_known_name_does_not_make_a_list_a_cue(read: Read) -> None:
    shown = read("Anna: Is it early?\n\nBen: It is.\n\n" * 4 + "Listen, Anna and Gull: the bell.\n\nBen: Yes.\n")
    assert shown[-2] == ("Ben", "It is. Listen, Anna and Gull: the bell.")


def test_a_whole_scene_may_be_one_paragraph(read: Read) -> None:
    turns = "ANNA\nIs it early?\nBEN\nIt costs $2.50.\n" * 6
    names = ("A CLERK", "CORA", "DORA", "EVA", "FRED", "GUS", "HAL", "IDA", "JOE", "KIM")
    scenes = "".join(f"[A pier.]\n{name}\nGood day.\n{turns}\n" for name in names)
    assert read(scenes)[:3] == [("", "A pier."), ("A CLERK", "Good day."), ("ANNA", "Is it early?")]


def test_words_below_a_name_may_begin_with_a_title(read: Read) -> None:
    turns = "ANNA\nIs it early?\nBEN\nMr. Gull says it is.\nCORA\nMrs. Gull?\n" * 6
    assert read(f"{turns}\n{turns}")[1:3] == [("BEN", "Mr. Gull says it is."), ("CORA", "Mrs. Gull?")]


def test_actions_between_speeches_need_no_brackets(read: Read) -> None:
    narration = "The clerk comes in with a lamp and looks at the boats.\n\n"
    scene = f"ANNA\nIs it early?\n\nBEN\nIt is, and cold.\n\n{narration}ANNA\nI see.\n\nBEN\nDo you?\n\n"
    assert read(scene * 8)[:3] == [("ANNA", "Is it early?"), ("BEN", "It is, and cold."), ("", narration.strip())]


def test_words_below_a_speech_continue_it(read: Read) -> None:
    narration = "The clerk comes in with a lamp and looks at the boats.\n\n"
    turns = "ANNA\nIs it early?\n\nBEN\nIt is, and cold.\n\n"
    scene = (turns + narration) * 4 + (turns + "Do you see the lamp?\n\n") * 3 + turns
    assert read(scene * 3)[1] == ("BEN", f"It is, and cold. {narration.strip()}")


LINES = "Anna: Is it early? Yes. It is.\nBen: It is, and cold. Well. Come in.\n"


def test_a_file_without_blank_lines_has_the_layout_of_most_lines() -> None:
    lines = (LINES * 12 + "Anna (laughs)\n" * 3).splitlines()
    assert detect(lines)[0].name == "title-colon"


def test_initials_may_precede_a_colon(read: Read) -> None:
    assert read((LINES + "B.E.N.: We are fishers.\n") * 6)[2] == ("B.E.N", "We are fishers.")


@pytest.mark.parametrize(("name", "shown"), [("Gull, Sr.", "Gull, Sr"), ("Fishers", "Fishers")])
def test_if_every_line_begins_with_a_name_any_word_may_be_one(name: str, shown: str, read: Read) -> None:
    text = f"{LINES * 12}{name}: We are fishers.\n{LINES}"
    assert read(text)[24:26] == [(shown, "We are fishers."), ("Anna", "Is it early? Yes. It is.")]


def test_ok_is_spoken(read: Read) -> None:
    lines = "ANNA:\nIs it early?\n\nBEN:\nOK. Come in. It is cold.\n\n"
    assert read(lines * 6)[:2] == [("ANNA", "Is it early?"), ("BEN", "OK. Come in. It is cold.")]


BOLD = "**Anna:** Is it early?\n\n**Ben:** It is, and cold.\n\n"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("**Scene 2. Int. A boat**", "Scene 2. Int. A boat"),
        ("**Scene:** _(A boat. It rains.)_", "Scene (A boat. It rains.)"),
    ],
)
def test_the_heading_of_a_scene_may_be_bold(printed: str, shown: str, read: Read) -> None:
    assert read(f"{BOLD * 4}{printed}\n\n{BOLD}")[7:10] == [
        ("Ben", "It is, and cold."),
        ("", shown),
        ("Anna", "Is it early?"),
    ]


def test_a_voice_is_still_the_voice_of_who_is_named(read: Read) -> None:
    said = "**Anna _(Voice Over)_**: Come in.\n\n**Ben _(V.O.)_**: No.\n\n**Ben _(softly)_**: Go.\n"
    assert read(BOLD * 4 + said)[8:] == [("Anna", "Come in."), ("Ben", "No."), ("Ben", "(softly) Go.")]


def test_an_image_is_no_speech(read: Read) -> None:
    assert read(f"{BOLD * 4}![The pier](pier.jpg)\n\n{BOLD}")[7:] == [
        ("Ben", "It is, and cold."),
        ("Anna", "Is it early?"),
        ("Ben", "It is, and cold."),
    ]
