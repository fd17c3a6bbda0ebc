"""Which words contract with which clitics, as `do` with `n't`: a script contracts no others."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.generation.grammar import Kind, kind_of
from scriptmodel_trainer.records import Name

_SEEN = 2
"""Times that a word must occur before its clitics are thought to be all."""


@dataclass(frozen=True, slots=True)
class Contractions:
    """The words that each clitic follows in the corpus, and the words that are always followed by one, as `couldn`."""

    after: Mapping[Name, tuple[Name, ...]] = field(default_factory=dict)
    bound: tuple[Name, ...] = ()


def contractions_of(train: Ids, lexicon: Sequence[str], known: frozenset[str]) -> Contractions:
    """Return the contractions of a training split, which holds numbers of `lexicon`, among `known` words."""
    clitic = np.array([kind_of(token) is Kind.CLITIC for token in lexicon])
    follows = np.flatnonzero(clitic[train[1:]])
    pairs = np.unique(np.stack([train[follows + 1], train[follows]]), axis=1)
    after: dict[str, list[str]] = {}
    for mark, word in pairs.T.tolist():
        if lexicon[mark] in known and lexicon[word] in known:
            after.setdefault(lexicon[mark], []).append(lexicon[word])
    counts = np.bincount(train, minlength=len(lexicon))
    contracted = np.bincount(train[follows], minlength=len(lexicon))
    bound = itertools.compress(lexicon, (counts == contracted) & (counts >= _SEEN) & ~clitic)
    return Contractions({mark: tuple(words) for mark, words in after.items()}, tuple(filter(known.__contains__, bound)))
