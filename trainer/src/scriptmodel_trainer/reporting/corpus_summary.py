"""A corpus in numbers: for the model's own description and the report."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.tokens import MARKERS, OPEN_EXPOSITION, OPEN_NAME, PUNCTUATION
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.records import CorpusSummary

_SHORT = 3  # letters; shorter words are the same in every corpus and say nothing about this one
_LISTED = 40


def summarize(train: Ids, lexicon: Sequence[str]) -> CorpusSummary:
    """Count what a training split holds; its numbers are those of `lexicon`."""
    counts = np.bincount(train, minlength=len(lexicon))
    opens = np.array([token == OPEN_NAME for token in lexicon])
    named = np.bincount(train[1:][opens[train[:-1]]], minlength=len(lexicon))
    no_words = MARKERS | PUNCTUATION | {*plain.MARKERS, *plain.BYTES}
    words: Counter[str] = Counter()  # `That` at the beginning of a line is no other word than `that`
    expositions, speakers = 0, {}
    for token, count, names in zip(lexicon, counts.tolist(), named.tolist(), strict=True):
        if token == OPEN_EXPOSITION:
            expositions = count
        elif names and token not in no_words:
            speakers[token] = names
        elif len(token) > _SHORT and token not in no_words:
            words[token.lower()] += count
    listed = _most_frequent(words.items()), _most_frequent(speakers.items())
    return CorpusSummary(int(counts[opens].sum()), expositions, len(speakers), *listed)


def _most_frequent(entries: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(entries, key=lambda entry: (-entry[1], entry[0]))[:_LISTED])
