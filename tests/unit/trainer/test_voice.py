"""Whom the characters of a draft sound like and by which words, what the plays never have, and tics."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from running import run_trainer

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.speeches import Speech, read_speeches
from scriptmodel_trainer.voices.habits import Habits
from scriptmodel_trainer.voices.report import report_on
from scriptmodel_trainer.voices.speeches import Turns

PLAIN = "we must go to the bank and count the money before the clerk comes back from dinner"
GRAND = "O radiant queen of heaven thy silver arrows pierce my wounded heart with sorrow evermore"


def said(words: str, seed: int, speeches: int = 60, length: int = 10) -> list[str]:
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(words.split(), k=length)) + "." for _ in range(speeches)]


def speeches(speaker: str, texts: Sequence[str], author: str = "") -> list[Speech]:
    return [Speech(speaker, text, line, "A PLAY", author) for line, text in enumerate(texts, start=1)]


CLERK, QUEEN = speeches("CLERK", said(PLAIN, 1), "Plain"), speeches("QUEEN", said(GRAND, 2, 240), "Grand")
CORPUS = [*CLERK, *QUEEN]


def test_a_speech_sounds_like_whoever_says_more_of_its_words() -> None:
    draft = [*speeches("JOHN", said(PLAIN, 3, 5)), *speeches("MARY", said(GRAND, 4, 5))]
    report = report_on(draft, CORPUS)
    voices = [each["character"]["voice"] for each in report["speeches"]]
    assert voices == ["CLERK (A PLAY)"] * 5 + ["QUEEN (A PLAY)"] * 5
    john, mary = report["characters"]
    assert john["character"]["how"] == mary["character"]["how"] == "clearly"
    assert (john["author"]["voice"], mary["author"]["voice"]) == ("Plain", "Grand")
    for person, words in ((john, PLAIN), (mary, GRAND)):
        assert set(" ".join(person["character"]["words"]).split()) <= set(words.lower().split())


def test_names_of_speakers_tell_no_voice() -> None:
    (speech,) = speeches("ANNA", ["Ask Vivie's mother, Miss Warren, in the warren."])
    words = [turn[0] for turn in Turns(["VIVIE WARREN"])(speech, 1)]
    assert words == ["ask", "~", "mother", "miss", "~", "in", "the", "warren"]


def test_words_and_turns_that_the_plays_never_have_are_found() -> None:
    corpus = speeches("ANNA", ["I am here.", "You are there.", "I am glad, are you?"] * 20)
    habits = Habits(corpus, Turns(["ANNA"]))
    (draft,) = speeches("ANNA", ["I are glad, Anna. Telephone me."])
    assert habits.new_words(draft) == ["Telephone", "me"]
    assert habits.new_turns(draft) == ["i are"]


def test_a_tic_has_its_count_and_its_places_once() -> None:
    habits = Habits(CORPUS, Turns(["CLERK"]))
    draft = speeches("CLERK", [f"Quite frankly, Clerk, {text}" for text in said(PLAIN, 6, 6)])
    (tic, *_) = habits.tics(draft)
    assert (tic.words, tic.count, tic.speaker, tic.lines) == ("frankly", 6, "CLERK", (1, 2, 3, 4, 5, 6))
    assert sum("frankly" in each.words for each in habits.tics(draft)) == 1


def test_names_titles_and_parts_of_words_are_no_tics() -> None:
    habits = Habits(
        speeches("ANNA", ["Mr. Brown is here.", "I do not know.", "Well, is it late?"] * 20), Turns(["ANNA"])
    )
    text = "Well, I don't know Harold, 'tis Mr. Green and n other t."
    tics = {word for tic in habits.tics(speeches("BEN", [text] * 9)) for word in tic.words.split()}
    assert {"other", "don't", "tis"} <= tics
    assert not tics & {"t", "n", "mr", "harold", "green"}


def test_a_play_without_an_author_beside_others_and_a_short_draft_are_noted(tmp_path: Path) -> None:
    (tmp_path / "plays").mkdir()
    for name, king in (("a", "By A. Author\n\n"), ("b", "")):
        path = play(tmp_path / "plays" / f"{name}.txt", {"CLERK": said(PLAIN, 7), "QUEEN": said(GRAND, 8)})
        path.write_text(king + path.read_text())
    draft = play(tmp_path / "draft.txt", {"JOHN": said(GRAND, 9, 2)})
    shown = run_trainer(["voice", draft, "--with", tmp_path / "plays"]).stderr
    assert "no author is known of b: write `By NAME` above the play" in shown
    assert "note: 20 words are too little to tell: 300 and more are" in shown


@pytest.mark.parametrize(
    ("name", "head", "author"),
    [
        ("Shaw/play.txt", "", "Shaw"),
        ("comedies/play.txt", "A Comedy\nBy Oscar Wilde\n", "Oscar Wilde"),
        ("play.txt", "A COMEDY\n\nBY\n\nOSCAR WILDE\n", "Oscar Wilde"),
        ("play.txt", "A Comedy\nby Oscar Wilde\n", "Oscar Wilde"),
        ("play.txt", "Author: HENRIK IBSEN\n", "Henrik Ibsen"),
        ("play.txt", "COPYRIGHT, 1921,\nBY GEORGE H. DORAN COMPANY\n", ""),
        ("play.txt", "", ""),
    ],
)
def test_the_author_is_the_folder_or_whom_the_first_lines_name(
    name: str, head: str, author: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(head + "\nANNA: Good morning.\n\nBEN: It is late.\n" * 4)
    found = read_speeches(reading.find_sources([tmp_path], print), None, print)
    assert {each.author for each in found} == {author}


def play(path: Path, texts: dict[str, Sequence[str]]) -> Path:
    lines = [
        f"{name}: {text}" for pair in zip(*texts.values(), strict=True) for name, text in zip(texts, pair, strict=True)
    ]
    path.write_text("\n\n".join(lines) + "\n")
    return path


def test_a_draft_is_compared_with_plays(tmp_path: Path) -> None:
    plays = play(tmp_path / "play.txt", {"CLERK": said(PLAIN, 7), "QUEEN": said(GRAND, 8)})
    draft = play(tmp_path / "draft.txt", {"JOHN": said(GRAND, 9, 8), "MARY": said(PLAIN, 10, 8)})
    shown = run_trainer(["voice", draft, "--with", plays]).stdout
    assert "JOHN (8 speeches, 80 words): clearly QUEEN (play)" in shown
    assert re.search(r"MARY \(8 speeches, 80 words\): clearly CLERK \(play\)\n    by '\w", shown)
    report = json.loads(run_trainer(["voice", draft, "--with", plays, "--json"]).stdout.splitlines()[-1])
    assert len(report["speeches"]) == 16
    assert report["speeches"][0]["character"]["voice"] == "QUEEN (play)"
    assert report["speeches"][0]["line"] == 1


def test_a_draft_of_a_few_speeches_is_read_by_its_cues(tmp_path: Path) -> None:
    plays = play(tmp_path / "play.txt", {"CLERK": said(PLAIN, 7), "QUEEN": said(GRAND, 8)})
    (tmp_path / "draft.txt").write_text("A bank.\n\nJOHN. We must go.\n\nMARY. (rising) No.\nNever.\n")
    shown = run_trainer(["voice", tmp_path / "draft.txt", "--with", plays, "--json"]).stdout
    found = json.loads(shown.splitlines()[-1])["speeches"]
    assert [(each["speaker"], each["line"], each["text"]) for each in found] == [
        ("JOHN", 3, "We must go."),
        ("MARY", 5, "No. Never."),
    ]


def test_a_draft_that_is_one_of_the_plays_is_noted_once(tmp_path: Path) -> None:
    plays = play(tmp_path / "play.txt", {"CLERK": said(PLAIN, 7), "QUEEN": said(GRAND, 8)})
    plays.write_bytes(plays.read_bytes() + "\nCLERK: Café.\n".encode("cp1252"))
    assert run_trainer(["voice", plays, "--with", tmp_path]).stderr.count("play.txt is not UTF-8") == 1


@pytest.mark.parametrize(
    ("draft", "plays", "problem"),
    [
        ("Only prose, and no speech.\n", {"CLERK": said(PLAIN, 7), "QUEEN": said(GRAND, 8)}, "has no speeches"),
        (
            "ANNA: Yes.\n\nBEN: No.\n\nANNA: Oh.\n",
            {"CLERK": ["Yes."] * 5, "QUEEN": ["No."] * 5},
            "no character of the plays says 500 words",
        ),
    ],
)
def test_too_little_is_an_error_that_says_what_to_do(
    draft: str, plays: dict[str, Sequence[str]], problem: str, tmp_path: Path
) -> None:
    (tmp_path / "draft.txt").write_text(draft)
    corpus = play(tmp_path / "play.txt", plays)
    assert (ended := run_trainer(["voice", tmp_path / "draft.txt", "--with", corpus])).returncode == 2
    assert problem in ended.stdout + ended.stderr
