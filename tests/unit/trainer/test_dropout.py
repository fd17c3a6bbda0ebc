"""Dropout: what is left out, what stays, and that an interrupted run would draw the same."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scriptmodel_trainer.model.hardware import load_tensorflow
from scriptmodel_trainer.model.presets import Preset

load_tensorflow(0)

import tensorflow as tf  # noqa: E402  # quietly loaded above

from scriptmodel_trainer.model.dropout import Dropout  # noqa: E402  # as above

ONES = np.ones((40, 30, 50), np.float32)
HALF = Preset(dropout=0.5, word_dropout=0.5, output_dropout=0.5)


def units(preset: Preset, step: int, place: int = 1) -> npt.NDArray[np.float32]:
    dropped: npt.NDArray[np.float32] = Dropout(preset, 0, tf.constant(step)).of_units(tf.constant(ONES), place).numpy()
    return dropped


def test_the_remaining_values_are_scaled_to_keep_the_mean() -> None:
    for dropped in (units(HALF, 0), Dropout(HALF, 0, tf.constant(0)).of_output(tf.constant(ONES)).numpy()):
        assert set(np.unique(dropped)) == {0.0, 2.0}
        assert dropped.mean() == pytest.approx(1.0, abs=0.02)


def test_a_window_draws_the_same_again_and_another_window_place_or_seed_something_else() -> None:
    assert (units(HALF, 7) == units(HALF, 7)).all()
    other_seed = Dropout(HALF, 1, tf.constant(7)).of_units(tf.constant(ONES), 1).numpy()
    for other in (units(HALF, 8), units(HALF, 7, place=2), other_seed):
        assert 0.4 < (units(HALF, 7) == other).mean() < 0.6


def test_variational_dropout_leaves_out_the_same_units_at_every_step() -> None:
    kept = units(Preset(dropout=0.5, variational_dropout=True), 0)
    assert (kept == kept[:, :1]).all()
    assert (kept[0] != kept[1]).any()
    assert (units(HALF, 0) != units(HALF, 0)[:, :1]).any()


def test_word_dropout_drops_all_occurrences_of_a_word() -> None:
    inputs = np.random.default_rng(0).integers(0, 20, (8, 35))
    vectors = tf.ones((8, 35, 4))
    dropped: Any = Dropout(HALF, 0, tf.constant(3)).of_words(vectors, tf.constant(inputs), 20).numpy()
    for word in range(20):
        assert len(np.unique(dropped[inputs == word])) == 1
    assert set(np.unique(dropped)) == {0.0, 2.0}


def test_without_dropout_nothing_changes() -> None:
    none = Dropout(Preset(), 0, tf.constant(0))
    assert none.of_units(ONES, 0) is ONES
    assert none.of_output(ONES) is ONES
    assert none.of_words(ONES, np.zeros((40, 30), np.int32), 10) is ONES
