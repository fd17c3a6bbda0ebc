"""Perplexity of a trained model on a token stream, each token of which is scored once.

The stream is cut into rows that are read side by side, while training validates and afterwards alike. A row first reads
some tokens before its own, so its state is nearly what it would be had it read everything.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.evaluation.nats_per_character import per_character
from scriptmodel_trainer.model.cache import empty, mixed, recall
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.trigrams import Trigrams, fitted_share
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.records import Score, perplexity_of

WARM_UP = 64  # tokens that a row reads, unscored, before its own
VALIDATION_STEPS = 50
_MOST_ROWS = 32
_AT_ONCE = 512  # tokens whose logits are held at once

Losses = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ValidationRows:
    """Inputs, targets (int32) and which predictions count (float32 0 or 1), each of shape (rows, windows * steps)."""

    inputs: Ids
    targets: Ids
    counted: npt.NDArray[np.float32]
    steps: int


def cut_for_validation(stream: Ids, first: int, remembered: int = 0) -> ValidationRows:
    """Cut a stream so that each token is scored once, the tail too, by rows that run side by side.

    A row first reads the WARM_UP tokens before its own, or as many as are `remembered`. It begins with `first`, as all
    text that training reads does: from the middle of a sentence and no state a network can get into one that it does
    not leave.
    """
    inputs = np.concatenate([np.array([first], np.int32), stream[:-1]])
    warm = max(WARM_UP, remembered)
    rows = max(1, min(_MOST_ROWS, len(stream) // max(8 * WARM_UP, warm)))
    own = -(-len(stream) // rows)
    warm = warm if rows > 1 else 0
    steps = min(VALIDATION_STEPS, own + warm)
    padded = -(-(own + warm) // steps) * steps
    at = np.maximum(np.arange(rows) * own - warm, 0)[:, None] + np.arange(padded)[None, :]
    begin = np.arange(rows)[:, None] * own
    counted = (at >= begin) & (at < begin + own) & (at < len(stream))
    inside = np.minimum(at, len(stream) - 1)
    read = inputs[inside]
    read[:, 0] = first
    return ValidationRows(read, stream[inside], counted.astype(np.float32), steps)


@dataclass(frozen=True, slots=True)
class Scored:
    """A stream of T tokens after `first`, and the network's -ln p in nats of each, (T,).

    A cache copies a token with the probability `copied` (T,) and leaves the share `kept` (T,) to the network.
    """

    stream: Ids
    first: int
    network: Losses
    kept: Losses
    copied: Losses

    def fitted(self, trigrams: Trigrams) -> Trigrams:
        """Return trigrams with the share that makes the stream most probable."""
        likely, expected = np.exp(-self.network), trigrams.probabilities(self.stream, self.first)
        return dataclasses.replace(trigrams, share=fitted_share(likely, expected, self.kept, self.copied))

    def losses(self, trigrams: Trigrams | None) -> Losses:
        """Return -ln p of each token in nats under the mixture with cache and trigrams, as far as there are any."""
        likely = np.exp(-self.network)
        if trigrams:
            likely = trigrams.mixed(likely, trigrams.probabilities(self.stream, self.first))
        losses: Losses = mixed(np, likely, self.kept, self.copied)
        return losses


def scored(network: Network, stream: Ids, first: int, report: Callable[[int], None] = lambda _: None) -> Scored:
    """Score each token of a stream given what is before it; the first is predicted after `first` (`<eos>`).

    The network's cache takes part. `report` is called with the number of tokens that are scored.
    """
    cache = network.cache
    rows = cut_for_validation(stream, first, cache.window if cache else 0)
    count, width = rows.inputs.shape
    state = network.initial_state(count)
    held = empty(np, count, cache.window, len(cache.gate)) if cache else []
    losses, kept, copied = np.empty((count, width)), np.ones((count, width)), np.zeros((count, width))
    steps = max(1, _AT_ONCE // count)
    for begin in range(0, width, steps):
        part = np.s_[:, begin : begin + steps]
        inputs, targets = rows.inputs[part], rows.targets[part]
        features = np.swapaxes(network.read(state, inputs.T), 0, 1)
        flat = features.reshape(-1, features.shape[-1])
        losses[part] = -network.log_probabilities(flat, targets.reshape(-1)).reshape(targets.shape)
        if cache:
            kept[part], copied[part], held = recall(np, cache, features, inputs, targets, held, network.document)
        report(int(rows.counted[:, : begin + steps].sum()))
    counted = rows.counted > 0  # the rows are those of the stream, one after the other
    return Scored(stream, first, losses[counted], kept[counted], copied[counted])


def score_of(
    vocabulary: Vocabulary, stream: Ids, losses: npt.NDArray[np.float64], words: Sequence[str] | None = None
) -> Score:
    """Return the perplexity of a stream whose tokens have these losses; the stream must not be empty.

    Given the `words` of the text, the score has its nats per character.
    """
    perplexity = perplexity_of(float(losses.mean()))
    figure = None if words is None else per_character(perplexity, len(stream), words, vocabulary)
    return Score(perplexity, len(stream), figure)
