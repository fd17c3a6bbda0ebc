"""Habits of printers: where a play begins and ends, and what stands between its speeches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.stream import events_of

Read = Callable[[str], list[tuple[str, str]]]

TALK = """
ANNA. The tide is early today.

BEN. It was early yesterday as well.

ANNA. Then somebody must speak to it.

BEN. I have spoken to it, twice.
"""
LICENCE = "\n\nEnd of the Project Gutenberg EBook of The Pier\n\n" + (
    "You may copy this text and give it away, to one or to many, as often as you like.\n\n" * 60
)
CAST = "THE PIER\n\nDRAMATIS PERSONAE\n\nANNA, a ferrywoman.\n\nBEN, her brother.\n\n"
BEGINNING = CAST + "ACT I\n" + TALK * 8 + "\n\n"
LONG = "The pier is longer than the play, and it is older than anyone who walks on it today, or who ever did.\n\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Who speaks (nobody: a direction) and what, as the layout found by itself has it; what is cut is left out."""

    def reader(text: str) -> list[tuple[str, str]]:
        path = tmp_path / "play.txt"
        path.write_text(text, "utf-8")
        (source,) = reading.find_sources([path], lambda _: None)
        return [
            (event.speaker if event.kind is EventKind.SPEECH else "", event.text)
            for event in events_of(source, None)[2]
            if event.kind is not EventKind.CUT
        ]

    return reader


@pytest.mark.parametrize(
    "last",
    [
        ["[She rows away. Ben waves.]", "CURTAIN"],
        ["[Exeunt.]"],
        ["[They look at the water.]", "Kill the lamp!", "[The lamp goes out.]", "The curtain falls."],
        ["* * * * *", "CURTAIN"],
    ],
    ids=["a direction and the curtain", "a direction", "words between directions", "the curtain after a rule"],
)
def test_a_play_goes_on_to_its_last_direction(last: list[str], read: Read) -> None:
    events = read(BEGINNING + "\n\n".join(last) + LICENCE)
    wanted = [text.strip("[]") for text in last if "*" not in text]
    assert [text for _, text in events[-len(wanted) :]] == wanted


def test_verse_after_the_last_name_is_still_spoken(read: Read) -> None:
    verse = "  Let those who wait upon the tide\n  Wait on the dry and sunny side."
    assert read(BEGINNING + verse + LICENCE)[-1] == (
        "BEN",
        "I have spoken to it, twice. Let those who wait upon the tide Wait on the dry and sunny side.",
    )


def test_what_follows_the_last_curtain_is_cut(read: Read) -> None:
    printed = "This play was first acted on a pier in April.\n\nAnna, MISS GULL.\nBen, MR. HERON."
    assert read(BEGINNING + "CURTAIN\n\n" + printed + LICENCE)[-1] == ("", "CURTAIN")


def test_an_epilogue_belongs_to_the_play_and_to_its_speaker(read: Read) -> None:
    epilogue = "EPILOGUE\n\nSpoken by MRS. GULL\n\n"
    epilogue += "  Good friends, the water has gone out,\n  And so should you, beyond a doubt."
    events = read(BEGINNING + "[Exeunt.]\n\n" + epilogue + LICENCE)
    assert events[-4:] == [
        ("", "Exeunt."),
        ("", "EPILOGUE"),
        ("", "Spoken by MRS. GULL"),
        ("MRS. GULL", "Good friends, the water has gone out, And so should you, beyond a doubt."),
    ]


def test_a_play_begins_with_the_heading_of_its_act_not_of_its_scene(read: Read) -> None:
    events = read(CAST + "ACT I\n\n" + LONG + LONG + "SCENE I\n" + TALK)
    assert [text for _, text in events[:4]] == ["ACT I", LONG.strip(), LONG.strip(), "SCENE I"]


def test_a_prologue_without_a_speaker_belongs_to_the_play(read: Read) -> None:
    prologue = "PROLOGUE\n\n  The sea is deep, the play is not,\n  And here is all there is of plot.\n\n"
    events = read(CAST + prologue + "ACT I\n\nSCENE I\n" + TALK)
    assert [text for _, text in events[:3]] == [
        "PROLOGUE",
        "The sea is deep, the play is not, And here is all there is of plot.",
        "ACT I",
    ]


def test_a_table_of_contents_does_not(read: Read) -> None:
    contents = "ACT I\n     SCENE I. A pier.\n\nACT II. A boat.\n\n"
    assert [text for _, text in read("THE PIER\n\n" + contents + "ACT I\n\nSCENE I\n" + TALK)[:2]] == [
        "ACT I",
        "SCENE I",
    ]


def test_a_cast_list_with_rows_of_dots_does_not(read: Read) -> None:
    cast = "EPISODE 3\n\nThe Cast\n\nAnna Gull ........ Anna\n\nBen Heron.......... Ben\n\n"
    talk = TALK.replace("ANNA.", "ANNA:").replace("BEN.", "BEN:")
    assert read(cast + "[A pier]\n" + talk)[0] == ("", "A pier")


def test_names_in_a_cast_list_do_not_speak(read: Read) -> None:
    cast = (
        "THE PIER\n\nDRAMATIS PERSONAE\n\n     THE GULL.\n     The Moon.\n\n     ANNA.\n     BEN.\n     Fishermen.\n\n"
    )
    assert read(cast + "ACT I\n" + TALK)[:2] == [("", "ACT I"), ("ANNA", "The tide is early today.")]


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


@pytest.mark.parametrize(
    "names",
    [
        "     THE GULL\n     ANNA\n     BEN\n     Fishermen\n\n",
        "ANNA (a ferrywoman)......  Miss Gull\n\nBEN (her brother).......  Mr. Heron\n\n",
    ],
    ids=["without stops", "with their actors"],
)
def test_a_cast_list_may_look_like_speeches(names: str, read: Read) -> None:
    talk = TALK.replace("ANNA.", "ANNA (softly).") if "....." in names else TALK
    assert read("THE PIER\n\nPERSONS\n\n" + names + "SCENE.\n" + talk * 3)[1][0] == "ANNA"


def test_speeches_quoted_in_notes_after_the_end_are_no_play(read: Read) -> None:
    notes = "<1> An earlier draft goes on:\n" + TALK
    assert read(BEGINNING + "[Exeunt.]\n\nEND OF THE PLAY\n\n" + notes + LICENCE)[-1] == ("", "Exeunt.")


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


def test_all_directions_before_the_first_speech_belong_to_the_play(read: Read) -> None:
    text = CAST + "[A pier. It is late.]\n\n[ANNA is asleep in the boat.]\n\n" + TALK * 2
    assert [text for _, text in read(text)[:2]] == ["A pier. It is late.", "ANNA is asleep in the boat."]


def test_a_glossary_is_no_play(read: Read) -> None:
    glossary = (
        "GLOSSARY\n\n" + "".join(f"{word}. See {word.title()}fish.\n\n" for word in ("COD", "EEL", "HAKE", "LING")) * 12
    )
    assert read(BEGINNING + "[EXEUNT.]\n\n" + glossary + LICENCE)[-1] == ("", "EXEUNT.")


def test_titles_of_honour_in_a_cast_list_are_no_speech(read: Read) -> None:
    cast = "THE PERSONS OF THE PLAY\n\nTHE REV. BENJAMIN GULL, D.D.\n\nANNA\n\nBEN\n\n"
    assert read("THE PIER\n\n" + cast + "FIRST ACT\n" + TALK * 3 + "THE REV. Good day.\n" + TALK)[0] == (
        "",
        "FIRST ACT",
    )


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


def test_a_text_that_only_resembles_a_play_is_not_cut_away(read: Read) -> None:
    text = "ANNA. A woman of the pier.\n\n" + LONG * 5
    assert read(text * 3)[0][1].startswith("ANNA. A woman of the pier.")


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


def test_a_programme_before_the_cast_list_is_no_play(read: Read) -> None:
    programme = "PROGRAMME\n\nANNA (a ferrywoman).     Miss Gull.\n\nBEN (her brother).     Mr. Heron.\n\n"
    talk = TALK.replace("ANNA.", "ANNA (softly).")
    assert read(programme * 3 + CAST + "ACT I\n" + talk * 3)[0] == ("", "ACT I")


def test_a_couplet_that_is_set_in_is_spoken(read: Read) -> None:
    talk = TALK + "\n She goes down to the boat.\n\n"
    couplet = "   So ends the day that had begun so ill:\n   The tide goes out, and all the gulls are still.\n\n"
    assert ("BEN", "I have spoken to it, twice. " + " ".join(couplet.split())) in read(
        "ACT I\n" + talk * 6 + TALK + "\n" + couplet + TALK
    )


def test_without_a_heading_the_play_begins_with_the_room_it_is_set_in(read: Read) -> None:
    room = (
        "Evening. A hut at the end of a pier, with a lamp that\nnobody has lit, and a chair that nobody has mended.\n\n"
    )
    assert read("THE PIER\n\nCHARACTERS\n\nANNA.\nBEN.\nA GULL.\n\n" + room + TALK * 2)[0] == (
        "",
        " ".join(room.split()),
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


def test_a_list_of_scenes_is_no_play(read: Read) -> None:
    scenes = "ACT I. The pier, at dawn.\n\nACT II. The same.\n\nAFTERWARDS. The ferry, at night. Nobody is on it.\n\n"
    assert read("PERSONS\n\nANNA, a ferrywoman.\n\nBEN, her brother.\n\n" + scenes + "ACT I\n" + TALK * 4)[:2] == [
        ("", "ACT I"),
        ("ANNA", "The tide is early today."),
    ]


def test_a_long_cast_list_may_look_like_speeches(read: Read) -> None:
    persons = "".join(
        f"{name} GULL:     A cousin of hers.\n\n" for name in ["ADA", "EVE", "IDA", "OLA", "UNA", "ROY", "IAN", "TOM"]
    )
    talk = TALK.replace(".", ":", 1).replace("BEN.", "BEN:").replace("ANNA.", "ANNA:")
    assert read("CHARACTERS\n\n" + persons + "ACT I\n" + talk * 6)[0] == ("", "ACT I")


def test_a_list_of_works_is_no_play(read: Read) -> None:
    works = "".join(
        f"THE {name} (Der {name}); a play in one act; 1903.\n\n"
        for name in ["TIDE", "GULL", "PIER", "BOAT", "ROPE", "SALT", "WIND", "RAIN"]
    )
    assert read("LIST OF PLAYS\n\n" + works + "ACT I\n" + TALK * 6)[0] == ("", "ACT I")


def test_a_programme_with_actors_is_no_play(read: Read) -> None:
    actors = "ANNA (a ferrywoman)            MISS TERN.\n\nBEN (her brother)              MR. HERON.\n\n"
    assert read("THE PIER\n\n" + actors + "\n\nACT I\n" + TALK * 6)[0] == ("", "ACT I")


def test_a_title_is_no_speaker_where_names_stand_right_above_the_words(read: Read) -> None:
    talk = "ANNA\nThe tide is early.\n\nBEN\nIt was early yesterday, too.\n\n"
    events = read("THE PIER\n\nTHE PIER\n\n[A pier at dawn.]\n\n" + talk * 12)
    assert events[:2] == [("", "A pier at dawn."), ("ANNA", "The tide is early.")]


def test_a_prologue_begins_with_whoever_enters(read: Read) -> None:
    prologue = (
        "Enter the GULL.\n\nGULL. You who have paid to hear about the sea, be patient with a bird.\n\n[Exit.]\n\n"
    )
    assert read(CAST + prologue + "ACT I\n" + TALK * 8)[:2] == [
        ("", "Enter the GULL."),
        ("GULL", "You who have paid to hear about the sea, be patient with a bird."),
    ]


def test_the_scene_is_described_between_the_title_and_the_first_words(read: Read) -> None:
    room = "The pier at dawn. The boards are wet, and a rope hangs from the rail into the grey water below\nthem.\n\n"
    assert read("A preface about ferries.\n\nTHE PIER\n\n" + room + TALK * 8)[0] == ("", plain(room))


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


def test_after_the_curtain_nobody_speaks(read: Read) -> None:
    after = "THE CURTAIN FALLS, AND RISES.\n\nLATER\n\nA grey dawn. You could see the pier, if there were one.\n\n"
    assert read(BEGINNING + after + "THE CURTAIN FALLS." + LICENCE)[-2][0] == ""


def test_what_is_seen_last_belongs_to_the_play(read: Read) -> None:
    last = "All stand as if the water had risen. A long silence.\n\nTHE LAST PICTURE\n\nAnna holds the rope.\n\n"
    assert [text for _, text in read(BEGINNING + last + "THE END" + LICENCE)[-2:]] == [
        "THE LAST PICTURE",
        "Anna holds the rope.",
    ]


@pytest.mark.parametrize(
    "back",
    [
        "PLAYS BY THE SAME AUTHOR\n\nTHE GULL. A comedy. 12mo. Cloth. 75 cents.\n\nTHE ROPE. A farce. 12mo. 50 cents.",
        "LIGHTING PLOT\n\n1ST CUE.--When ANNA enters, dim lamps.\n\n2ND CUE.--When BEN enters, lamps out.",
        "NOTES\n\nANNA. The name is an old one.",
        "PRINTED BY HERON AND TERN, LONDON.",
    ],
    ids=["catalogue", "plot", "notes", "printer"],
)
def test_what_a_book_ends_with_is_cut(back: str, read: Read) -> None:
    assert read(BEGINNING + "[She rows away.]\n\n" + back + LICENCE)[-1] == ("", "She rows away.")


def test_headings_may_be_latin(read: Read) -> None:
    assert read(CAST + "Actus Primus. Scaena Prima.\n" + TALK * 8)[0] == ("", "Actus Primus. Scaena Prima.")


def test_a_few_bold_words_are_no_markdown(read: Read) -> None:
    talk = "ANNA\n\nThe tide is early.\n\nBEN\n\nIt was early yesterday, too.\n\n" + "Nobody minds the tide.\n\n" * 4
    assert ("ANNA", "The tide is early.") in read("ACT I\n\n" + talk * 20 + "**All at once.**\n\n" + talk * 20)


def test_a_slugline_may_follow_a_cut_at_once(read: Read) -> None:
    script = "INT. PIER - DAY\n\nANNA\nIs it early?\n\nBEN\nIt is.\n\nCUT TO:\nint. ferry\n\nBEN\nAnd cold.\n"
    assert ("", "int. ferry") in read(script)
