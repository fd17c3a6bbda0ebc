"""Perplexity of a trained model on a token stream, exact: state carried from first token to last, all scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.arrays import SMALLEST, Ids
from scriptmodel_trainer.characters import per_character
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, DOCUMENT, ENDERS, MARKERS, OPEN_NAME, PUNCTUATION
from scriptmodel_trainer.generation.caches import Cache, Copies
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.records import ClassScore, Score, perplexity_of
from scriptmodel_trainer.subwords import continues
from scriptmodel_trainer.vocabulary import Vocabulary

_CHUNK = 256  # tokens whose logits are held at once

CLASSES = ("word", "name", "punctuation", "ender", "marker", "unknown")


def negative_log_likelihoods(
    network: Network,
    stream: Ids,
    first: int,
    cache: Cache | None = None,
    report: Callable[[int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """-ln p of each token given all before it, shape (len(stream),); the first is predicted after `first` (`<eos>`).

    A trained cache and trigrams take part, or another `cache`. `report` is called with the number of tokens that are
    scored.
    """
    cache = network.cache or cache
    copies = Copies(cache, network.document) if cache else None
    state = network.initial_state()
    inputs = np.concatenate([np.array([first], np.int32), stream[:-1]])
    result, kept, copied = np.empty(len(stream)), np.ones(len(stream)), np.zeros(len(stream))
    for start in range(0, len(stream), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        features = network.read(state, inputs[chunk])
        if copies:
            kept[chunk], copied[chunk] = copies.probabilities(features, inputs[chunk], stream[chunk])
        logits = network.logits(features)
        logits -= logits.max(axis=1, keepdims=True)
        target_logits = logits[np.arange(len(logits)), stream[chunk]].astype(np.float64)
        np.exp(logits, out=logits)
        result[chunk] = np.log(logits.sum(axis=1, dtype=np.float64)) - target_logits
        if report:
            report(min(start + _CHUNK, len(stream)))
    if network.trigrams:
        return network.trigrams.losses(result, stream, first, kept, copied)
    return -np.log(np.maximum(kept * np.exp(-result) + copied, SMALLEST)) if cache else result


def score_of(
    vocabulary: Vocabulary, stream: Ids, losses: npt.NDArray[np.float64], words: Sequence[str] | None = None
) -> Score:
    """Return perplexity, whole and by class of token, of a stream whose tokens have these losses.

    Given the `words` of the text, unknown ones too, the score has its nats per character. The stream must not be empty.
    """
    classes = token_classes(vocabulary, stream)
    by_class = {
        name: ClassScore(int(chosen.sum()), perplexity_of(float(losses[chosen].mean())))
        for index, name in enumerate(CLASSES)
        if (chosen := classes == index).any()
    }
    perplexity = perplexity_of(float(losses.mean()))
    figure = None if words is None else per_character(perplexity, len(stream), words, vocabulary)
    return Score(perplexity, len(stream), int((stream == vocabulary.unknown).sum()), by_class, figure)


def token_classes(vocabulary: Vocabulary, stream: Ids) -> npt.NDArray[np.int8]:
    """Return the index in CLASSES of each token; a name is the text between `<boname>` and `<eoname>`.

    Sub-words that continue a word have its class.
    """
    of_word = np.fromiter((_class_of(word) for word in vocabulary.words), np.int8, len(vocabulary))
    of_word[vocabulary.unknown] = CLASSES.index("unknown")
    classes = of_word[stream]
    if OPEN_NAME in vocabulary and CLOSE_NAME in vocabulary and len(stream) > 1:
        after = np.concatenate([[False], stream[:-1] == vocabulary.id_of(OPEN_NAME)])
        classes[after & (classes != CLASSES.index("unknown"))] = CLASSES.index("name")
    if vocabulary.spells:
        starts = ~np.fromiter(map(continues, vocabulary.words), np.bool_, len(vocabulary))[stream]
        classes = classes[np.maximum.accumulate(np.where(starts, np.arange(len(stream)), 0))]
    return classes


def _class_of(word: str) -> int:
    kind: Callable[[str], int] = CLASSES.index
    if word in ENDERS:
        return kind("ender")
    if word in MARKERS or word == DOCUMENT:
        return kind("marker")
    if word in PUNCTUATION:
        return kind("punctuation")
    return kind("word")
