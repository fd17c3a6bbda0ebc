"""Typography of names, and text that only looks like a name."""

from __future__ import annotations

import pytest
from samples import ALONE, BEGINNING, TALK, Read


def test_a_direction_with_a_footnote_names_no_speaker(read: Read) -> None:
    talk = (
        "     ANNA. The tide is early.[2]\n\n          Enter BEN.[3]\n\n     BEN. So it is.\n          [Exit.] [4]\n\n"
    )
    assert read("ACT I\n\n" + talk * 4)[1:5] == [
        ("ANNA", "The tide is early."),
        ("", "Enter BEN."),
        ("BEN", "So it is."),
        ("", "Exit."),
    ]


def test_a_crowd_is_a_speaker_though_its_word_is_a_common_one(read: Read) -> None:
    talk = "Anna. Where are the boys?\n\nBen. The boys are on the pier.\n\nAnna. Call them.\n\n" * 3
    assert ("The Boys", "Here we are!") in read("ACT I\n\n" + talk + "The Boys. Here we are!\n\n" + talk)


def test_the_first_word_after_a_name_on_its_own_line_is_no_part_of_it(read: Read) -> None:
    talk = "ANNA\nAy--and so it is.\n\nBEN\nThen we agree.\n\n" * 4
    assert read("ACT I\n\n" + talk)[1:3] == [("ANNA", "Ay--and so it is."), ("BEN", "Then we agree.")]


def test_markdown_keeps_its_own_matter_to_itself(read: Read) -> None:
    text = "---\nTitle: The Pier\nDate: May\n---\n\n# The Pier\n\n[TOC]\n\n"
    text += "### [A pier]\n\n**Anna\u00a0:** The tide.\n\n**Ben\u00a0:** Yes.\n"
    assert read(text) == [("", "A pier"), ("Anna", "The tide."), ("Ben", "Yes.")]


def test_a_known_name_alone_with_a_full_stop_speaks_in_any_layout(read: Read) -> None:
    assert read("ACT I\n" + TALK * 8 + "\nANNA.\n\n  The sea, the sea,\n  It sings to me.\n\n" + TALK)[33] == (
        "ANNA",
        "The sea, the sea, It sings to me.",
    )


def test_a_name_in_italics_speaks_however_short_the_words(read: Read) -> None:
    talk = "_Anna._ Yes.\n\n_Ben._ [_Turning round to the pier._] No.\n\n"
    talk += "_Enter_ Carl, _with a lamp._\n\n_Anna._ Why not today?\n\n"
    assert read("ACT I\n\n" + talk * 4)[1:5] == [
        ("Anna", "Yes."),
        ("Ben", "[Turning round to the pier.] No."),
        ("", "Enter Carl, with a lamp."),
        ("Anna", "Why not today?"),
    ]


def test_the_last_word_of_a_speech_may_be_end(read: Read) -> None:
    assert read("ACT I\n" + TALK * 8 + "ANNA. Where will it\nend!\n" + TALK)[33] == ("ANNA", "Where will it end!")


def test_a_name_and_its_direction_in_italics_above_the_words(read: Read) -> None:
    talk = "_The Boy (laughing)._\n\nDid you see the gull?\n\n_Anna._\n\nI see it every day.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [
        ("The Boy", "(laughing) Did you see the gull?"),
        ("Anna", "I see it every day."),
    ]


def test_numbers_distinguish_speakers(read: Read) -> None:
    talk = "WOMAN #1: Is this the pier?\n\nWOMAN #2: It was.\n\n"
    assert read("[The pier]\n\n" + talk * 3)[1:3] == [("WOMAN #1", "Is this the pier?"), ("WOMAN #2", "It was.")]


def test_an_abbreviation_may_look_like_a_small_word(read: Read) -> None:
    talk = "OR. The gull is white.\n\nCL. The gull is grey.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1] == ("OR", "The gull is white.")


def test_initials_are_a_name_where_they_often_speak(read: Read) -> None:
    talk = "C.-C. The tide is early.\n\nANNA. So it is.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1:3] == [("C.-C", "The tide is early."), ("ANNA", "So it is.")]


def test_a_number_may_precede_a_name_in_italics(read: Read) -> None:
    talk = "1 _Sol_. Who goes there?\n\n2 _Sol_. A gull.\n\n_Anna_. Only a gull.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1:3] == [("1 Sol", "Who goes there?"), ("2 Sol", "A gull.")]


def test_a_direction_next_to_a_name_in_markdown_is_no_part_of_it(read: Read) -> None:
    talk = "**Anna (softly):** The tide.\n\n**Ben, turning round:** Yes.\n\n**Anna, Ben and Carl:** Yes!\n\n"
    assert read("# The Pier\n\n" + talk) == [
        ("Anna", "(softly) The tide."),
        ("Ben", "(turning round) Yes."),
        ("Anna, Ben and Carl", "Yes!"),
    ]


def test_names_alone_may_be_in_small_letters(read: Read) -> None:
    talk = "Mrs. Gull.\n\nThe tide is early. It often is.\n\nBen.\n\nSo it is.\n\n"
    assert read("ACT I\n\n" + talk * 8)[1:3] == [
        ("Mrs. Gull", "The tide is early. It often is."),
        ("Ben", "So it is."),
    ]


def test_italics_show_where_a_shortened_name_ends(read: Read) -> None:
    talk = (
        "_K. Ben._ Who left it open?\n_Gate. of Pier._ Not I.\n_First G. Man._ Nor I.\n_K. Ben._ It was the wind.\n\n"
    )
    assert read("ACT I\n\n" + talk * 4)[1:4] == [
        ("K. Ben", "Who left it open?"),
        ("Gate. of Pier", "Not I."),
        ("First G. Man", "Nor I."),
    ]


def test_italics_before_a_colon_are_a_name_whatever_its_words(read: Read) -> None:
    talk = "_Anna_: Listen.\n\n_Ben_: I do.\n\n"
    assert read("ACT I\n\n" + talk * 5 + "_The two of them_: It is the tide.\n\n" + talk)[11] == (
        "The two of them",
        "It is the tide.",
    )


@pytest.mark.parametrize(
    "line", ["So be it.                [_Aside._", "So be it.      [_She goes"], ids=["aside", "direction"]
)
def test_a_bracket_that_stays_open_at_the_end_of_a_line_hides_no_names(line: str, read: Read) -> None:
    talk = f"_Anna._ {line}\n_Ben._ What did you say?\n_Anna._ Nothing at all.\n_Ben._ I heard it, though.\n\n"
    assert [speaker for speaker, _ in read("ACT I\n\n" + talk * 4)[1:5]] == ["Anna", "Ben", "Anna", "Ben"]


@pytest.mark.parametrize("name", ["OLD M", "B. B"])
def test_an_initial_ends_a_name(name: str, read: Read) -> None:
    talk = f"{name}. As dry as a fish. It will rain again.\n\nBEN. It will.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == (name, "As dry as a fish. It will rain again.")


def test_a_chorus_that_speaks_is_no_heading_of_a_song(read: Read) -> None:
    talk = "ANNA.\n\nWho comes?\n\nCHORUS.\n\nThe sea, the sea, which was here before you were.\n\n"
    assert read("ACT I\n\n" + talk * 6)[2] == ("CHORUS", "The sea, the sea, which was here before you were.")


def test_names_in_the_middle_of_the_line_need_no_full_stop(read: Read) -> None:
    talk = " " * 30 + "Anna\n\n     Whose boat is that?\n\n" + " " * 30 + "Ben\n\n     It was mine.\n\n"
    assert read("SCENE I\n\n" + talk * 8)[1:3] == [("Anna", "Whose boat is that?"), ("Ben", "It was mine.")]


def test_a_known_name_alone_is_a_cue_if_names_precede_the_words(read: Read) -> None:
    assert ("BEN", "Good evening, all of you.") in read(BEGINNING + "BEN\n\nGood evening, all of you.\n\n" + TALK)


def test_a_known_name_with_a_full_stop_may_be_above_its_verse(read: Read) -> None:
    assert ("BEN", "Good evening to the sea.") in read(BEGINNING + "BEN.\nGood evening to the sea.\n\n" + TALK)


def test_a_few_bold_words_are_no_markdown(read: Read) -> None:
    talk = "ANNA\n\nThe tide is early.\n\nBEN\n\nIt was early yesterday, too.\n\n" + "Nobody minds the tide.\n\n" * 4
    assert ("ANNA", "The tide is early.") in read("ACT I\n\n" + talk * 20 + "**All at once.**\n\n" + talk * 20)


def test_i_alone_below_a_name_is_no_page_number(read: Read) -> None:
    assert ("BEN", "I.") in read("ACT I\n\n" + ALONE * 6 + "ANNA\n\nWho is there?\n\nBEN\n\nI.\n\n" + ALONE)


def test_a_lost_line_break_may_follow_a_single_word(read: Read) -> None:
    events = read("ACT I\n" + TALK * 3 + "ANNA. Never.  BEN. Then we shall wait for it.\n" + TALK)
    assert events[13:15] == [("ANNA", "Never."), ("BEN", "Then we shall wait for it.")]


def test_a_trade_belongs_to_the_name(read: Read) -> None:
    talk = "ANNA the Ferrywoman\nIs it early?\n\nBEN\nIt is, and cold, too.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == ("ANNA the Ferrywoman", "Is it early?")


def test_several_who_speak_at_once_may_be_named_with_commas(read: Read) -> None:
    talk = "ANNA\nIs it early?\n\nBEN\nIt is, and cold, too.\n\n"
    assert ("ANNA, BEN, AND OTHERS", "Hurrah for the tide!") in read(
        "ACT I\n\n" + talk * 6 + "ANNA, BEN, AND OTHERS\nHurrah for the tide!\n\n" + talk
    )


def test_i_at_the_beginning_of_the_words_is_no_part_of_the_name_above(read: Read) -> None:
    talk = "ANNA\nI--I never said so.\n\nBEN\nThen who did?\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == ("ANNA", "I--I never said so.")


def test_two_simultaneous_speakers_are_accepted_when_named_again(read: Read) -> None:
    both = "ANNA. Is it deep?\nBEN. and ANN. No.\nANNA. Then jump.\n\n"
    assert ("BEN. and ANN", "No.") in read("ACT I\n" + TALK * 4 + both + TALK + both)


def test_a_screenplay_with_bold_transitions_is_no_markdown(read: Read) -> None:
    script = "Title: The Pier\nAuthor: A Gull\n\n"
    script += "**FADE IN:**\n\nA pier at dawn.\n\nANNA \n(looks up)\n\nBEN\nIs it early?\n\n**The tide comes in.**\n\n"
    assert read(script + "ANNA\nIt is.\n\nBEN\nAnd cold.\n\n" * 4)[:4] == [
        ("", "A pier at dawn."),
        ("ANNA", "(looks up)"),
        ("BEN", "Is it early?"),
        ("", "The tide comes in."),
    ]


def test_names_in_lower_case_may_be_directly_above_the_words(read: Read) -> None:
    talk = "Mrs. Gull\nIs it early? It often is.\n\nBen of Pier (softly)\nIt is.\n\nBen of Pier\nAnd cold.\n\n"
    assert read("SCENE FIRST\n\n" + talk * 8)[1:4] == [
        ("Mrs. Gull", "Is it early? It often is."),
        ("Ben of Pier", "(softly) It is."),
        ("Ben of Pier", "And cold."),
    ]


def test_junior_belongs_to_the_name(read: Read) -> None:
    talk = "_Gull, jun._ Is it early?\n\n_Anna._ It is.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == ("Gull, jun", "Is it early?")


def test_a_title_page_may_be_set_in(read: Read) -> None:
    script = (
        "    Title: The Pier\n    Author: A Gull\n\n===\n\nACT ONE\n\n" + "ANNA\nIs it early?\n\nBEN\nIt is.\n\n" * 3
    )
    script += "Anna takes a dramatic pause\n\n(silence)\n\nBEN\nAnd cold.\n"
    assert read(script)[0] == ("", "ACT ONE")
    assert read(script)[-3:] == [("", "Anna takes a dramatic pause"), ("", "silence"), ("BEN", "And cold.")]


def test_a_letter_in_italics_may_be_a_name(read: Read) -> None:
    talk = "_A._ Is it early?\n\n_Bb._ It is.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [("A", "Is it early?"), ("Bb", "It is.")]


def test_underscores_alone_are_no_words(read: Read) -> None:
    assert read("ACT I\n" + TALK * 4 + "\n" + "_ _" * 100 + "\n" + TALK)[-1] == ("BEN", "I have spoken to it, twice.")


def test_a_name_within_a_line_may_have_a_colon(read: Read) -> None:
    talk = "ANNA: Is it early?\n\nBEN: It is, and cold, too.\n\n"
    lost = "ANNA: Is it early? BEN: It is. It often is.\n\n"
    assert read("ACT I\n\n" + talk * 6 + lost)[-2:] == [("ANNA", "Is it early?"), ("BEN", "It is. It often is.")]


def test_italics_may_be_between_two_simultaneous_speakers(read: Read) -> None:
    talk = "ANNA. Is it early?\n\nBEN. It is.\n\n"
    assert ("ANNA and BEN", "Hurrah for the tide!") in read(
        "ACT I\n\n" + talk * 6 + "ANNA _and_ BEN. Hurrah for the tide!\n\n" + talk
    )


def test_a_king_may_be_an_initial(read: Read) -> None:
    talk = "K. BEN. Who left it open?\n\nANNA. Not I.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [("K. BEN", "Who left it open?"), ("ANNA", "Not I.")]


def test_a_comma_may_follow_a_name_on_a_line_of_its_own(read: Read) -> None:
    talk = "THE OLD FERRYMAN,\n\n  Is it early?\n\nANNA\n\n  It is, and cold.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [("THE OLD FERRYMAN", "Is it early?"), ("ANNA", "It is, and cold.")]


def test_music_before_a_colon_does_not_speak(read: Read) -> None:
    talk = "ANNA. Is it early?\n\nBEN. It is.\n\nMUSIC: “_The Tide._”\n\n"
    assert read("ACT I\n\n" + talk * 6)[3] == ("", "MUSIC: “The Tide.”")


def test_a_name_alone_may_end_with_a_dash(read: Read) -> None:
    talk = "ANNA.--\n\n  Is it early?\n\nBEN. It is.\n\nANNA. And cold.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == ("ANNA", "Is it early?")


def test_a_name_in_italics_with_a_direction_needs_no_full_stop(read: Read) -> None:
    talk = "_Mrs. De G._ Is it early?\n\n_Ben_ (softly) It is, and cold.\n\n"
    said = [("Mrs. De G", "Is it early?"), ("Ben", "(softly) It is, and cold.")]
    assert read("ACT I\n\n" + talk * 6)[1:3] == said


@pytest.mark.parametrize(
    "line",
    [
        "_Anna._ The tide:\n_Ben_ He is not, nor am I\n",
        "\n_Sir_ BEN goes to the boat.\n\n",
        "\nMr. and Mrs. GULL look at it.\n\n",
    ],
    ids=["in verse", "a title", "two titles"],
)
def test_words_that_only_begin_like_a_name_are_nobodys_cue(line: str, read: Read) -> None:
    talk = "_Anna._ Is it early?\n_Ben._ It is, and cold.\n_Sir._ So it is.\n_Mr. and Mrs. Gull._ It is.\n"
    events = read("ACT I\n\n" + (talk + line) * 6)
    assert any("Ben He is" in said or "Sir BEN" in said or "Mrs. GULL" in said for _, said in events)


def test_an_initial_at_the_end_of_a_name_takes_no_word_from_the_speech(read: Read) -> None:
    talk = "ANNA. Is it early?\n\nMRS. M. I’ve told you that it is.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [("ANNA", "Is it early?"), ("MRS. M", "I’ve told you that it is.")]


def test_a_comma_and_a_dash_may_follow_the_direction_beside_a_name(read: Read) -> None:
    song = "BEN (_sings_),--\n\n      The sea, the sea!\n\n"
    assert ("BEN", "(sings) The sea, the sea!") in read("ACT I\n" + TALK * 6 + "\nANNA. So.\n\n" + song + TALK)


def test_a_title_in_quotation_marks_may_be_the_last_word(read: Read) -> None:
    last = 'BEN. "THE EARLY TIDE."\n\n(_music outside_)\n\nCURTAIN.'
    assert read("ACT I\n" + TALK * 6 + "\n" + last)[-3:] == [
        ("BEN", '"THE EARLY TIDE."'),
        ("", "music outside"),
        ("", "CURTAIN."),
    ]


@pytest.mark.parametrize("shown", ["The QUEEN, ANNA, BEN.", "The QUEEN, ANNA.", "Chorus, ANNA and BEN."])
def test_who_is_on_the_stage_does_not_speak(shown: str, read: Read) -> None:
    talk = "ANNA.\nIs it early?\n\nThe QUEEN.\nIt is, and cold.\n\nCHORUS.\nSo it is.\n\n"
    scene = f"SCENE II.\n\n{shown} They look at the water.\n\n"
    assert ("", f"{shown} They look at the water.") in read("ACT I\n\n" + talk * 6 + scene + talk)


def test_names_words_and_speeches_need_no_separator(read: Read) -> None:
    talk = "ANNA Is it early? It is, and so is\n  BEN Gull.\nMRS. GULL It is, and cold, too.\nBEN Then we wait.\n"
    assert read("ACT I\n\n" + talk * 12)[1:5] == [
        ("ANNA", "Is it early? It is, and so is BEN Gull."),
        ("MRS. GULL", "It is, and cold, too."),
        ("BEN", "Then we wait."),
        ("ANNA", "Is it early? It is, and so is BEN Gull."),
    ]
