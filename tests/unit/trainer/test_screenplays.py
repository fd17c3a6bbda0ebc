"""Screenplays as drafts print them: action right below words, pages, what a blank line parts, songs."""

from __future__ import annotations

import time

import pytest
from samples import Read

from scriptmodel_trainer.corpus.layouts import drafts

SLUG = "          EXT. A PIER - DAY\n\n"
ANNA = (
    "                         ANNA\n          Is it early, or has nobody told\n          the lamp that it is night?\n"
)
BEN = "                         BEN\n          It is early, and cold.\n"
LATER = "A long while goes by on the pier, and nobody comes to light the lamp."
TALK = f"{ANNA}\n{BEN}\n"


def draft(action: str, speeches: int = 12) -> str:
    """A screenplay with `action` right below the words of every other speech, and then another pair of speeches."""
    return SLUG + f"{ANNA}{action}\n\n{BEN}\n" * speeches + TALK


@pytest.mark.parametrize("action", [f"         {LATER}", f"          {LATER}"], ids=["further left", "wider"])
def test_action_may_be_directly_below_the_words(action: str, read: Read) -> None:
    shown = read(draft(action))
    assert shown[1:4] == [
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("", LATER),
        ("BEN", "It is early, and cold."),
    ]


def test_short_action_is_known_by_the_room_left_in_the_line_above(read: Read) -> None:
    text = draft(f"          {LATER}") + f"{BEN}          He laughs.\n\n{ANNA}"
    assert read(text)[-3:-1] == [("BEN", "It is early, and cold."), ("", "He laughs.")]


@pytest.mark.parametrize("words", ["It is early...\n          and cold.", "O lamp of mine\n          Of yours, of all"])
def test_words_continue_below_a_short_line(words: str, read: Read) -> None:
    text = draft(f"          {LATER}") + f"                         BEN\n          {words}\n"
    assert read(text)[-1] == ("BEN", " ".join(words.split()))


def test_a_line_of_words_that_is_not_set_in_stays_in_the_speech(read: Read) -> None:
    broken = "            ANNA\n    Is it early, or has nobody told\nthe lamp that it is night?\n\n"
    shown = read("INT. A PIER - DAY\n\n" + f"{broken}{BEN}\n" * 12)
    assert shown[1] == ("ANNA", "Is it early, or has nobody told the lamp that it is night?")


def test_a_parenthetical_may_be_between_blank_lines(read: Read) -> None:
    text = SLUG + TALK * 3 + "                         ANNA\n\n            (INTO A PIPE)\n          Hello?\n\n"
    text += "                         (BEAT)\n          Nobody is there.\n\n" + BEN
    assert read(text)[-2:] == [
        ("ANNA", "(INTO A PIPE) Hello? (BEAT) Nobody is there."),
        ("BEN", "It is early, and cold."),
    ]


def test_a_number_in_parentheses_is_no_parenthetical(read: Read) -> None:
    text = SLUG + TALK * 3 + "                         (146 & 147)\n          INT. A BOAT - LATER\n\n" + BEN
    assert read(text)[-4:-1] == [("BEN", "It is early, and cold."), ("", "146 & 147"), ("", "INT. A BOAT - LATER")]


def test_continued_marks_of_pages_are_no_names(read: Read) -> None:
    text = (
        SLUG
        + TALK * 3
        + "                         (CONTINUED)\n\n"
        + "                         CONTINUED; ( 2)\n          Ben looks up.\n\n"
    )
    assert read(text + BEN)[-2:] == [("", "Ben looks up."), ("BEN", "It is early, and cold.")]


def test_the_head_of_each_page_is_cut(read: Read) -> None:
    pages = (f'{TALK}"The Pier" - #3  {number}.\n\n' for number in range(4, 8))
    assert all(speaker for speaker, _ in read("INT. A PIER - DAY\n\n" + "".join(pages))[1:])


def test_a_page_header_may_be_directly_below_the_last_words(read: Read) -> None:
    pages = (f"{ANNA}          THE PIER            A & B DRAFT    {number}.\n\n\n{BEN}\n" for number in range(4, 8))
    shown = read("INT: A PIER - DAY\n\n" + TALK * 10 + "".join(pages))
    assert set(shown[1:]) == {
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("BEN", "It is early, and cold."),
    }


def test_stars_at_the_margin_of_changed_lines_are_no_part_of_it(read: Read) -> None:
    name, said = "                         BEN (CONT'D)", "          It is early,\n          and *cold*."
    changed = "\n".join(f"{line:<60}*" for line in (name, *said.split("\n")))
    assert read(SLUG + TALK * 3 + changed)[-1] == ("BEN", "It is early, and cold.")


def test_an_extension_may_be_misread(read: Read) -> None:
    assert read(SLUG + TALK * 3 + BEN.replace("BEN", "BEN (V.0.)"))[-1] == ("BEN", "It is early, and cold.")


JOINED = """\
     EXT. A PIER - DAY
     Anna comes out of the boat house with a lamp.
                          ANNA
               Is it early, or has nobody told
               the lamp that it is night?
                          BEN
                    (slowly rising to
                     his full height)
               It is early, and cold.
     They look at the boat.
"""


def test_nothing_but_indents_may_part_names_words_and_action(read: Read) -> None:
    assert read(JOINED * 12 + "                                         CUT TO:\n")[-5:] == [
        ("", "EXT. A PIER - DAY"),
        ("", "Anna comes out of the boat house with a lamp."),
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("BEN", "(slowly rising to his full height) It is early, and cold."),
        ("", "They look at the boat."),
    ]


def test_the_caption_of_a_shot_is_no_name(read: Read) -> None:
    shot = "     THE LAMP\n     burns low.\n     THE BOAT\n     Nobody is in it.\n"
    assert read(JOINED * 12 + shot)[-5:] == [
        ("", "They look at the boat."),
        ("", "THE LAMP"),
        ("", "burns low."),
        ("", "THE BOAT"),
        ("", "Nobody is in it."),
    ]


def test_a_known_name_may_have_the_indent_of_captions(read: Read) -> None:
    text = (
        draft(f"         {LATER}") + "BEN\nCome in.\n\nBEN\nlooks up.\n\nGULL\nCome out.\n\n" + "VIC\nCome on.\n\n" * 4
    )
    assert read(text)[-9:-3] == [
        ("BEN", "Come in."),
        ("", "BEN"),
        ("", "looks up."),
        ("", "GULL"),
        ("", "Come out."),
        ("VIC", "Come on."),
    ]


def test_scene_numbers_and_page_notes_about_them_are_dropped(read: Read) -> None:
    pages = "     THE PIER - Rev. 6/22/24     {0}A.\n7    CONTINUED:     7\n     He laughs.\n\n"
    numbered = "A7   UNDER THE PIER     A7\n     It is dark.\n\n8    OMITTED     8\n\n"
    shown = read(JOINED * 12 + "\n" + numbered + "".join(map(pages.format, range(4, 8))))
    assert shown[-6:] == [("", "UNDER THE PIER"), ("", "It is dark."), *[("", "He laughs.")] * 4]


def test_a_repeated_scene_with_another_number_is_no_page_header(read: Read) -> None:
    scenes = [f"INT. A BOAT - DAY     {number}\n\n{BEN}\n" for number in range(4, 8)]
    assert read(TALK * 10 + "".join(scenes)).count(("", "INT. A BOAT - DAY")) == 4


def test_words_in_capitals_may_be_between_blank_lines(read: Read) -> None:
    words = (
        "                         ANNA\n\n          COME IN!\n\n                         BEN\n          Mind the\n\n"
    )
    shown = read(draft(f"          {LATER}") + f"{words}          LAMP.\n\n          THE END OF THE PIER\n\n{BEN}")
    assert shown[-4:-1] == [("ANNA", "COME IN!"), ("BEN", "Mind the LAMP."), ("", "THE END OF THE PIER")]


def test_action_continues_over_a_page_break(read: Read) -> None:
    text = SLUG + TALK * 3 + f"          Anna comes with\n\n{' ' * 60}12.\n\n          the lamp.\n\n"
    text += f"          She goes.\n\n{' ' * 60}13.\n\n          Ben laughs.\n\n"
    assert read(text)[-3:] == [("", "Anna comes with the lamp."), ("", "She goes."), ("", "Ben laughs.")]


@pytest.mark.parametrize("apart", ["          COME IN\n\n", "she waits and\n\n12.\n\n"], ids=["words", "action"])
def test_text_split_by_many_blank_lines_is_read_in_linear_time(
    apart: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "_LONGEST", 1000)

    def seconds(times: int) -> float:
        begin = time.process_time()
        read(f"{SLUG}{TALK * 3}{ANNA.rstrip()[:-1]} and\n\n{apart * times}")
        return time.process_time() - begin

    assert seconds(1600) < 9 * seconds(400)


def test_a_slugline_may_take_two_lines(read: Read) -> None:
    assert read("          INT. A BOAT - ANNA + BEN -\n          NIGHT\n          It rains.\n\n" + TALK * 3)[:2] == [
        ("", "INT. A BOAT - ANNA + BEN - NIGHT"),
        ("", "It rains."),
    ]


def test_a_title_page_that_is_not_set_in_is_cut(read: Read) -> None:
    assert read(f"THE PIER\n\nfor Anna and\nBen Gull\n\n{SLUG}{TALK * 3}")[0] == ("", "EXT. A PIER - DAY")


def test_a_websites_text_below_a_script_is_dropped(read: Read) -> None:
    record = "\n\tThe Pier\n\t    Writers :   Anna Gull\n\n\tComments\n\nBack to the list\n"
    assert read(SLUG + TALK * 3 + record)[-1] == ("BEN", "It is early, and cold.")


@pytest.mark.parametrize("words", ["CUT TO BLACK.", "SMASH CUT:", "MATCH-CUT TO:", "DISSOLVE TO", "FADE TO WHITE"])
def test_how_the_picture_changes_is_cut(words: str, read: Read) -> None:
    text = f"{SLUG}{TALK * 3}{' ' * 55}{words}\n\n{' ' * 55}ROLL CREDITS\n\n"
    assert read(text)[-2:] == [("BEN", "It is early, and cold."), ("", "ROLL CREDITS")]


@pytest.mark.parametrize("words", ["CUT TO THE LAMP", "BACK TO BLACK"])
def test_the_new_picture_of_a_transition_is_kept(words: str, read: Read) -> None:
    assert read(f"{SLUG}{TALK * 3}          {words}\n\n")[-1] == ("", words)


@pytest.mark.parametrize(
    "words",
    ["Yellow Revised 10/9/05 - Page 86A", "(Revised 11/13/95 - Blue)", "DOUBLE GREEN Revision - 10-14-07 63-63A."],
)
def test_the_date_of_a_changed_page_is_cut(words: str, read: Read) -> None:
    shown = read(f"{SLUG}{TALK * 3}          {words}\n\n          He laughs.\n\n")
    assert shown[-2:] == [("BEN", "It is early, and cold."), ("", "He laughs.")]


def test_tabs_may_part_the_numbers_of_a_slugline_from_it(read: Read) -> None:
    assert read(f"{SLUG}{TALK * 3}    13\tTHE PIER\t13\n\n{BEN}")[-2] == ("", "THE PIER")


def test_the_same_number_at_both_ends_of_a_slugline_is_cut(read: Read) -> None:
    text = f"{SLUG}{TALK * 3}    11A INT. A BOAT. DAY. 11A\n\n    12 CONTINUED: (2) 12\n\n    AA7 EXT. A PIER\n\n{TALK}"
    assert [said for speaker, said in read(text)[-4:] if not speaker] == ["INT. A BOAT. DAY.", "EXT. A PIER"]


def test_a_name_at_the_top_of_a_page_is_read_below_the_previous_page_footer(read: Read) -> None:
    broken = (
        f"{ANNA}                         (MORE)\n                         ANNA (CONT'D)\n          It is.\n\n{BEN}\n"
    )
    assert read(SLUG + broken * 12)[1:3] == [
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("ANNA", "It is."),
    ]


def test_a_blank_line_may_split_a_parenthetical(read: Read) -> None:
    said = "                         BEN\n          (lifting the\n\n          LAMP)\n          It is early.\n\n"
    assert read(SLUG + TALK * 3 + said)[-1] == ("BEN", "(lifting the LAMP) It is early.")


def test_a_single_cue_is_detected_by_words_narrower_than_action(read: Read) -> None:
    text = draft(f"          {LATER}").replace("                         ", "          ")
    text += "          ON THE LAMP\n          It burns.\n\n          A SAILOR\n          Come in!\n\n"
    text += f"          THE LAMP\n          {LATER}\n\n"
    assert read(text)[-5:] == [
        ("", "ON THE LAMP"),
        ("", "It burns."),
        ("A SAILOR", "Come in!"),
        ("", "THE LAMP"),
        ("", LATER),
    ]


def test_a_single_cue_has_the_indent_of_names(read: Read) -> None:
    text = f"          EXT. A PIER - DAY\n\n           ANNA\n           It is early.\n          {LATER}\n\n" * 20
    text += "           A SAILOR\n           Come in!\n\n          THE LAMP\n          It burns low.\n\n"
    assert read(text)[-3:] == [("A SAILOR", "Come in!"), ("", "THE LAMP"), ("", "It burns low.")]


def test_a_name_may_be_in_quotes(read: Read) -> None:
    text = f"{SLUG}{TALK * 3}" + '                         "ANNA"\n          I am Anna.\n\n'
    assert read(text)[-1] == ("ANNA", "I am Anna.")


def test_a_blank_line_may_be_below_every_name(read: Read) -> None:
    parted = f"    He waits.\n\n{TALK}    She looks up.\n\n".replace("ANNA\n", "ANNA\n\n").replace("BEN\n", "BEN\n\n")
    asked = "                         BEN\n\n               (softly)\n          Who is it?\n\n"
    shown = read("    INT. A BOAT - DAY\n\n" + parted * 12 + asked)
    assert shown[1:5] == [
        ("", "He waits."),
        ("ANNA", "Is it early, or has nobody told the lamp that it is night?"),
        ("BEN", "It is early, and cold."),
        ("", "She looks up."),
    ]
    assert shown[-1] == ("BEN", "(softly) Who is it?")


@pytest.mark.parametrize("slug", ["INT. A PIER - DAY", "INTERIOR. A PIER - DAY", "(18) EXT. A PIER - DAY"])
def test_each_line_may_be_a_paragraph(slug: str, read: Read) -> None:
    lines = f"{slug}\n{LATER * 2}\nANNA\n(softly)\nIs it early?\nBEN (O.S.)\nIt is early, and\ncold.\nHe laughs.\n"
    shown = read(lines * 12)
    assert shown[-5:] == [
        ("", slug.removeprefix("(18) ")),
        ("", LATER * 2),
        ("ANNA", "(softly) Is it early?"),
        ("BEN", "It is early, and cold."),
        ("", "He laughs."),
    ]


def test_bold_keys_below_the_heading_of_a_scene_are_no_names(read: Read) -> None:
    scene = "#### EXT. A PIER - DAY\n\n**mood:** Calm  \n**pages_left:** 2  \n\nA gull lands.\n\n"
    talk = "ANNA  \n(softly)  \nIs it early?\n\nBEN  \nIt is early, and cold.\n\n"
    shown = read((scene + talk) * 4 + "**THE END.**\n")
    assert shown[0] == ("", "EXT. A PIER - DAY")
    assert [event for event in shown if event[0]] == [
        ("ANNA", "(softly) Is it early?"),
        ("BEN", "It is early, and cold."),
    ] * 4


def test_a_few_bold_lines_do_not_make_a_screenplay_markdown(read: Read) -> None:
    waits = "  A gull lands on the pier and looks at the two of them.\n  It has no form.\n\n" * 2
    talk = f"          ANNA\n     Is the form here?\n\n          BEN\n     It is the long one.\n\n{waits}"
    form = (
        "   **Request for a place at the pier** for the\n   year: sign it\n   **by the first of May** (a Friday).\n\n"
    )
    assert read(talk * 20 + form + talk * 2).count(("ANNA", "Is the form here?")) == 22


def test_a_boneyard_that_nothing_closes_is_text(read: Read) -> None:
    talk = "INT. PIER - DAY\n\nANNA\nIt is /* early.\n\nBEN\nIt is {}late.\n\n"
    assert [who for who, _ in read(talk.format("") * 2) if who] == ["ANNA", "BEN"] * 2
    assert read(talk.format("*/ ")) == [("", "INT. PIER - DAY"), ("ANNA", "It is"), ("", "late.")]
