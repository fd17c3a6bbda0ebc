"""What stands at the edges of a play and belongs to it though nobody is named, and what only seems to."""

from __future__ import annotations

from samples import BEGINNING, CAST, LICENCE, TALK, Read

CROWD = ("Is it early?\n\nNobody knows.\n\nI know!\n\n" * 3 + "[They laugh at the tide.]\n\n") * 5


def test_a_play_may_begin_with_a_crowd_whose_members_have_no_names(read: Read) -> None:
    events = read(CAST + "PROLOGUE\n\n[A pier. It is late.]\n\n" + CROWD * 2 + "ACT I\n" + TALK * 8)
    assert [text for _, text in events[:3]] == ["PROLOGUE", "A pier. It is late.", "Is it early?"]


def test_a_play_may_end_with_such_a_crowd(read: Read) -> None:
    last = "CURTAIN\n\nACT II\n\n[The same pier. It is later.]\n\n" + CROWD
    events = read(BEGINNING + last + "ANNA. It is late.\n\nCURTAIN\n\n" + LICENCE)
    assert events[33][1] == "CURTAIN"
    assert [text for _, text in events[34:37]] == ["ACT II", "The same pier. It is later.", "Is it early?"]
    assert events[-2:] == [("ANNA", "It is late."), ("", "CURTAIN")]


def test_nobody_goes_on_speaking_in_prose_without_directions(read: Read) -> None:
    prose = "Is it early? Nobody knows, and nobody who stands on the pier will ever ask again.\n\n" * 60
    assert read(BEGINNING + prose)[-1][1] == "I have spoken to it, twice."


def test_costumes_end_where_the_curtain_rises(read: Read) -> None:
    costumes = "COSTUMES\n\nANNA. A grey dress.\n\nBEN. A blue coat.\n\nTHE GULL. White, with a hat.\n\n"
    events = read("THE PIER\n\n" + costumes + "[Curtain rising discloses a pier.]\n\n" + TALK * 4)
    assert events[:2] == [("", "Curtain rising discloses a pier."), ("ANNA", "The tide is early today.")]


def test_one_paragraph_that_tells_something_is_no_habit(read: Read) -> None:
    blessing = "Blessed be the tide for this, and by such tides shall the wild gulls learn patience.\n\n"
    events = read("ACT I\n" + TALK * 4 + "\nANNA. So it is.\n\n" + blessing + "BEN. Yes.\n" + TALK * 4)
    assert ("ANNA", "So it is. " + blessing.strip()) in events
