"""Speakers and directions of whole plays, compared with notes made by hand (tests/gold)."""

from __future__ import annotations

import os
from pathlib import Path

import measure
import pytest

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.normalizing import write_normalized

_PLAYS = os.environ.get("PLAYS", "")
_SYNTHETIC = list(measure.synthetic_pairs())
_REAL = sorted(measure.PLAYS.glob("*.tsv"), key=lambda path: int(path.stem))
_LEAST_KEPT = 0.995


def real_text(gold: Path) -> Path:
    """The text that a gold file describes, in the folder that $PLAYS names."""
    if not _PLAYS:
        pytest.skip("the real plays are no part of the repository: PLAYS=folder of the texts measures them")
    return next(Path(_PLAYS).glob(f"{gold.stem}_*.txt"))


def assert_read_well(text: Path, gold: Path) -> None:
    score = measure.score(text, gold)
    assert score.good, f"{score.accuracy:.1%} of speakers, F1 {score.exposition_f1:.1%}:\n" + "\n".join(score.misses)


def words_kept(text: Path, out: Path) -> float:
    report = write_normalized(reading.find_sources([text], lambda _: None), None, out)
    (statistics,) = report["files"]
    return float(statistics["words_out"] / (statistics["words_in"] - statistics["words_cut"]))


@pytest.mark.parametrize(("text", "gold"), _SYNTHETIC, ids=[gold.stem for _, gold in _SYNTHETIC])
def test_our_own_plays_are_read_as_they_were_written(text: Path, gold: Path) -> None:
    assert_read_well(text, gold)


@pytest.mark.parametrize("text", [text for text, _ in _SYNTHETIC], ids=lambda text: text.stem)
def test_the_words_of_our_own_plays_are_neither_lost_nor_doubled(text: Path, tmp_path: Path) -> None:
    assert _LEAST_KEPT <= words_kept(text, tmp_path / "out") <= 2 - _LEAST_KEPT


@pytest.mark.parametrize("gold", _REAL, ids=lambda gold: gold.stem)
def test_real_plays_are_read_as_people_read_them(gold: Path) -> None:
    assert_read_well(real_text(gold), gold)


@pytest.mark.parametrize("gold", _REAL, ids=lambda gold: gold.stem)
def test_the_words_of_real_plays_are_neither_lost_nor_doubled(gold: Path, tmp_path: Path) -> None:
    assert _LEAST_KEPT <= words_kept(real_text(gold), tmp_path / "out") <= 2 - _LEAST_KEPT


def test_the_measure_detects_a_wrong_speaker_and_a_lost_direction(tmp_path: Path) -> None:
    text, gold = next(pair for pair in _SYNTHETIC if pair[1].stem == "caps-colon")
    wrong = gold.read_text("utf-8").replace("WARDEN\tscales", "INGA\tscales").replace("cut to the quay", "gone")
    (tmp_path / "wrong.tsv").write_text(wrong, "utf-8")
    score = measure.score(text, tmp_path / "wrong.tsv")
    assert (score.utterances - score.right, score.expositions - score.expositions_right) == (1, 1)
    assert not score.good
