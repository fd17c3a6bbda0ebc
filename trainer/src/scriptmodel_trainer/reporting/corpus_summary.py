"""A corpus in numbers: for the model's own description and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.corpus import exact
from scriptmodel_trainer.corpus.tokens import DOCUMENT, MARKERS, OPEN_EXPOSITION, OPEN_NAME, PUNCTUATION, UNKNOWN
from scriptmodel_trainer.records import CorpusSummary
from scriptmodel_trainer.vocabulary import Vocabulary

_SHORT = 3  # letters; shorter words are the same in every corpus and say nothing about this one
_LISTED = 40


def summarize(train: Ids, vocabulary: Vocabulary) -> CorpusSummary:
    """Count what a training split (token numbers) holds."""
    counts = np.bincount(train, minlength=len(vocabulary))

    def count_of(marker: str) -> int:
        return int(counts[vocabulary.id_of(marker)]) if marker in vocabulary else 0

    after_name = train[1:][train[:-1] == vocabulary.id_of(OPEN_NAME)] if OPEN_NAME in vocabulary else train[:0]
    named = np.bincount(after_name, minlength=len(vocabulary))
    plain = MARKERS | PUNCTUATION | {UNKNOWN, DOCUMENT, *exact.MARKERS, *exact.BYTES}
    words: Counter[str] = Counter()  # `That` at the beginning of a line is no other word than `that`
    for number, word in enumerate(vocabulary.words):
        if word not in plain and len(word) > _SHORT and number not in vocabulary.speakers:
            words[word.lower()] += int(counts[number] - named[number])
    speakers = [(vocabulary.words[number], int(named[number])) for number in vocabulary.speakers]
    return CorpusSummary(
        count_of(OPEN_NAME),
        count_of(OPEN_EXPOSITION),
        len(vocabulary.speakers),
        _most_frequent(words.items()),
        _most_frequent(speakers),
    )


def _most_frequent(entries: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(entries, key=lambda entry: (-entry[1], entry[0]))[:_LISTED])
