"""Lines of the corpus that a scene can quote, where they are from, and the names in them."""

from pathlib import Path

import pytest
from random_models import spelling

from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.speeches import RealLine, read_speeches, real_lines
from scriptmodel_trainer.generation.quoting import Quotable

PLAY = """# The Pier

## ACT I

### SCENE 2. A room.

**ANNA**  
(rising) The tide is early today, Mr. Bell.  

**BEN**  
It was early yesterday as well, and the day before, and nobody said a word about it. Has it no shame? You said "no.  

**ANNA**  
Yes.  

**ANNA**  
The tide is early today, Mr. Bell.  
"""  # noqa: W291  # a line of verse ends so in Markdown
WORDS = spelling(("the", "tide", "<eos>"))


def test_lines_are_short_speeches_and_sentences_of_long_ones_each_once(tmp_path: Path) -> None:
    (tmp_path / "12_The-Pier_12.md").write_text(PLAY * 4)
    found = real_lines(read_speeches(find_sources([tmp_path], lambda _: None), None, print))
    assert [(line.text, line.speaker, line.speech) for line in found] == [
        ("The tide is early today, Mr. Bell.", "ANNA", 1),
        (PLAY.split("\n")[10].partition(" Has")[0], "BEN", 2),
        ("Has it no shame?", "BEN", 2),
    ]
    assert {line.source.rpartition(", ")[0] for line in found} == {"The Pier, ACT I, SCENE 2. A room"}


@pytest.mark.parametrize(
    ("text", "fitted"),
    [
        ("You are late, Anna.", "You are late, Vivie."),
        ("You are late, Lady Anna, and wet.", "You are late, Vivie, and wet."),
        ("Anna, you are late.", "Vivie, you are late."),
        ("Old Ben was early, Mira.", "Old Ben was early, Mira."),
        ("Anna was early.", None),
        ("Whoever is Anna--", None),
        ("Nobody was early.", "Nobody was early."),
    ],
)
def test_the_name_of_who_is_addressed_is_replaced_and_no_other_is_said(text: str, fitted: str | None) -> None:
    lines = [RealLine(text, name, 1, "The Pier", "") for name in ("ANNA", "OLD BEN", "MIRA")]
    assert Quotable(lines, WORDS).fitted(0, {"mira", "ben"}, "Vivie") == fitted


def test_the_place_of_a_line_is_no_description_of_the_scene(tmp_path: Path) -> None:
    scene = "SCENE: [A public-house, very rough and untidy. There is a counter on the right.]"
    talk = "ANNA. Is it early?\n\nBEN. It is early, and cold.\n\n" * 9
    (tmp_path / "play.txt").write_text(f"ACT I\n\n{scene}\n\n{talk}")
    assert {line.source for line in real_lines(read_speeches(find_sources([tmp_path], print), None, print))} == {
        "play, ACT I, ANNA",
        "play, ACT I, BEN",
    }


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("plays-42395_The-Circle.txt", "W. SOMERSET MAUGHAM\n\n{talk}", "plays 42395 The Circle"),
        ("A Woman of No Importance.txt", "A WOMAN OF\nNO IMPORTANCE\n\nBY A. B.\n\n{talk}", "A WOMAN OF NO IMPORTANCE"),
        ("A-Doll-s-House---a-play.txt", "A DOLL'S HOUSE\n\n{talk}", "A DOLL'S HOUSE"),
        ("Mrs. Warren's Profession.txt", "MRS. WARREN'S PROFESSION\n\n{talk}", "MRS. WARREN'S PROFESSION"),
        ("Mr. Trent.train.txt", "By somebody.\n\n{talk}", "Mr Trent"),
        ("The Circle.txt", "THE CIRCLE\n\n{talk}", "THE CIRCLE"),
        (
            "circle.xml",
            "<TEI><teiHeader><titleStmt>\n<title>The  Circle</title></titleStmt></teiHeader><text><body>"
            "<sp><speaker>ANNA</speaker><p>Is it early?</p></sp></body></text></TEI>",
            "The Circle",
        ),
    ],
)
def test_a_play_is_called_as_its_edition_does_or_as_its_file(name: str, text: str, title: str, tmp_path: Path) -> None:
    talk = "ACT I\n\n" + "ANNA. Is it early?\n\nBEN. It is early, and cold.\n\n" * 9
    (tmp_path / name).write_text(text.format(talk=talk))
    sources = find_sources([tmp_path], print)
    assert {line.play for line in real_lines(read_speeches(sources, None, print))} == {title}
    assert {speech.play for speech in read_speeches(sources, None, print)} == {title}


def test_plays_of_one_file_are_called_by_all_lines_of_their_titles(tmp_path: Path) -> None:
    talk = "ACT I\n\n" + "ANNA. Is it early?\n\nBEN. It is early, and cold.\n\n" * 9 + "THE END\n\n"
    titles = ["THE CIRCLE", "A WOMAN OF\nNO IMPORTANCE"]
    (tmp_path / "plays.txt").write_text("".join(f"{title}\n\nBY A. B.\n\n{talk}" for title in titles))
    plays = {speech.play for speech in read_speeches(find_sources([tmp_path], print), None, print)}
    assert plays == {"THE CIRCLE", "A WOMAN OF NO IMPORTANCE"}
