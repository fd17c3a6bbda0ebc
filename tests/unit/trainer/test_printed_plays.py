"""Habits of printers: what stands between the speeches of a play, and who speaks."""

from __future__ import annotations

import pytest
from samples import ALONE, BEGINNING, TALK, Read

from scriptmodel_trainer.corpus.layouts.paragraphs import plain


def test_directions_at_the_right_of_a_line_of_verse_stand_apart(read: Read) -> None:
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


def test_where_directions_are_set_in_words_at_the_margin_are_spoken(read: Read) -> None:
    talk = TALK + "\n Enter a fisherman.\n\nThis is the fisherman, cousin to the tide.\n"
    assert read("ACT I\n" + talk * 6)[5:7] == [
        ("", "Enter a fisherman."),
        ("BEN", "This is the fisherman, cousin to the tide."),
    ]


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


def test_places_in_capitals_are_no_speakers(read: Read) -> None:
    assert ("HARWICH", "THE HOUSE OF A MERCHANT") not in read(
        "ACT I\n" + TALK * 4 + "HARWICH. THE HOUSE OF A MERCHANT\n" + TALK
    )


def test_whoever_is_named_but_says_nothing_is_not_lost(read: Read) -> None:
    talk = "ANNA\nThe tide is early.\n\nBEN\nSo it is.\n\n"
    assert ("", "SECOND SCENE") in read("ACT I\n\n" + talk * 4 + "SECOND SCENE\n\n" + talk)


def test_the_last_word_of_a_speech_may_be_end(read: Read) -> None:
    assert read("ACT I\n" + TALK * 8 + "ANNA. Where will it\nend!\n" + TALK)[33] == ("ANNA", "Where will it end!")


def test_a_name_and_its_direction_in_italics_above_the_words(read: Read) -> None:
    talk = "_The Boy (laughing)._\n\nDid you see the gull?\n\n_Anna._\n\nI see it every day.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:3] == [
        ("The Boy", "(laughing) Did you see the gull?"),
        ("Anna", "I see it every day."),
    ]


def test_numbers_tell_speakers_apart(read: Read) -> None:
    talk = "WOMAN #1: Is this the pier?\n\nWOMAN #2: It was.\n\n"
    assert read("[The pier]\n\n" + talk * 3)[1:3] == [("WOMAN #1", "Is this the pier?"), ("WOMAN #2", "It was.")]


def test_an_abbreviation_may_look_like_a_small_word(read: Read) -> None:
    talk = "OR. The gull is white.\n\nCL. The gull is grey.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1] == ("OR", "The gull is white.")


def test_directions_may_stand_in_braces(read: Read) -> None:
    talk = "ANNA {Looking out.}\n\nThe tide is early.\n\nBEN {Sadly.} So it is.\n\n{He sits down.}\n\n"
    assert read("SCENE.\n\n" + talk * 5)[1:4] == [
        ("ANNA", "[Looking out.] The tide is early."),
        ("BEN", "[Sadly.] So it is."),
        ("", "He sits down."),
    ]


def test_initials_are_a_name_where_they_often_speak(read: Read) -> None:
    talk = "C.-C. The tide is early.\n\nANNA. So it is.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1:3] == [("C.-C", "The tide is early."), ("ANNA", "So it is.")]


def test_a_number_may_stand_before_a_name_in_italics(read: Read) -> None:
    talk = "1 _Sol_. Who goes there?\n\n2 _Sol_. A gull.\n\n_Anna_. Only a gull.\n\n"
    assert read("ACT I\n\n" + talk * 5)[1:3] == [("1 Sol", "Who goes there?"), ("2 Sol", "A gull.")]


def test_a_direction_without_brackets_may_stand_between_name_and_colon(read: Read) -> None:
    talk = "Anna: “The tide is early.”\n\nBen, turning\nround to the pier: “So it is.”\n\nBen: “It always was.”\n\n"
    assert read("[A pier]\n\n" + talk * 5)[1:3] == [
        ("Anna", "“The tide is early.”"),
        ("Ben", "(turning round to the pier) “So it is.”"),
    ]


def test_a_direction_beside_a_name_in_markdown_is_no_part_of_it(read: Read) -> None:
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


def test_a_couplet_that_is_set_in_is_spoken(read: Read) -> None:
    talk = TALK + "\n She goes down to the boat.\n\n"
    couplet = "   So ends the day that had begun so ill:\n   The tide goes out, and all the gulls are still.\n\n"
    assert ("BEN", "I have spoken to it, twice. " + " ".join(couplet.split())) in read(
        "ACT I\n" + talk * 6 + TALK + "\n" + couplet + TALK
    )


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


def test_italics_alone_say_how_where_names_are_in_capitals(read: Read) -> None:
    talk = "ANNA\n\nThe tide is early.\n\nBEN\n\n_Softly._\n\nIt was early yesterday, too.\n\n"
    assert read("ACT I\n\n" + talk * 6)[2:4] == [("", "Softly."), ("BEN", "It was early yesterday, too.")]


def test_an_adverb_alone_may_be_all_that_is_said(read: Read) -> None:
    talk = "ANNA\n\nIs it deep?\n\nBEN\n\nPossibly. Nobody has come back to tell us.\n\nANNA\n\nPossibly.\n\n"
    assert {speaker for speaker, _ in read("ACT I\n\n" + talk * 6)} == {"", "ANNA", "BEN"}


@pytest.mark.parametrize(
    "line", ["So be it.                [_Aside._", "So be it.      [_She goes"], ids=["aside", "direction"]
)
def test_a_bracket_that_stays_open_at_the_end_of_a_line_hides_no_names(line: str, read: Read) -> None:
    talk = f"_Anna._ {line}\n_Ben._ What did you say?\n_Anna._ Nothing at all.\n_Ben._ I heard it, though.\n\n"
    assert [speaker for speaker, _ in read("ACT I\n\n" + talk * 4)[1:5]] == ["Anna", "Ben", "Anna", "Ben"]


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


def test_a_bracket_below_a_short_first_line_stands_apart_only_if_the_line_was_ended_on_purpose(read: Read) -> None:
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


def test_a_known_name_alone_speaks_where_names_stand_before_the_words(read: Read) -> None:
    assert ("BEN", "Good evening, all of you.") in read(BEGINNING + "BEN\n\nGood evening, all of you.\n\n" + TALK)


def test_a_known_name_with_a_full_stop_may_stand_above_its_verse(read: Read) -> None:
    assert ("BEN", "Good evening to the sea.") in read(BEGINNING + "BEN.\nGood evening to the sea.\n\n" + TALK)


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


def test_a_few_bold_words_are_no_markdown(read: Read) -> None:
    talk = "ANNA\n\nThe tide is early.\n\nBEN\n\nIt was early yesterday, too.\n\n" + "Nobody minds the tide.\n\n" * 4
    assert ("ANNA", "The tide is early.") in read("ACT I\n\n" + talk * 20 + "**All at once.**\n\n" + talk * 20)


def test_a_slugline_may_follow_a_cut_at_once(read: Read) -> None:
    script = "INT. PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\nCUT TO:\nint. ferry\n\nBEN\nAnd cold.\n"
    assert ("", "int. ferry") in read(script)


def test_a_direction_in_italics_may_fill_paragraphs(read: Read) -> None:
    direction = "_The pier at dawn. Nobody is there.\n\nIt rains on the boards.\n\nANNA comes, and sits down._\n\n"
    events = read("ACT I\n\n" + ALONE * 6 + direction + ALONE)
    assert [text for speaker, text in events if not speaker][1:] == [
        "The pier at dawn. Nobody is there.",
        "It rains on the boards.",
        "ANNA comes, and sits down.",
    ]


def test_verse_in_brackets_that_speaks_to_someone_is_no_direction(read: Read) -> None:
    said = "[And you have seen it come\nBefore I called you from the boat.]"
    verse = f"ANNA.\nThe tide is in.\n\n   [She points.\n\n{said}\n\n"
    events = read("ACT I\n\n" + (verse + "BEN.\nSo it is.\n\n") * 6)
    assert events[3] == ("ANNA", said.replace("\n", " "))


def test_i_alone_below_a_name_is_no_page_number(read: Read) -> None:
    assert ("BEN", "I.") in read("ACT I\n\n" + ALONE * 6 + "ANNA\n\nWho is there?\n\nBEN\n\nI.\n\n" + ALONE)


def test_a_lost_line_break_may_follow_a_single_word(read: Read) -> None:
    events = read("ACT I\n" + TALK * 3 + "ANNA. Never.  BEN. Then we shall wait for it.\n" + TALK)
    assert events[13:15] == [("ANNA", "Never."), ("BEN", "Then we shall wait for it.")]


def test_whoever_cries_for_silence_speaks(read: Read) -> None:
    talk = ALONE + "[_A bell rings._]\n\nSilence! Somebody is coming!\n\n"
    assert read("ACT I\n\n" + talk * 4)[4] == ("BEN", "Silence! Somebody is coming!")


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


def test_two_who_speak_at_once_are_believed_when_named_again(read: Read) -> None:
    both = "ANNA. Is it deep?\nBEN. and ANN. No.\nANNA. Then jump.\n\n"
    assert ("BEN. and ANN", "No.") in read("ACT I\n" + TALK * 4 + both + TALK + both)


def test_a_direction_above_words_that_go_on_stands_apart(read: Read) -> None:
    talk = "ANNA\nIs it early?\n\n[She looks up.]\nIt is.\n\nBEN\nAnd cold, as it has been since the gulls left us.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:4] == [
        ("ANNA", "Is it early?"),
        ("", "She looks up."),
        ("ANNA", "It is."),
    ]


def test_a_bracket_at_the_margin_that_is_never_closed_ends_where_its_lines_go_on_no_more(read: Read) -> None:
    talk = "ANNA\n  Is it early?\n[She looks up, and then at the\nboats that lie there.\nIt is.\n\n"
    talk += "BEN\nAnd cold, as it has been since the gulls left us.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1:4] == [
        ("ANNA", "Is it early?"),
        ("", "She looks up, and then at the boats that lie there."),
        ("ANNA", "It is."),
    ]


def test_whoever_is_alone_speaks_without_a_name(read: Read) -> None:
    alone = "\nSCENE II.--BEN, _alone_.\n\nWhat am I to do? My boat is gone.\n\nSCENE III.--BEN, ANNA.\n"
    assert ("BEN", "What am I to do? My boat is gone.") in read("SCENE I.\n" + TALK * 4 + alone + TALK * 4)


def test_a_screenplay_with_bold_transitions_is_no_markdown(read: Read) -> None:
    script = "Title: The Pier\nAuthor: A Gull\n\n"
    script += "**FADE IN:**\n\nA pier at dawn.\n\nANNA \n(looks up)\n\nBEN\nIs it early?\n\n**The tide comes in.**\n\n"
    assert read(script + "ANNA\nIt is.\n\nBEN\nAnd cold.\n\n" * 4)[:4] == [
        ("", "A pier at dawn."),
        ("ANNA", "(looks up)"),
        ("BEN", "Is it early?"),
        ("", "The tide comes in."),
    ]


def test_names_in_small_letters_may_stand_right_above_the_words(read: Read) -> None:
    talk = "Mrs. Gull\nIs it early? It often is.\n\nBen of Pier (softly)\nIt is.\n\nBen of Pier\nAnd cold.\n\n"
    assert read("SCENE FIRST\n\n" + talk * 8)[1:4] == [
        ("Mrs. Gull", "Is it early? It often is."),
        ("Ben of Pier", "(softly) It is."),
        ("Ben of Pier", "And cold."),
    ]


def test_junior_belongs_to_the_name(read: Read) -> None:
    talk = "_Gull, jun._ Is it early?\n\n_Anna._ It is.\n\n"
    assert read("ACT I\n\n" + talk * 6)[1] == ("Gull, jun", "Is it early?")


def test_a_name_in_small_letters_may_stand_above_its_verse(read: Read) -> None:
    song = "First Gull.\n\n     The sea, the sea,\n     It sings to me.\n\n"
    talk = "Anna. Is it early?\n\nFirst Gull. It is. It often is.\n\n"
    assert read("ACT I\n\n" + song + talk * 6)[1] == ("First Gull", "The sea, the sea, It sings to me.")


def test_what_is_seen_at_rise_is_no_speech(read: Read) -> None:
    rise = "AT RISE. ANNA _is seen on the pier. She looks at the water._\n\n"
    assert read("ACT I\n\n" + rise + TALK * 6)[1] == ("", "AT RISE. ANNA is seen on the pier. She looks at the water.")


@pytest.mark.parametrize("last", ["I go now (_she takes the oar_", "I go now."], ids=["open", "ended"])
def test_the_curtain_is_no_word_of_the_last_speech(last: str, read: Read) -> None:
    assert read("ACT I\n" + TALK * 6 + f"\nANNA. {last}\n\n          Final Curtain.\n")[-1] == ("", "Final Curtain.")


def test_a_line_that_speaks_does_not_hang_under_a_direction(read: Read) -> None:
    speech = "ANNA.\nThe water is as grey as any stone\n   [She looks at it.\n       Ben! will you come?\n\n"
    assert read("ACT I\n\n" + speech + TALK * 3)[1:4] == [
        ("ANNA", "The water is as grey as any stone"),
        ("", "She looks at it."),
        ("ANNA", "Ben! will you come?"),
    ]


def test_scenes_are_counted_beyond_seven(read: Read) -> None:
    scene = "\nSCENE TWELFTH.\nThe same, and a gull.\n"
    assert ("", "SCENE TWELFTH. The same, and a gull.") in read("SCENE FIRST.\n" + TALK * 4 + scene + TALK)


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
