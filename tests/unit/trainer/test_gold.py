"""Speakers and directions of whole plays, compared with notes made by hand (tests/gold)."""

import os
import re
from pathlib import Path

import measure
import pytest

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts.paragraphs import without_notes
from scriptmodel_trainer.corpus.stream import events_of

_PLAYS = os.environ.get("PLAYS", "")
"""The folder of the real plays, which are no part of the repository; without it those of our own are read."""
_SYNTHETIC = list(measure.synthetic_pairs())
_PAIRS = [*_SYNTHETIC, *(measure.real_pairs(Path(_PLAYS)) if _PLAYS else ())]
_LEAST_KEPT = 0.995


def assert_read_well(text: Path, gold: Path) -> None:
    score = measure.score(text, gold)
    assert score.good, f"{score.accuracy:.1%} of speakers, F1 {score.exposition_f1:.1%}:\n" + "\n".join(score.misses)


def words_in(text: str) -> int:
    return len(re.findall(r"[^\W_]+", without_notes(text).replace("\u00ad", "")))


def words_kept(text: Path) -> float:
    (source,) = reading.find_sources([text], lambda _: None)
    kept, cut = 0, 0
    for event in events_of(source, None)[2]:
        words = words_in(event.text) + (0 if event.continued else words_in(event.speaker))
        kept, cut = (kept, cut + words) if event.kind is EventKind.CUT else (kept + words, cut)
    return kept / (sum(map(words_in, reading.read_lines(source))) - cut)


@pytest.mark.parametrize(("text", "gold"), _PAIRS, ids=[gold.stem for _, gold in _PAIRS])
def test_plays_are_read_as_people_read_them(text: Path, gold: Path) -> None:
    assert_read_well(text, gold)


@pytest.mark.parametrize("text", [text for text, _ in _PAIRS], ids=lambda text: text.stem)
def test_the_words_of_plays_are_neither_lost_nor_doubled(text: Path) -> None:
    assert _LEAST_KEPT <= words_kept(text) <= 2 - _LEAST_KEPT


def test_the_measure_detects_a_wrong_speaker_and_a_lost_direction(tmp_path: Path) -> None:
    text, gold = next(pair for pair in _SYNTHETIC if pair[1].stem == "caps-colon")
    wrong = gold.read_text("utf-8").replace("WARDEN\tscales", "INGA\tscales").replace("cut to the quay", "gone")
    (tmp_path / "wrong.tsv").write_text(wrong, "utf-8")
    score = measure.score(text, tmp_path / "wrong.tsv")
    assert (score.utterances - score.right, score.expositions - score.expositions_right) == (1, 1)
    assert not score.good
