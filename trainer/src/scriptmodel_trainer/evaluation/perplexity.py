"""Perplexity of a trained model on a token stream, exact: state carried from first token to last, all scored.

The network reads a block of the stream in rows side by side. A row has to start with the state in which the row before
it ends, which is not known at first. So all rows are read from zeros, then again from the states that the rows before
them ended in, up to where that changes nothing. An LSTM forgets, so that is the beginning of each row. One that keeps
what it has read for longer than a row is read from first token to last.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, DOCUMENT, ENDERS, MARKERS, OPEN_NAME, PUNCTUATION
from scriptmodel_trainer.evaluation.nats_per_character import per_character
from scriptmodel_trainer.model.cache import empty, mixed, recall
from scriptmodel_trainer.model.network_numpy import Network, State
from scriptmodel_trainer.model.subwords import continues
from scriptmodel_trainer.model.trigrams import Trigrams, fitted_share
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids
from scriptmodel_trainer.storage.records import ClassScore, Score, perplexity_of

BLOCK = 32_768  # tokens that are read at once: whole rows
_ROWS = 16
_READINGS = 3  # of all rows at most; the third one mostly ends where it begins
_PART = 64  # tokens of each row that are read at once
_SAME = 1e-4  # of each number of a state, of a large cell as a share: a trained network has some of twenty and more
CHUNK = 512  # tokens whose logits are held at once

CLASSES = ("word", "name", "punctuation", "ender", "marker")

Losses = npt.NDArray[np.float64]


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


def scored(
    network: Network,
    stream: Ids,
    first: int,
    report: Callable[[int], None] = lambda _: None,
) -> Scored:
    """Score each token of a stream given all before it; the first is predicted after `first` (`<eos>`).

    The network's cache takes part. `report` is called with the number of tokens that are scored.
    """
    cache = network.cache
    held = empty(np, 1, cache.window, len(cache.gate)) if cache else []
    inputs = np.concatenate([np.array([first], np.int32), stream[:-1]])
    losses, kept, copied = np.empty(len(stream)), np.ones(len(stream)), np.zeros(len(stream))
    for start, features in _read(network, inputs):
        chunk = slice(start, start + len(features))
        if cache:
            window = features[np.newaxis], inputs[np.newaxis, chunk], stream[np.newaxis, chunk]
            kept[chunk], copied[chunk], held = recall(np, cache, *window, held, network.document)
        losses[chunk] = -network.log_probabilities(features, stream[chunk])
        report(start + len(features))
    return Scored(stream, first, losses, kept, copied)


def _read(network: Network, tokens: Ids) -> Iterator[tuple[int, Floats]]:
    """Yield the features of up to CHUNK tokens after each other, (T, D), and the place of the first."""
    state = network.initial_state()
    for block in range(0, len(tokens), BLOCK):
        features, state = _read_in_rows(network, state, tokens[block : block + BLOCK])
        for start in range(0, len(features), CHUNK):
            yield block + start, features[start : start + CHUNK]


def _read_in_rows(network: Network, state: State, tokens: Ids, at_most: int = _ROWS) -> tuple[Floats, State]:
    """Return the features of tokens that are read from a state, (T, D), and the state after a whole block."""
    steps = max(_PART, -(-len(tokens) // at_most))
    rows = -(-len(tokens) // steps)
    columns = np.resize(tokens, (rows, steps)).T  # the last row is filled up with tokens that do not count
    starts: dict[int, State] = {}  # in which rows were at a place when it was read last
    read: dict[int, Floats] = {}
    now = network.initial_state(rows)
    for reading, place in itertools.product(range(rows), range(0, steps, _PART)):
        if reading == _READINGS:
            return _read_in_rows(network, state, tokens, at_most=1)
        if place == 0:
            ends, now = now, _starts(state, now)
        if place in starts and _are_same(now, starts[place]):
            break  # what follows was read from these states
        starts[place] = State(list(now.outputs), list(now.cells))
        read[place] = network.read(now, columns[place : place + _PART])
    else:
        ends = now
    after = State([part[-1] for part in ends.outputs], [part[-1] for part in ends.cells])
    features = np.concatenate(list(read.values()))
    return features.swapaxes(0, 1).reshape(-1, features.shape[-1])[: len(tokens)], after


def _are_same(now: State, before: State) -> bool:
    pairs = zip((*now.outputs, *now.cells), (*before.outputs, *before.cells), strict=True)
    return all(np.allclose(*pair, rtol=_SAME, atol=_SAME) for pair in pairs)


def _starts(state: State, ends: State) -> State:
    """Return the states in which rows start: the first one in `state`, the others as those before them end."""
    outputs, cells = (
        [np.concatenate([first[np.newaxis], rows[:-1]]) for first, rows in zip(firsts, parts, strict=True)]
        for firsts, parts in ((state.outputs, ends.outputs), (state.cells, ends.cells))
    )
    return State(outputs, cells)


def score_of(
    vocabulary: Vocabulary, stream: Ids, losses: npt.NDArray[np.float64], words: Sequence[str] | None = None
) -> Score:
    """Return perplexity, whole and by class of token, of a stream whose tokens have these losses.

    Given the `words` of the text, the score has its nats per character. The stream must not be empty.
    """
    classes = token_classes(vocabulary, stream)
    by_class = {
        name: ClassScore(int(chosen.sum()), perplexity_of(float(losses[chosen].mean())))
        for index, name in enumerate(CLASSES)
        if (chosen := classes == index).any()
    }
    perplexity = perplexity_of(float(losses.mean()))
    figure = None if words is None else per_character(perplexity, len(stream), words, vocabulary)
    return Score(perplexity, len(stream), by_class, figure)


def token_classes(vocabulary: Vocabulary, stream: Ids) -> npt.NDArray[np.int8]:
    """Return the index in CLASSES of each token; a name is the text between `<boname>` and `<eoname>`.

    Sub-words that continue a word have its class.
    """
    of_word = np.fromiter((_class_of(word) for word in vocabulary.words), np.int8, len(vocabulary))
    classes = of_word[stream]
    if OPEN_NAME in vocabulary and CLOSE_NAME in vocabulary and len(stream) > 1:
        after = np.concatenate([[False], stream[:-1] == vocabulary.id_of(OPEN_NAME)])
        classes[after] = CLASSES.index("name")
    starts = ~np.fromiter(map(continues, vocabulary.words), np.bool_, len(vocabulary))[stream]
    return classes[np.maximum.accumulate(np.where(starts, np.arange(len(stream)), 0))]


def _class_of(word: str) -> int:
    kind: Callable[[str], int] = CLASSES.index
    if word in ENDERS:
        return kind("ender")
    if word in MARKERS or word == DOCUMENT:
        return kind("marker")
    if word in PUNCTUATION:
        return kind("punctuation")
    return kind("word")
