"""The operations of a training step (dev/bench/trainer/steps.py): their number does not grow."""

import dataclasses
import functools

import pytest

from scriptmodel_trainer.model.hardware import load_tensorflow
from scriptmodel_trainer.model.presets import preset_named

load_tensorflow(0)

from dev.bench.trainer.steps import operations, training_graph  # noqa: E402  # TensorFlow is quietly loaded above

pytestmark = pytest.mark.slow


@functools.cache
def count(name: str, precision: str, **settings: object) -> int:
    preset = dataclasses.replace(preset_named(name), hidden_units=8, embedding_units=0, precision=precision, **settings)
    return operations(training_graph(preset, windows=1, vocabulary=30))


@pytest.mark.parametrize(
    ("name", "precision", "most"),
    [("small", "float32", 1_190), ("small", "bfloat16", 1_510), ("tuned", "bfloat16", 2_510)],
)
def test_a_step_has_at_most_so_many_operations(name: str, precision: str, most: int) -> None:
    assert 0.9 * most < count(name, precision) <= most


def test_each_step_of_each_layer_adds_its_operations() -> None:
    whole = count("small", "float32")
    of_ten_steps = whole - count("small", "float32", steps=10)
    assert 10 * 2 * 20 < of_ten_steps < 10 * 2 * 30
    assert of_ten_steps <= whole - count("small", "float32", layers=1) < 1.15 * of_ten_steps


def test_adam_adds_a_few_operations_for_each_variable() -> None:
    more = count("small", "float32", optimizer="adam") - count("small", "float32")
    assert 9 * 5 < more < 9 * 10
