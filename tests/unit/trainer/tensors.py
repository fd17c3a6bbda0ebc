"""TensorFlow, loaded as a training loads it: imported before what imports it."""

from scriptmodel_trainer.model.hardware import load_tensorflow

load_tensorflow(0)

import tensorflow as tf  # noqa: E402, F401  # as above
