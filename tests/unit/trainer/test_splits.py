"""The splits for training, validation and test."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import prepared, run_trainer
from samples import play, read_stream

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus import reading, stream
from scriptmodel_trainer.corpus.splits import SHARES, SPLITS, split_events
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.storage.records import FILES


def words(corpus: stream.TokenStream, split: str) -> list[str]:
    return [corpus.lexicon[number] for number in corpus.splits[split]]


def test_named_files_are_the_splits(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"x.{split}.txt").write_text(f"only {split} words\n" * 3)
    corpus = read_stream(tmp_path)
    assert [set(words(corpus, split)) for split in ("train", "valid", "test")] == [
        {"<lower>", "only", split, "words", "<newline>", "<eos>"} for split in ("train", "valid", "test")
    ]


def test_a_named_split_without_words_is_refused_and_not_replaced_by_another(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / f"x.{split}.txt").write_text("some words\n" * 3)
    (tmp_path / "x.test.txt").write_text("  \n\n")
    with pytest.raises(BadInputError, match=r"no words found in .*x\.test\.txt, which is named as the test split"):
        read_stream(tmp_path)


def test_a_file_without_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(100), "utf-8")
    (tmp_path / "blank.txt").write_text("  \n\n")
    assert any(note.startswith("no words found in blank.txt") for note in read_stream(tmp_path).notes)


def test_a_corpus_without_names_is_split_ninety_five_five_and_keeps_all(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(600), "utf-8")
    corpus = read_stream(tmp_path)
    sizes = np.array([len(corpus.splits[split]) for split in ("train", "valid", "test")])
    assert sizes / sizes.sum() == pytest.approx(SHARES, abs=0.02)
    whole = stream.read_whole(reading.find_sources([tmp_path], lambda _: None), None)
    assert sizes.sum() == len(whole.ids)


def test_the_same_corpus_splits_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(100), "utf-8")
    first, second = read_stream(tmp_path), read_stream(tmp_path)
    assert all(np.array_equal(first.splits[name], second.splits[name]) for name in first.splits)
    assert first.digest == second.digest


def test_a_corpus_too_small_to_split_is_reported(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("word")
    corpus = read_stream(tmp_path)
    assert words(corpus, "train") == words(corpus, "valid") == words(corpus, "test") == ["<lower>", "word", "<eos>"]
    assert len(corpus.notes) == 2


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=200))
def test_every_event_is_in_one_split_and_runs_stay_in_order(events: list[tuple[int, bool]]) -> None:
    lengths = np.array([length for length, _ in events], np.int64)
    scenes = np.array([scene for _, scene in events], np.bool_)
    owner = split_events(lengths, scenes)
    assert len(owner) == len(events)
    assert set(owner.tolist()) <= {0, 1, 2}
    assert 0 in owner
    if len(events) >= 3 and lengths.max() < 5:
        assert set(owner.tolist()) == {0, 1, 2}


def test_whole_files_are_in_one_split_each(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}.md").write_text(play(40, number).replace("The lamp", f"Lamp{number}"), "utf-8")
    sources = reading.find_sources([tmp_path], lambda _: None)
    by_files = stream.read_corpus(sources, None, lambda _: None, FILES)
    assert sum(map(len, by_files.splits.values())) == sum(map(len, read_stream(tmp_path).splits.values()))
    lamps = {split: {word for word in words(by_files, split) if word.startswith("Lamp")} for split in SPLITS}
    assert sum(map(len, lamps.values())) == len(set.union(*lamps.values())) == 20
    assert [len(lamps[split]) for split in SPLITS] == [18, 1, 1]
    by_scenes = {
        split: {word for word in words(read_stream(tmp_path), split) if word.startswith("Lamp")} for split in SPLITS
    }
    assert by_scenes["train"] & by_scenes["valid"]


def test_the_split_is_an_option_that_is_recorded_and_part_of_the_identity(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text(play(25, number), "utf-8")
    command = ["train", "--data", tmp_path, "--out", tmp_path.with_name("model"), "--preset", "test"]
    prints = [prepared([*command, *options]).fingerprint for options in ([], ["--split", "scenes"])]
    assert prints[0] == prints[1] != prepared([*command, "--split", "files"]).fingerprint
    done = run_trainer([*command, "--split", "files"])
    assert done.returncode == 0, done.stderr
    model = load_model(tmp_path.with_name("model"))
    assert model.origin.corpus.split == "files"
    assert '<th scope="row">split</th><td>files</td>' in render_report(model)
    judged = run_trainer(
        ["judge", tmp_path.with_name("model"), "--data", tmp_path, "--split", "files", "--words", "40"]
    )
    assert judged.returncode == 0, judged.stderr
