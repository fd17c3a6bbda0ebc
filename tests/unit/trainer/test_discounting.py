"""Words that training reads as `<unk>`: which and how often, and that a resumed run reads the same."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import prepared
from samples import play

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.corpus.tokens import EOS, OPEN_NAME, UNKNOWN
from scriptmodel_trainer.model.discounting import Discount, discount_of, spelled_out, without_unseen
from scriptmodel_trainer.model.hardware import load_tensorflow
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.model.subwords import LETTERS
from scriptmodel_trainer.model.vocabulary import Vocabulary, with_documents
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.training.batches import cut_for_training

load_tensorflow(0)

import tensorflow as tf  # noqa: E402  # quietly loaded above

from scriptmodel_trainer.model.dropout import Dropout  # noqa: E402  # as above
from scriptmodel_trainer.model.network_tensorflow import LanguageModel  # noqa: E402  # as above
from scriptmodel_trainer.training.graph import TrainingGraph  # noqa: E402  # as above
from scriptmodel_trainer.training.optimizers import Optimizer  # noqa: E402  # as above

WORDS = Vocabulary((UNKNOWN, EOS, OPEN_NAME, ",", "often", "twice", "once", "never"))
TRAIN = np.array([4, 4, 4, 4, 5, 5, 6, 1, 2, 3], np.int32)
SPELLING = Vocabulary((*WORDS.words, *(letter for letter in LETTERS if letter not in WORDS), "of", "##ten"))
SETTINGS = {"hidden_units": "12", "embedding_units": "8", "steps": "5", "batch_size": "4"}


def test_each_word_gives_the_same_part_of_its_count_and_markers_and_punctuation_nothing() -> None:
    discount = discount_of(0.6, WORDS, TRAIN)
    assert discount is not None
    assert discount.unknown == 0
    assert discount.shares == pytest.approx(np.array([0, 0, 0, 0, 0.15, 0.3, 0.6, 0.6]))
    counts = np.bincount(TRAIN, minlength=8).astype(np.float64)
    assert discount.expected_counts(counts) == pytest.approx(np.array([1.8, 1, 1, 1, 3.4, 1.4, 0.4, 0]))


def test_the_words_of_a_base_model_keep_their_counts() -> None:
    discount = discount_of(0.6, WORDS, TRAIN, known=6)
    assert discount is not None
    assert discount.shares == pytest.approx(np.array([0, 0, 0, 0, 0, 0, 0.6, 0.6]))


def test_a_token_that_starts_documents_is_never_replaced() -> None:
    discount = discount_of(1.0, with_documents(WORDS), np.array([8], np.int32))
    assert discount is not None
    assert discount.shares[8] == 0


def test_no_words_are_replaced_without_the_setting_or_where_every_word_is_spelled() -> None:
    assert discount_of(0.0, WORDS, TRAIN) is None
    assert SPELLING.spells
    assert discount_of(0.6, SPELLING, TRAIN) is None
    assert spelled_out(TRAIN, SPELLING, 0.0, 1) is TRAIN
    assert spelled_out(TRAIN, WORDS, 1.0, 1) is TRAIN


def test_each_word_is_spelled_so_many_times_and_stays_whole_once() -> None:
    counts = np.bincount(spelled_out(TRAIN, SPELLING, 2.0, 1), minlength=len(SPELLING))
    assert counts[: len(WORDS)].tolist() == [0, 1, 1, 1, 2, 1, 1, 0]  # of 4 "often" and 2 "twice"
    assert counts[SPELLING.id_of("of")] == counts[SPELLING.id_of("##ten")] == 2
    assert [counts[SPELLING.id_of(piece)] for piece in ("t", "##w", "##i", "##c", "##e")] == [1, 1, 1, 1, 1]
    assert counts.sum() == len(TRAIN) + 2 + 4


def test_a_fraction_of_a_discount_is_drawn() -> None:
    train = np.tile(TRAIN[TRAIN == 4], 1000)
    found = [int((spelled_out(train, SPELLING, 1.3, seed) == 4).sum()) for seed in range(300)]
    assert set(found) == {3998, 3999}
    assert np.mean(found) == pytest.approx(3998.7, abs=0.1)


def test_the_words_of_a_base_model_stay_whole() -> None:
    found = spelled_out(TRAIN, SPELLING, 1.0, 1, known=5)
    assert np.bincount(found)[4:6].tolist() == [4, 1]


@given(st.lists(st.integers(0, len(SPELLING) - 1), max_size=40), st.floats(0, 3), st.integers(0, 9))
def test_a_training_split_with_spelled_words_is_the_same_text(drawn: list[int], discount: float, seed: int) -> None:
    separated = [
        token for number in drawn for token in (number, SPELLING.id_of(","))
    ]  # no piece continues another word
    train = np.array(separated, np.int32)
    found = spelled_out(train, SPELLING, discount, seed)
    assert SPELLING.joined(map(SPELLING.words.__getitem__, found)) == SPELLING.joined(
        map(SPELLING.words.__getitem__, train)
    )
    assert np.array_equal(found, spelled_out(train, SPELLING, discount, seed))
    assert found.dtype == np.int32


@pytest.mark.usefixtures("all_fields")
def test_training_reads_words_spelled(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(40), "utf-8")
    command = ["train", "--data", tmp_path / "play.md", "--out", tmp_path / "model", "--preset", "demo"]
    settings = ["--set", "subwords=true"]
    plain, discounted = (prepared([*command, *settings, f"subword_discount={discount}"]) for discount in (0, 2))
    assert discounted.vocabulary == plain.vocabulary
    assert len(discounted.splits["train"]) > len(plain.splits["train"])
    assert np.array_equal(discounted.splits["valid"], plain.splits["valid"])
    assert discounted.fingerprint != plain.fingerprint


def replaced(discount: Discount, step: int, seed: int = 0) -> Ids:
    tokens = tf.constant(np.tile(TRAIN, (400, 1)))
    drawn: Ids = Dropout(Preset(), seed, tf.constant(step)).of_tokens(tokens, discount).numpy()
    return drawn


def test_words_are_replaced_as_often_as_their_shares_say_and_all_others_stay() -> None:
    discount = discount_of(0.6, WORDS, TRAIN)
    assert discount is not None
    drawn = replaced(discount, 7)
    kept = drawn == TRAIN
    assert (drawn[~kept] == 0).all()
    for word in (4, 5, 6):
        assert (~kept)[:, word == TRAIN].mean() == pytest.approx(discount.shares[word], abs=0.06)
    assert kept[:, TRAIN < 4].all()
    assert (drawn == replaced(discount, 7)).all()
    assert (drawn != replaced(discount, 8)).any()
    assert (drawn != replaced(discount, 7, seed=1)).any()


def preset(**more: str) -> Preset:
    return with_overrides(PRESETS["demo"], SETTINGS | more)


def loss(stream: Ids, discount: Discount | None) -> float:
    """Return the mean loss of the first window, before any update."""
    chosen = preset()
    model = LanguageModel(chosen, 50, seed=2)
    rows = cut_for_training(stream, chosen.batch_size, chosen.steps, 0)
    graph = TrainingGraph(model, Optimizer(chosen, model.variables), rows, 3, discount=discount)
    return graph.run(0, 0, [0.0])


def test_training_reads_and_predicts_the_replacement() -> None:
    stream = np.random.default_rng(5).integers(1, 50, 1500).astype(np.int32)
    shares = np.zeros(50, np.float32)
    shares[30:] = 1
    without = np.where(stream >= 30, 7, stream).astype(np.int32)
    assert loss(stream, Discount(7, shares)) == loss(without, None) != loss(stream, None)


def test_a_trained_model_expects_new_words(tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(40), "utf-8")
    biases = []
    for discount in ("0", "1"):
        command = ["train", "--data", str(tmp_path / "play.md"), "--out", str(tmp_path / discount), "--preset", "demo"]
        sizes = ["hidden_units=8", "embedding_units=8", "epochs=1", "batch_size=4", "steps=5"]
        assert main([*command, "--set", *sizes, f"unknown_discount={discount}"]) == 0
        model = load_model(tmp_path / discount)
        biases.append(model.weights["output/bias"][model.vocabulary.unknown])
    assert biases[0] < 0 < biases[1]


def test_tokens_that_neither_training_nor_its_base_had_get_the_vector_of_the_rarest() -> None:
    base = np.array([[1, 0], [2, 0], [3, 3], [3, 3], [5, 5]], np.float32)  # which read all but 2 and 3
    trained = {"embedding": base + 1, "output/bias": np.array([2, 1, 4, 0, 3], np.float32)}
    found = without_unseen(trained, np.array([0, 0, 1], np.int32), base)
    assert found["embedding"].tolist() == [[2, 1], [3, 1], [3, 1], [3, 1], [6, 6]]
    assert found["output/bias"].tolist() == [2, 1, 1, 0, 3]
