"""Cuts a token stream for training.

It becomes `rows` equal pieces that are read side by side, `steps` tokens at a time; each row's LSTM state carries over
from window to window:

    stream  a b c d e f g h i j k l m      rows = 2, steps = 3

    row 0   a b c | d e f                  targets are the inputs shifted by one
    row 1   g h i | j k l
            window 0  window 1
"""

from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.storage.arrays import Ids


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
