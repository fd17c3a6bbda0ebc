"""How a token stream is cut for training and for validation.

Training cuts the stream into `rows` equal pieces that are read side by side, `steps` tokens at a time; each row's
LSTM state carries over from window to window:

    stream  a b c d e f g h i j k l m      rows = 2, steps = 3

    row 0   a b c | d e f                  targets are the inputs shifted by one
    row 1   g h i | j k l
            window 0  window 1
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Ids

WARM_UP = 64  # tokens that a validation row reads, unscored, before its own
_VALIDATION_ROWS = 32
VALIDATION_STEPS = 50


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """`tokens` (rows, windows * steps + 1); window w holds columns w * steps to w * steps + steps, both included."""

    tokens: Ids
    steps: int
    windows: int

    @property
    def words(self) -> int:
        """Tokens learned in one window over all rows."""
        return len(self.tokens) * self.steps


def cut_for_training(stream: Ids, batch_size: int, steps: int, first: int) -> TrainingRows:
    """Cut a stream; a short one gets fewer rows or shorter windows, never none. `first` stands before the stream."""
    inputs = np.concatenate([np.array([first], np.int32), stream])
    predictions = len(inputs) - 1
    rows = max(1, min(batch_size, predictions // steps))
    length = predictions // rows
    steps = min(steps, length)
    windows = length // steps
    starts = np.arange(rows)[:, None] * length
    tokens = inputs[starts + np.arange(windows * steps + 1)[None, :]]
    return TrainingRows(np.ascontiguousarray(tokens), steps, windows)


@dataclass(frozen=True, slots=True)
class ValidationRows:
    """Inputs, targets (int32) and which predictions count (float32 0 or 1), each of shape (rows, windows * steps)."""

    inputs: Ids
    targets: Ids
    counted: npt.NDArray[np.float32]
    steps: int

    @property
    def windows(self) -> int:
        """How many windows a row has."""
        return int(self.inputs.shape[1]) // self.steps


def cut_for_validation(stream: Ids, first: int, remembered: int = 0) -> ValidationRows:
    """Cut a stream so that each token is scored once, the tail too, by rows that run side by side.

    A row first reads the WARM_UP tokens before its own, or as many as are `remembered`, so its state is nearly what it
    would be had it read everything. It begins with `first`, as all text that training reads does: from the middle of a
    sentence and no state a network can get into one that it does not leave.
    """
    inputs = np.concatenate([np.array([first], np.int32), stream[:-1]])
    warm = max(WARM_UP, remembered)
    rows = max(1, min(_VALIDATION_ROWS, len(stream) // max(8 * WARM_UP, warm)))
    own = -(-len(stream) // rows)
    warm = warm if rows > 1 else 0
    width = own + warm
    steps = min(VALIDATION_STEPS, width)
    padded = -(-width // steps) * steps
    at = np.maximum(np.arange(rows) * own - warm, 0)[:, None] + np.arange(padded)[None, :]
    begin = np.arange(rows)[:, None] * own
    counted = (at >= begin) & (at < begin + own) & (at < len(stream))
    inside = np.minimum(at, len(stream) - 1)
    read = inputs[inside]
    read[:, 0] = first
    return ValidationRows(read, stream[inside], counted.astype(np.float32), steps)
