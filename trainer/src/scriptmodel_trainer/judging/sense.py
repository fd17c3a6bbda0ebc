"""Whether a text has sense: how often its speeches are likelier where they stand than in each other's places.

The text after a few speeches is compared with what others of the same text would be there, so that only the order
counts. Two models do: the network, whose cache remembers, and a cache of the last words above the frequencies of
held-out text, which wrote nothing itself and so does not praise its own.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, OPEN_EXPOSITION, OPEN_NAME, is_word
from scriptmodel_trainer.generation.hearing import Heard
from scriptmodel_trainer.judging.ngrams import word_hash
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary

_BEFORE = 3  # speeches that are read before one
_OTHERS = 6  # that are tried in its place
_MOST = 40  # speeches of a text
_FEWEST = 6
_ECHO = 0.1  # share of the cache of words
_DOUBT = 1.64  # standard errors: a text has the sense that it may have with 95 %

_STRETCHES = 16  # of held-out text, of so many speeches
_SPEECHES = 20

Model = tuple[Network, Vocabulary]
_Gains = npt.NDArray[np.float64]
_Likely = Callable[[Sequence["Turn"], Sequence[str], Sequence[Sequence[str]]], list[float]]
"""Returns how likely each of some texts is after some speeches and a cue, in nats."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A speech: what introduces it, directions included, and the tokens that are said."""

    cue: Sequence[str]
    said: Sequence[str]


def turns_of(tokens: Sequence[str]) -> list[Turn]:
    """Return the first speeches of a text."""
    names = [place for place, token in enumerate(tokens) if token == OPEN_NAME]
    found, begin = [], names[0] if names else 0
    for place, following in itertools.pairwise([*names, len(tokens)]):
        first = next((at for at in range(place, following) if tokens[at] == CLOSE_NAME), following - 1) + 1
        end = next((at for at in range(first, following) if tokens[at] == OPEN_EXPOSITION), following)
        if end > first:
            found.append(Turn(tokens[begin:first], tokens[first:end]))
            begin = end
    return found[:_MOST]


def stretches(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Return some parts of a long text, evenly spread."""
    names = [place for place, token in enumerate(tokens) if token == OPEN_NAME][::_SPEECHES]
    parts = [tokens[begin:end] for begin, end in itertools.pairwise([*names, len(tokens)])]
    return parts[:: math.ceil(len(parts) / _STRETCHES)] if parts else []


class Sense:
    """Measures the sense of texts by the `counts` of held-out words, by hash, and by a network if there is one."""

    def __init__(self, counts: Mapping[int, int], model: Model | None = None) -> None:
        self._counts, self._total, self._model = counts, sum(counts.values()) + len(counts) + 1, model

    def gains(self, *texts: Sequence[str]) -> list[tuple[float, float]]:
        """Return what the order gains by each model, the network last, and the standard error of each.

        None for texts of too few speeches.
        """
        measured = [turns for tokens in texts if len(turns := turns_of(tokens)) >= _FEWEST]
        if not measured:
            return []
        found = [[_gains(turns, self._by_words) for turns in measured]]
        if self._model:
            found.append([_gains(turns, partial(_by_network, *self._model)) for turns in measured])
        return [_mean(np.concatenate(each)) for each in found]

    def _by_words(self, before: Sequence[Turn], cue: Sequence[str], texts: Sequence[Sequence[str]]) -> list[float]:
        del cue
        heard = Counter(word.casefold() for turn in before for word in turn.said if is_word(word))
        echo = _ECHO / (1 - _ECHO) * self._total / max(1, heard.total())
        echoes = {
            word: math.log1p(echo * count / (1 + self._counts.get(word_hash(word), 0))) for word, count in heard.items()
        }
        return [sum(echoes.get(token.casefold(), 0.0) for token in text) for text in texts]


def _by_network(
    network: Network,
    vocabulary: Vocabulary,
    before: Sequence[Turn],
    cue: Sequence[str],
    texts: Sequence[Sequence[str]],
) -> list[float]:
    read = vocabulary.encode([token for turn in before for token in (*turn.cue, *turn.said)])
    heard = Heard(network, np.concatenate([[vocabulary.first], read]).astype(np.int32))
    counted = np.ones(len(vocabulary), np.bool_)
    counted[vocabulary.unknown] = False
    likely: list[float] = heard.sums(
        vocabulary.encode(cue), [vocabulary.encode(text) for text in texts], counted
    ).tolist()
    return likely


def _gains(turns: Sequence[Turn], likely: _Likely) -> _Gains:
    """Return how much oftener each speech but the first is likelier in its own place than in those of others: -1 to 1.

    How much likelier says less: a few long speeches, and words that come again at once, would decide.
    """
    random = np.random.default_rng(len(turns))
    own, others = np.zeros(len(turns)), [list[float]() for _ in turns]
    for place in range(1, len(turns)):
        begin = max(0, place - _BEFORE)
        free = [number for number in range(1, len(turns)) if not begin <= number <= place]
        tried = random.permutation(free)[:_OTHERS].tolist()
        texts = [turns[number].said for number in (place, *tried)]
        own[place], *rest = likely(turns[begin:place], turns[place].cue, texts)
        for number, value in zip(tried, rest, strict=True):
            others[number].append(value)
    return np.array(
        [np.sign(own[place] - np.array(others[place] or own[place])).mean() for place in range(1, len(own))]
    )


def _mean(gains: _Gains) -> tuple[float, float]:
    """Return the mean gain of a speech, and its standard error."""
    return float(gains.mean()), float(gains.std() / math.sqrt(len(gains)))


def sense_of(gains: Sequence[tuple[float, float]], usual: Sequence[float]) -> float | None:
    """Return which part of the usual gain a text has or may have, by the model that finds less; None for no gains."""
    parts = [
        min(1.0, max(0.0, mean + _DOUBT * error) / most)
        for (mean, error), most in zip(gains, usual, strict=False)
        if most > 0
    ]
    return min(parts, default=None)
