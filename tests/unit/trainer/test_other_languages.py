"""Plays in other languages than English: their headings, their lists of persons, and how they print names."""

import pytest
from samples import Read

from scriptmodel_trainer.corpus.given import rendered_tokens
from scriptmodel_trainer.corpus.layouts.marks import is_heading
from scriptmodel_trainer.generation.detokenizing import detokenize

TALK = "ANNA. É presto? Non lo so.\n\nBEN. È tardi, e fa freddo, Anna.\n\n"


@pytest.mark.parametrize(
    ("act", "scene"),
    [
        ("ACTE PREMIER", "SCÈNE II. Anna, Ben, puis le Gardien."),
        ("ACTE III", "Scène Première - Anna"),
        ("ACTO PRIMERO", "Escena XII"),
        ("Acto Tercero", "Escena última"),
        ("ATTO PRIMO", "Scena quattordicesima"),
        ("Erster Aufzug.", "Zweiter Auftritt."),
        ("DRITTER AKT", "2. Szene"),
        ("FÖRSTA AKTEN.", "Tredje scenen."),
        ("Действие первое", "Явление II"),
        ("Акт второй.", "Картина четвёртая"),
    ],
)
def test_acts_and_scenes_have_headings(act: str, scene: str, read: Read) -> None:
    events = read(f"{act}\n\n{scene}\n\n{TALK * 4}{scene}\n\n{TALK * 4}")
    assert events[:3] == [("", act), ("", scene), ("ANNA", "É presto? Non lo so.")]
    assert events[10] == ("", scene), "and it is not the end of the speech above"


@pytest.mark.parametrize(
    "line",
    ["Second thoughts.", "Acte manqué, dirait-on.", "Scena muta, Anna.", "Première fois.", "Akt II ist lang, Anna"],
)
def test_words_that_begin_like_a_heading_are_none(line: str) -> None:
    assert not is_heading(line)


@pytest.mark.parametrize(
    "heading", ["PERSONAJES", "Personnages", "ACTEURS", "Personaggi:", "PERSONEN", "PERSONERNA", "Действующие лица:"]
)
def test_a_list_of_persons_is_cut(heading: str, read: Read) -> None:
    persons = "ANNA, una barcaiola.\n\nBEN, suo fratello.\n\n"
    assert read(f"IL MOLO\n\n{heading}\n\n{persons}ACTO PRIMERO\n\n{TALK * 6}")[0] == ("", "ACTO PRIMERO")


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009"])
def test_a_space_that_breaks_no_line_may_be_before_a_colon(space: str, read: Read) -> None:
    talk = f"ANNE{space}: Est-il tôt{space}?\n\nBENOÎT{space}:{space}Il est tard, et il fait froid, Anne{space}!\n\n"
    assert read(talk * 6)[:2] == [("ANNE", "Est-il tôt ?"), ("BENOÎT", "Il est tard, et il fait froid, Anne !")]


def test_what_follows_an_inverted_mark_attaches_to_it() -> None:
    said = "[ ADELA ]: ¿Qué quieres? ¡Nada! [¡Ay!] Dijo ¿quién?"
    assert detokenize(rendered_tokens([said])) == f"{said}\n"
