"""The LSTM layer (Hochreiter and Schmidhuber 1997, with forget gate), once for NumPy and for TensorFlow.

With z = x W + h R + b, in Keras' order of gates input, forget, candidate and output, and the columns of all but the
candidate halved, one tanh is enough, since sigmoid(x) = tanh(x / 2) / 2 + 1/2:

    i, f, c, o = tanh(z) * halves + (1 - halves)    cell = f * cell + i * c    output = o * tanh(cell)

The product x W is done for all steps of a window at once (Appleyard et al., arXiv:1604.01946, section 3).
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from scriptmodel_trainer.storage.arrays import Floats


def halves(units: int) -> Floats:
    """Return the factor of each column of a layer's weights, (4H,)."""
    return np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), units)


def read_steps(
    xp: Any, steps: Iterable[tuple[Any, Any]], carried: Callable[[Any], Any], output: Any, cell: Any, scale: Floats
) -> tuple[list[Any], Any, Any]:
    """Return the outputs (..., H) of each step, and output and cell after the last one.

    Of each step are given x W + b (..., 4H), and a factor of the state before it, 0 where it starts from zeros; None
    is 1. `carried` multiplies an output with R. `xp` is numpy or tensorflow, and `scale` the `halves` of the columns.
    """
    outputs, shift = [], 1 - scale
    for inputs, kept in steps:
        if kept is not None:
            output, cell = output * kept, cell * kept
        gates = xp.tanh(carried(output) + inputs) * scale + shift
        input_gate, forget_gate, candidate, output_gate = xp.split(gates, 4, axis=-1)
        cell = forget_gate * cell + input_gate * candidate
        output = output_gate * xp.tanh(cell)
        outputs.append(output)
    return outputs, output, cell
