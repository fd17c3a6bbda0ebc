"""Weight updates are those of Keras' optimizers after TensorFlow's clipping by global norm."""

import numpy as np
import pytest

from scriptmodel_trainer.model.hardware import load_tensorflow

load_tensorflow(0)

import keras  # noqa: E402  # quietly loaded above
import tensorflow as tf  # noqa: E402  # as above

from scriptmodel_trainer.model.presets import PRESETS, with_overrides  # noqa: E402  # as above
from scriptmodel_trainer.training.optimizers import Optimizer  # noqa: E402  # as above

NAMES = ("embedding", "output/kernel", "output/bias")


def variables() -> dict[str, tf.Variable]:
    random = np.random.default_rng(4)
    shapes = ((6, 3), (6, 3), (6,))
    return {
        name: tf.Variable(random.normal(size=shape).astype(np.float32), name="bias" if name.endswith("bias") else "w")
        for name, shape in zip(NAMES, shapes, strict=True)
    }


def gradients(size: float, bad: float = 0.0) -> dict[str, tf.Tensor | tf.IndexedSlices]:
    """The word vectors' gradient has rows of the words that occurred, one of them twice."""
    random = np.random.default_rng(5)
    rows, kernel, bias = (random.normal(size=shape).astype(np.float32) * size for shape in ((4, 3), (6, 3), (6,)))
    bias[2] += bad
    slices = tf.IndexedSlices(tf.constant(rows), tf.constant([1, 4, 1, 0]), dense_shape=tf.constant([6, 3]))
    parts = (slices, tf.constant(kernel), tf.constant(bias))
    return dict(zip(NAMES, parts, strict=True))


@pytest.mark.parametrize("size", [0.01, 100.0])  # below and above the norm that clips
@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"optimizer": "sgd"}, lambda: keras.optimizers.SGD(0.1)),
        ({"optimizer": "adam"}, lambda: keras.optimizers.Adam(0.1, epsilon=1e-8)),
    ],
)
def test_an_update_is_keras(settings: dict[str, str], plain: object, size: float) -> None:
    preset = with_overrides(PRESETS["small"], {**settings, "clip_norm": "5"})
    ours, theirs = variables(), variables()
    optimizer, reference = Optimizer(preset, ours), plain()
    for step in range(3):
        found = gradients(size * (step + 1))
        optimizer.apply(found, tf.constant(0.1))
        clipped, _ = tf.clip_by_global_norm(list(found.values()), 5.0)
        reference.apply_gradients(
            [(tf.convert_to_tensor(g), theirs[name]) for g, name in zip(clipped, NAMES, strict=True)]
        )
    for name in NAMES:
        assert ours[name].numpy() == pytest.approx(theirs[name].numpy(), rel=1e-5, abs=5e-6), name


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_shows_in_all_weights(optimizer: str, bad: float) -> None:
    ours = variables()
    Optimizer(with_overrides(PRESETS["small"], {"optimizer": optimizer}), ours).apply(gradients(1.0, bad), 0.1)
    assert np.isnan(ours["output/kernel"].numpy()).all()
