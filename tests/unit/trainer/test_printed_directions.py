"""Typography of directions: between speeches, inside them, and text that only looks like a direction."""

from __future__ import annotations

import pytest
from samples import ALONE, BEGINNING, TALK, Read

from scriptmodel_trainer.corpus.layouts.paragraphs import plain


def test_directions_to_the_right_of_a_line_of_verse_are_separate(read: Read) -> None:
    verse = """
  ANNA. The tide is early. Let us go,
    And tell the men who row below.             Exeunt.
                        Enter two fishermen.
  BEN. Is nobody at home?
  ANNA. Nobody but the foam.
  BEN. Then we shall wait for it to come.
                                        Flourish. Exit.
"""
    assert read("ACT I\n" + verse)[1:4] == [
        ("ANNA", "The tide is early. Let us go, And tell the men who row below."),
        ("", "Exeunt."),
        ("", "Enter two fishermen."),
    ]
    assert read("ACT I\n" + verse)[-1] == ("", "Flourish. Exit.")


def test_a_direction_on_its_own_line_may_end_with_a_colon(read: Read) -> None:
    talk = "ANNA:\n  Look there!\n(She points at the tide):\n  It is going out.\n\n"
    talk += "BEN:\n  Let it go, over the roofs and far away.\n\n"
    assert read("ACT I\n\n" + talk * 3)[1:5] == [
        ("ANNA", "Look there!"),
        ("", "She points at the tide:"),
        ("ANNA", "It is going out."),
        ("BEN", "Let it go, over the roofs and far away."),
    ]


def test_a_line_of_verse_in_parentheses_is_spoken_where_directions_have_square_brackets(read: Read) -> None:
    verse = "  ANNA. The tide comes in, the boats go out,\n  (It does so every day, about,)\n  And so do I.\n\n"
    verse += "  [Exit.]\n\n  BEN. Then take the oar.\n\n  [He gives it.]\n\n"
    speeches = [event for event in read("ACT I\n\n" + verse * 6) if event[0]]
    assert speeches[0] == ("ANNA", "The tide comes in, the boats go out, (It does so every day, about,) And so do I.")


def test_places_in_capitals_are_no_speakers(read: Read) -> None:
    assert ("HARWICH", "THE HOUSE OF A MERCHANT") not in read(
        "ACT I\n" + TALK * 4 + "HARWICH. THE HOUSE OF A MERCHANT\n" + TALK
    )


def test_a_name_without_words_is_not_lost(read: Read) -> None:
    talk = "ANNA\nThe tide is early.\n\nBEN\nSo it is.\n\n"
    assert ("", "SECOND SCENE") in read("ACT I\n\n" + talk * 4 + "SECOND SCENE\n\n" + talk)


def test_directions_may_be_in_braces(read: Read) -> None:
    talk = "ANNA {Looking out.}\n\nThe tide is early.\n\nBEN {Sadly.} So it is.\n\n{He sits down.}\n\n"
    assert read("SCENE.\n\n" + talk * 5)[1:4] == [
        ("ANNA", "[Looking out.] The tide is early."),
        ("BEN", "[Sadly.] So it is."),
        ("", "He sits down."),
    ]


def test_a_direction_without_brackets_may_be_between_name_and_colon(read: Read) -> None:
    talk = "Anna: “The tide is early.”\n\nBen, turning\nround to the pier: “So it is.”\n\nBen: “It always was.”\n\n"
    assert read("[A pier]\n\n" + talk * 5)[1:3] == [
        ("Anna", "“The tide is early.”"),
        ("Ben", "(turning round to the pier) “So it is.”"),
    ]


def test_a_couplet_that_is_set_in_is_spoken(read: Read) -> None:
    talk = TALK + "\n She goes down to the boat.\n\n"
    couplet = "   So ends the day that had begun so ill:\n   The tide goes out, and all the gulls are still.\n\n"
    assert ("BEN", "I have spoken to it, twice. " + " ".join(couplet.split())) in read(
        "ACT I\n" + talk * 6 + TALK + "\n" + couplet + TALK
    )


def test_italics_alone_are_parentheticals_where_names_are_in_capitals(read: Read) -> None:
    talk = "ANNA\n\nThe tide is early.\n\nBEN\n\n_Softly._\n\nIt was early yesterday, too.\n\n"
    assert read("ACT I\n\n" + talk * 6)[2:4] == [("", "Softly."), ("BEN", "It was early yesterday, too.")]


def test_an_adverb_alone_may_be_a_whole_speech(read: Read) -> None:
    talk = "ANNA\n\nIs it deep?\n\nBEN\n\nPossibly. Nobody has come back to tell us.\n\nANNA\n\nPossibly.\n\n"
    assert {speaker for speaker, _ in read("ACT I\n\n" + talk * 6)} == {"", "ANNA", "BEN"}


def test_a_direction_on_its_own_line_may_never_be_closed(read: Read) -> None:
    speech = (
        "ANNA.\nThe water is as grey as any stone\n   [She looks at it.\nAnd colder than a stone has ever been.\n\n"
    )
    assert read("ACT I\n\n" + speech + TALK * 3)[1:4] == [
        ("ANNA", "The water is as grey as any stone"),
        ("", "She looks at it."),
        ("ANNA", "And colder than a stone has ever been."),
    ]


def test_a_direction_that_hangs_under_its_bracket_is_one(read: Read) -> None:
    direction = "     [BEN goes to the edge. He looks at the water.\n        He comes back.\n\n"
    assert ("", "BEN goes to the edge. He looks at the water. He comes back.") in read(BEGINNING + direction + TALK)


def test_a_bracket_below_a_short_first_line_is_separate_only_if_the_line_break_is_intended(read: Read) -> None:
    wide = (
        "ANNA (turning away from the water and from everything on it). Look!\n(She points at the gull that sits.)\n\n"
    )
    assert (
        "ANNA",
        "(turning away from the water and from everything on it) Look! (She points at the gull that sits.)",
    ) in (
        read(
            "ACT I\n" + (TALK.replace("yesterday as well", "yesterday as well, as early as it can be when") + wide) * 8
        )
    )


def test_tags_of_web_pages_are_italics(read: Read) -> None:
    talk = "ANNA -- <i>coming in, wet.</i> -- It rains.\n\nBEN -- <i>grimly.</i> -- It does. <b>Always.</b>\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [
        ("ANNA", "(coming in, wet) It rains."),
        ("BEN", "(grimly) It does. Always."),
    ]


def test_a_place_below_a_heading_is_no_speaker(read: Read) -> None:
    scene = "SCENE I\n\nA ROOM IN THE FERRY HOUSE.\n\nENTER ANNA.\n\nANNA: Is it early?\n\nBEN: It is.\n\n"
    assert read("ACT I\n\n" + scene * 6)[2:4] == [("", "A ROOM IN THE FERRY HOUSE."), ("", "ENTER ANNA.")]


def test_a_person_may_be_described_after_a_dash(read: Read) -> None:
    talk = "_Mrs. Gull._\n\nIs it early?\n\n_Ben._\n\nIt is, and cold, too.\n\n"
    described = (
        "Mrs. Gull--a stout woman in black--is mending a net. Ben comes in and puts an oar into\nthe corner.\n\n"
    )
    assert read("ACT I\n\n" + described + talk * 24)[1] == ("", plain(described))


def test_verse_at_the_margin_is_spoken(read: Read) -> None:
    verse = "ANNA: The sea has names.\n\nAnd every name is cold;\nIts boats are young,\nIts ropes are always old.\n\n"
    talk = "ANNA: Listen!\n\nBEN: I do.\n\nBen goes.\n\nAnna follows him.\n\n"
    events = read("ACT I\n\n" + talk * 3 + verse + talk)
    assert next(speaker for speaker, text in events if "ropes" in text) == "ANNA"


def test_whoever_cries_for_silence_speaks(read: Read) -> None:
    talk = ALONE + "[_A bell rings._]\n\nSilence! Somebody is coming!\n\n"
    assert read("ACT I\n\n" + talk * 4)[4] == ("BEN", "Silence! Somebody is coming!")


def test_a_direction_above_continued_words_is_separate(read: Read) -> None:
    talk = "ANNA\nIs it early?\n\n[She looks up.]\nIt is.\n\nBEN\nAnd cold, as it has been since the gulls left us.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:4] == [
        ("ANNA", "Is it early?"),
        ("", "She looks up."),
        ("ANNA", "It is."),
    ]


def test_an_unclosed_bracket_at_the_margin_ends_with_its_lines(read: Read) -> None:
    talk = "ANNA\n  Is it early?\n[She looks up, and then at the\nboats that lie there.\nIt is.\n\n"
    talk += "BEN\nAnd cold, as it has been since the gulls left us.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:4] == [
        ("ANNA", "Is it early?"),
        ("", "She looks up, and then at the boats that lie there."),
        ("ANNA", "It is."),
    ]


def test_the_description_at_rise_is_no_speech(read: Read) -> None:
    rise = "AT RISE. ANNA _is seen on the pier. She looks at the water._\n\n"
    assert read("ACT I\n\n" + rise + TALK * 6)[1] == ("", "AT RISE. ANNA is seen on the pier. She looks at the water.")


@pytest.mark.parametrize("last", ["I go now (_she takes the oar_", "I go now."], ids=["open", "ended"])
def test_the_curtain_is_no_word_of_the_last_speech(last: str, read: Read) -> None:
    assert read("ACT I\n" + TALK * 6 + f"\nANNA. {last}\n\n          Final Curtain.\n")[-1] == ("", "Final Curtain.")


def test_scenes_are_counted_beyond_seven(read: Read) -> None:
    scene = "\nSCENE TWELFTH.\nThe same, and a gull.\n"
    assert ("", "SCENE TWELFTH. The same, and a gull.") in read("SCENE FIRST.\n" + TALK * 4 + scene + TALK)


def test_a_direction_between_lines_of_verse_of_any_length_is_separate(read: Read) -> None:
    verse = "ANNA\n    The tide that nobody has seen comes in at last.\n"
    verse += "      [_Enter_ BEN; _he looks about._]\n    Come here.\n\n"
    talk = verse + "BEN\n    I come.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:4] == [
        ("ANNA", "The tide that nobody has seen comes in at last."),
        ("", "Enter BEN; he looks about."),
        ("ANNA", "Come here."),
    ]


def test_sections_of_a_screenplay_may_follow_each_other_at_once(read: Read) -> None:
    script = "INT. PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\n# ACT II\n## The boat\n\nANNA\nSo.\n"
    assert read(script)[3:5] == [("", "ACT II"), ("", "The boat")]


def test_a_direction_in_italics_may_begin_with_a_name_that_is_not(read: Read) -> None:
    talk = "_An._ Is it early?\n\n_Ben._ It is.\n\nI saw it, and so did you.\n\n"
    brought = "ANNA _is brought on, in a chair_.\n\n"
    assert ("", "ANNA is brought on, in a chair.") in read("ACT I\n\n" + talk * 6 + brought + talk)


def test_a_signature_in_a_letter_that_is_read_is_spoken(read: Read) -> None:
    letter = 'ANNA. [Reading.]\n\n"Wait for the tide."\n\n"BEN GULL."\n\n"On the pier, in May."\n\n'
    said = ("ANNA", '[Reading.] "Wait for the tide." "BEN GULL." "On the pier, in May."')
    assert said in read("ACT I\n" + TALK * 6 + "\n" + letter + TALK)


@pytest.mark.parametrize(
    ("line", "apart"),
    [("[_Rows away._", True), ("[_Rows away._]", True), ("[And so it shall be still]", False)],
    ids=["never closed", "closed", "said"],
)
def test_a_line_of_verse_is_never_a_full_one(line: str, apart: bool, read: Read) -> None:
    end = "." if "_]" in line else ","
    verse = f"_Anna._ The tide that goes is early and cold and old{end}\n{line}\nAnd comes before the day is told.\n\n"
    events = read("ACT I\n\n" + (verse + "_Ben._ So it is.\n\n") * 4)
    assert (("", line.strip("[]").replace("_", "")) in events) is apart


@pytest.mark.parametrize("narration", ["A CLERK _goes_.", "ANNA, MRS. GULL _and_ BEN _rise_. THE CLERK _goes_."])
def test_names_in_capitals_are_outside_the_italics_of_a_direction(narration: str, read: Read) -> None:
    talk = "_Anna._ Is it early?\n\nIs it late?\n\n_Ben._ It is, and cold.\n\n"
    assert read("ACT I\n\n" + talk * 5 + narration + "\n\n" + talk)[11] == ("", plain(narration))


def test_names_joined_in_italics_speak(read: Read) -> None:
    assert read("ACT I\n\n" + ALONE * 5 + "ANNA _and_ BEN.\n\nYes, yes.\n\n")[-1] == ("ANNA and BEN", "Yes, yes.")


def test_a_direction_without_its_bracket_continues_with_its_italics(read: Read) -> None:
    narration = " [_She takes the oars and rows away to the pier.\n He looks after her, then follows._\n\n"
    talk = " ANNA.\n  Is it early? Is anyone there?\n\n BEN.\n  It is, and cold.\n\n"
    assert read("ACT I\n\n" + (talk + narration) * 5)[3] == (
        "",
        "She takes the oars and rows away to the pier. He looks after her, then follows.",
    )


ABOVE = "ANNA.\nThe tide is early.\n\nBEN.\nSo it is.\n\n" * 12


@pytest.mark.parametrize("stop", [".", ":"])
def test_a_direction_without_brackets_stands_beside_a_name_above_the_words(read: Read, stop: str) -> None:
    told = f"ANNA, à part{stop}\nIt will be late.\n\nBEN, turning to\xa0Carl{stop}\nCall the boys.\n\n"
    assert read("ACT I\n\n" + ABOVE + told + ABOVE)[25:28] == [
        ("ANNA", "(à part) It will be late."),
        ("BEN", "(turning to Carl) Call the boys."),
        ("ANNA", "The tide is early."),
    ]


@pytest.mark.parametrize(
    "words",
    ["CARL, the pilot.\nHe is late.", "ANNA, come in.", "ANNA, Ben and the boys.\nThey are late.", "ANNA, is it?\nNo."],
)
def test_a_comma_after_a_name_begins_no_direction_elsewhere(read: Read, words: str) -> None:
    found = read("ACT I\n\n" + ABOVE + words + "\n\n" + ABOVE)
    assert not any(said.startswith("(") for _, said in found)
