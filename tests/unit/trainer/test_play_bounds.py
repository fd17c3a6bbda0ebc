"""Habits of printers: where a play begins and ends, and what of the book around it is no play."""

from __future__ import annotations

import pytest
from samples import ALONE, BEGINNING, CAST, LICENCE, LONG, TALK, Read

from scriptmodel_trainer.corpus.layouts.paragraphs import plain


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
def test_a_play_extends_to_its_last_direction(last: list[str], read: Read) -> None:
    events = read(BEGINNING + "\n\n".join(last) + LICENCE)
    expected = [text.strip("[]") for text in last if "*" not in text]
    assert [text for _, text in events[-len(expected) :]] == expected


def test_verse_after_the_last_name_is_still_spoken(read: Read) -> None:
    verse = "  Let those who wait upon the tide\n  Wait on the dry and sunny side."
    assert read(BEGINNING + verse + LICENCE)[-1] == (
        "BEN",
        "I have spoken to it, twice. Let those who wait upon the tide Wait on the dry and sunny side.",
    )


def test_text_after_the_last_curtain_is_dropped(read: Read) -> None:
    printed = "This play was first acted on a pier in April.\n\nAnna, MISS GULL.\nBen, MR. HERON."
    assert read(BEGINNING + "CURTAIN\n\n" + printed + LICENCE)[-1] == ("", "CURTAIN")


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


def test_a_text_that_only_resembles_a_play_is_not_cut_away(read: Read) -> None:
    text = "ANNA. A woman of the pier.\n\n" + LONG * 5
    assert read(text * 3)[0][1].startswith("ANNA. A woman of the pier.")


def test_a_programme_before_the_cast_list_is_no_play(read: Read) -> None:
    programme = "PROGRAMME\n\nANNA (a ferrywoman).     Miss Gull.\n\nBEN (her brother).     Mr. Heron.\n\n"
    talk = TALK.replace("ANNA.", "ANNA (softly).")
    assert read(programme * 3 + CAST + "ACT I\n" + talk * 3)[0] == ("", "ACT I")


def test_without_a_heading_the_play_begins_with_the_room_it_is_set_in(read: Read) -> None:
    room = (
        "Evening. A hut at the end of a pier, with a lamp that\nnobody has lit, and a chair that nobody has mended.\n\n"
    )
    assert read("THE PIER\n\nCHARACTERS\n\nANNA.\nBEN.\nA GULL.\n\n" + room + TALK * 2)[0] == (
        "",
        " ".join(room.split()),
    )


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


def test_a_title_is_no_speaker_if_names_are_directly_above_the_words(read: Read) -> None:
    talk = "ANNA\nThe tide is early.\n\nBEN\nIt was early yesterday, too.\n\n"
    events = read("THE PIER\n\nTHE PIER\n\n[A pier at dawn.]\n\n" + talk * 12)
    assert events[:2] == [("", "A pier at dawn."), ("ANNA", "The tide is early.")]


def test_the_scene_is_described_between_the_title_and_the_first_words(read: Read) -> None:
    room = "The pier at dawn. The boards are wet, and a rope hangs from the rail into the grey water below\nthem.\n\n"
    assert read("A preface about ferries.\n\nTHE PIER\n\n" + room + TALK * 8)[0] == ("", plain(room))


def test_after_the_curtain_nobody_speaks(read: Read) -> None:
    after = "THE CURTAIN FALLS, AND RISES.\n\nLATER\n\nA grey dawn. You could see the pier, if there were one.\n\n"
    assert read(BEGINNING + after + "THE CURTAIN FALLS." + LICENCE)[-2][0] == ""


def test_the_last_tableau_belongs_to_the_play(read: Read) -> None:
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
        "DISPOSITION OF THE CHARACTERS AT THE FALL OF THE CURTAIN.\n\nANNA. BEN. A GULL.",
    ],
    ids=["catalogue", "plot", "notes", "printer", "disposition"],
)
def test_the_end_matter_of_a_book_is_dropped(back: str, read: Read) -> None:
    assert read(BEGINNING + "[She rows away.]\n\n" + back + LICENCE)[-1] == ("", "She rows away.")


def test_headings_may_be_latin(read: Read) -> None:
    assert read(CAST + "Actus Primus. Scaena Prima.\n" + TALK * 8)[0] == ("", "Actus Primus. Scaena Prima.")


def test_a_title_page_in_capitals_after_the_curtain_is_no_play(read: Read) -> None:
    title = "THE PIER\n\n(DER STEG)\n\nA PLAY IN TWO SCENES\n\n1906\n\nTO THE TIDE\n\nPERSONS\n\nAnna\n\nBen\n\n"
    events = read("THE BOAT\n\nACT I\n\n" + ALONE * 9 + "CURTAIN\n\n" + title + "ACT I\n\n" + ALONE * 9)
    assert events[19:21] == [("", "CURTAIN"), ("", "ACT I")]


def test_names_with_a_title_in_small_letters_do_not_hide_the_play(read: Read) -> None:
    talk = "Sir GULL.\n\nIs it early?\n\nMrs. BEN.\n\nIt is.\n\nANNA.\n\nAnd cold, too.\n\n"
    assert read("ACT I.\n\n" + talk * 12 + "Sir GULL.\n\nEntirely.\n\n")[:2] == [
        ("", "ACT I."),
        ("Sir GULL", "Is it early?"),
    ]


def test_without_a_heading_the_play_begins_below_its_title(read: Read) -> None:
    room = "At the ferry house, in the evening.\n\n_There is a lamp that\nnobody has lit._\n\n"
    assert [text for _, text in read("A preface of a kind.\n\nTHE PIER\n\n" + room + TALK * 8)[:2]] == [
        "At the ferry house, in the evening.",
        "There is a lamp that nobody has lit.",
    ]


def test_a_title_page_with_its_translator_and_its_actors_is_no_play(read: Read) -> None:
    page = "  The Three Gulls\n  of Harwich\n\n  [Les Mouettes]\n\n  Translated by A. Tern\n\n"
    page += "Cast of the original production before the Ferry Society at the\nPier.\n\n  Anna     MARY HERON\n\n"
    events = read("ACT I\n" + TALK * 9 + "\n[She rows away.]\n\n" + page + "ACT I\n" + TALK * 9)
    assert [text for _, text in events[37:39]] == ["She rows away.", "ACT I"]


def test_titles_in_a_catalogue_are_no_titles_of_plays(read: Read) -> None:
    books = "".join(
        f"{title}. By a gull. A new edition, with a map.\n\n"
        for title in ["ON ROPES", "OF SALT", "THE WIND", "ON RAIN", "OF NETS", "THE LAMP", "ON OARS"]
    )
    catalogue = "PLAYS BY THE SAME GULL\n\nRE-ISSUE OF OLDER WORKS\n\n" + books * 2
    assert read(BEGINNING + "[She rows away.]\n\n" + catalogue + LICENCE)[-1] == ("", "She rows away.")


def test_strange_names_after_the_curtain_do_not_speak(read: Read) -> None:
    strange = "GULL AND HERON\nOF HARWICH\nBOOKSELLERS\n\n"
    events = read("ACT I\n\n" + ALONE * 9 + "CURTAIN\n\n" + strange + LICENCE)
    assert events[-1] == ("", "CURTAIN")


def test_a_selection_of_books_is_no_play(read: Read) -> None:
    selection = "A SELECTION FROM\nGULL & CO.'S\nLIST OF PUBLICATIONS\n\nANNA\n\nBEN\n\n"
    events = read("ACT I\n\n" + ALONE * 9 + "CURTAIN\n\n" + selection + LICENCE)
    assert events[-1] == ("", "CURTAIN")


def test_a_text_of_which_nothing_would_be_left_is_read_as_plain(read: Read) -> None:
    assert read(
        "LIST OF PLAYS\n\n" + "THE GULL. A comedy. 75 cents postpaid.\n\nTHE ROPE. A farce. 75 cents postpaid.\n\n" * 3
    )


def test_costumes_are_no_part_of_the_play(read: Read) -> None:
    costumes = "COSTUMES.\n\n_Anna._ A grey dress. Boots.\n\n_Ben._ A blue coat, torn.\n\n"
    talk = TALK.replace("ANNA.", "_Anna._").replace("BEN.", "_Ben._")
    assert read("THE PIER\n\n" + costumes + "ACT I\n" + talk * 6)[0] == ("", "ACT I")


def test_the_title_printed_again_is_no_place(read: Read) -> None:
    assert read(CAST + "\n\n\n\nTHE PIER\n\n" + TALK * 4)[0] == ("ANNA", "The tide is early today.")


def test_who_played_the_next_play_is_no_speech(read: Read) -> None:
    played = "II. THE BOAT\n\nA Play in One Act\n\nIn the cast were the following:\n\n"
    played += (
        "     ANNA.             Mary Heron\n     BEN, her brother. John Gull\n     MRS. GULL.        Jane Tern\n\n"
    )
    second = "CHARACTERS\n\n     ANNA.\n     BEN.\n\nSCENE: A boat.\n"
    events = read(BEGINNING + "CURTAIN.\n\n\n\n" + played + second + TALK)
    assert [text for _, text in events if text == "CURTAIN." or "BOAT" in text or "Heron" in text] == ["CURTAIN."]


def test_after_the_curtain_only_those_who_spoke_before_speak(read: Read) -> None:
    sold = "THE BEST PLAYS OF THE PIER\n\nFOR SCHOOLS AND CLUBS\n\nMARY A. HERON. General Editor\n\n"
    assert read(BEGINNING + "CURTAIN.\n\n\n" + sold + LONG * 40)[-1] == ("", "CURTAIN.")


def test_names_with_a_title_and_a_full_stop_list_who_is_in_the_play(read: Read) -> None:
    names = " MRS. GULL\n BEN\n MRS. HERON\n MRS. TERN\n MRS. AUK\n MRS. SHORE\n CARL\n\n\n"
    room = "     _A pier. As the curtain rises, MRS. GULL is alone\n     on it, and BEN is in the boat._\n\n"
    talk = TALK.replace("ANNA", "MRS. GULL") + "MRS. HERON. Yes.\n\nMRS. TERN. No.\n\nMRS. AUK. So.\n\nCARL. No.\n\n"
    assert read("THE PIER\n\nCHARACTERS\n\n" + names + room + talk * 4)[0][1].startswith("A pier.")


def test_a_picture_before_the_last_curtain_belongs_to_the_play(read: Read) -> None:
    last = "POSITIONS.\n\n    _BEN in the boat, ANNA on the pier._\n\n\nCURTAIN.\n\n\n"
    events = read(BEGINNING + last + "THE EARLY TIDE, and other Plays.\n\nCONTENTS.\n\n    The Tide\n\n" + LICENCE)
    assert [text for _, text in events[-3:]] == ["POSITIONS.", "BEN in the boat, ANNA on the pier.", "CURTAIN."]
