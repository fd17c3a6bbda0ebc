"""A trigram model of the training text with Kneser-Ney smoothing, which is mixed with the network's prediction.

A network of a few million weights is slow to learn which words follow which, and counts have them at once: a mixture
predicts better than either (Mikolov et al. 2011, "Empirical Evaluation and Combination of Advanced Language Modeling
Techniques"). Interpolated, modified Kneser-Ney smoothing (Chen and Goodman 1999) gives word w after the words h

    p(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + backoff(h) p(w | h without its first word)

where backoff(h) is what the discounts D leave. c counts occurrences of trigrams, and for shorter n-grams the different
words before them; below single words all V words are alike. Trigrams that occur once are left out, as SRILM does by
default: they are most of all and add little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import SMALLEST, Floats, Ids

MOST_BYTES = 1 << 30
"""Size of a stored model."""
_LEAST = 2  # occurrences of a trigram that is kept
_SUMS = 1e-3  # from 1, of probabilities that are stored
_PARTS = {"rows": np.int32, "words": np.int32, "shares": np.float32, "backoffs": np.float32}
_CHANCE = 3

_Numbers = npt.NDArray[np.int64]
_Shares = npt.NDArray[np.float64]
_Real = TypeVar("_Real", Floats, _Shares)


@dataclass(frozen=True, slots=True)
class Trigrams:
    """The model: probabilities of single `words` (V,), n-grams by context, and its `share` of the mixture.

    The context of a bigram is a word, that of a trigram a bigram, by its place among `bigrams`. `counts` (V,) are the
    occurrences of each word.
    """

    words: Floats
    counts: Ids
    bigrams: _Ngrams
    trigrams: _Ngrams
    share: float = 0.0

    @property
    def size(self) -> int:
        return len(self.words) + len(self.bigrams.words) + len(self.trigrams.words)

    def distribution(self, before: int | None, last: int) -> Floats:
        """Return the probabilities of all words, (V,), after two tokens, or after one alone."""
        probabilities = self.words.copy()
        self.bigrams.mix(probabilities, last)
        if before is not None and (context := self.bigrams.place(before, last)) is not None:
            self.trigrams.mix(probabilities, context)
        return probabilities

    def probabilities(self, stream: Ids, first: int) -> Floats:
        """Return the probability of each token of a stream, (T,); before its first one stands the token `first`."""
        before = np.concatenate([[first], stream[:-1]]).astype(np.int64)
        bigram = self.bigrams.places(before, stream)
        context = np.concatenate([[-1], bigram[:-1]])
        probabilities: Floats = self.words[stream]
        for ngrams, row, place in (
            (self.bigrams, before, bigram),
            (self.trigrams, context, self.trigrams.places(context, stream)),
        ):
            backoff = np.append(ngrams.backoffs, np.float32(1))[row]
            probabilities = probabilities * backoff + np.append(ngrams.shares, np.float32(0))[place]
        return probabilities

    def mixed(self, network: _Real, expected: Floats) -> _Real:
        """Return the probabilities of the mixture, given those by the network and those `expected` by the trigrams."""
        return network + self.share * (expected - network)

    def mixed_logits(self, before: int | None, last: int, logits: Floats) -> Floats:
        """Return the logarithms of the mixture's probabilities (V,) after two tokens, given the network's logits."""
        likely = np.exp(logits - logits.max())
        mixture = self.mixed(likely / likely.sum(), self.distribution(before, last))
        logarithms: Floats = np.log(np.maximum(mixture, np.float32(SMALLEST)))
        return logarithms

    def never_after(self, last: int) -> Ids:
        """Return the words that never follow a word, though chance alone would bring them there `_CHANCE` times.

        Such pairs are hardly grammatical, as `I are`, `a to` and `of .`; 0.2 % of the pairs of held-out text are such.
        """
        frequent = np.flatnonzero(self.counts * float(self.counts[last]) >= _CHANCE * self.counts.sum(dtype=float))
        found: Ids = np.setdiff1d(frequent, self.bigrams.words[self.bigrams.rows[last] : self.bigrams.rows[last + 1]])
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        tables = {"bigrams": self.bigrams, "trigrams": self.trigrams}
        parts = {f"{name}/{part}": getattr(table, part) for name, table in tables.items() for part in _PARTS}
        return {"words": self.words, "counts": self.counts, "share": np.array(self.share, np.float32), **parts}


@dataclass(frozen=True, slots=True)
class _Ngrams:
    """N-grams by context: row r is `rows[r] : rows[r + 1]` of `words` (N,), which are sorted within a row.

    `shares` (N,) are the first term of the formula above, `backoffs` (R,) are 1 for a context without n-grams.
    """

    rows: Ids
    words: Ids
    shares: Floats
    backoffs: Floats

    def place(self, row: int, word: int) -> int | None:
        begin, end = self.rows[row], self.rows[row + 1]
        place = int(begin + np.searchsorted(self.words[begin:end], word))
        return place if place < end and self.words[place] == word else None

    def places(self, rows: _Numbers, words: Ids) -> _Numbers:
        """Return the places of n-grams, -1 for each that is not there; a row may be -1."""
        if not len(self.words):
            return np.full(len(rows), -1)
        base = int(max(self.words.max(), words.max())) + 1
        keys = np.repeat(np.arange(len(self.backoffs)), np.diff(self.rows)) * base + self.words
        wanted = rows * base + words
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((rows >= 0) & (keys[found] == wanted), found, -1)

    def mix(self, probabilities: Floats, row: int) -> None:
        """Turn the probabilities after the shorter context into those after this one, in place."""
        part = slice(self.rows[row], self.rows[row + 1])
        probabilities *= self.backoffs[row]
        probabilities[self.words[part]] += self.shares[part]


def count(stream: Ids, vocabulary: int, first: int) -> Trigrams:
    """Return the model of a training stream of at least one token; `first` stands before it."""
    words = stream.astype(np.int64)
    before = np.concatenate([[first], words[:-1]])
    pairs, pair = np.unique(before * vocabulary + words, return_inverse=True)
    triples, at, occurrences = np.unique(pair[:-1] * vocabulary + words[1:], return_index=True, return_counts=True)
    preceded = np.bincount(pair[1:][at], minlength=len(pairs))
    kept = occurrences >= _LEAST
    single, backoff = _smoothed(np.bincount(pairs % vocabulary, minlength=vocabulary), np.zeros(vocabulary, int), 1)
    return Trigrams(
        (single + backoff / vocabulary).astype(np.float32),
        np.bincount(words, minlength=vocabulary).astype(np.int32),
        _ngrams(preceded, pairs, vocabulary, vocabulary, np.ones(len(pairs), np.bool_)),
        _ngrams(occurrences, triples, vocabulary, len(pairs), kept),
    )


def fitted_share(network: _Shares, trigrams: Floats, kept: _Shares, copied: _Shares) -> float:
    """Return the share of trigrams, in hundredths, in a mixture that makes a text most probable.

    Of each token, (T,), are given its probability by the `network` and by the `trigrams`, the share that a cache leaves
    to both and the probability that the cache copies it.
    """
    alone, slope = kept * network + copied, kept * (trigrams - network)
    shares = np.linspace(0, 1, 101)
    return float(max(shares, key=lambda share: np.log(np.maximum(alone + share * slope, SMALLEST)).sum()))


def trigrams_from(arrays: Mapping[str, npt.NDArray[Any]], vocabulary: int) -> Trigrams:
    """Return a stored model of that many words; raises ValueError if it is not one, since it may be forged."""
    words, counts, share = (arrays.get(name, np.zeros(0)) for name in ("words", "counts", "share"))
    if words.shape != (vocabulary,) or not _are_shares(words) or words.min() <= 0:
        raise ValueError("the trigrams do not have the words of the model")
    if share.shape != () or not _are_shares(share) or abs(float(words.sum(dtype=float)) - 1) > _SUMS:
        raise ValueError("the trigrams hold something else than probabilities")
    if counts.dtype != np.int32 or counts.shape != (vocabulary,) or counts.min() < 0:
        raise ValueError("the trigrams do not have the counts of the words")
    bigrams = _ngrams_from(arrays, "bigrams", vocabulary, vocabulary)
    return Trigrams(
        words, counts, bigrams, _ngrams_from(arrays, "trigrams", len(bigrams.words), vocabulary), float(share)
    )


def _ngrams_from(arrays: Mapping[str, npt.NDArray[Any]], name: str, contexts: int, vocabulary: int) -> _Ngrams:
    parts = {part: arrays.get(f"{name}/{part}") for part in _PARTS}
    for part, array in parts.items():
        if array is None or array.dtype != _PARTS[part] or array.ndim != 1:
            raise ValueError(f"there is no {name}/{part}")
    found = _Ngrams(**parts)  # type: ignore[arg-type]  # all are there
    rows, count = found.rows.astype(np.int64), len(found.words)
    if len(rows) != contexts + 1 or len(found.backoffs) != contexts or len(found.shares) != count:
        raise ValueError(f"the {name} do not fit their contexts")
    if rows[0] != 0 or rows[-1] != count or (np.diff(rows) < 0).any():
        raise ValueError(f"the {name} are not in rows")
    row, words = np.repeat(np.arange(contexts), np.diff(rows)), found.words.astype(np.int64)
    if ((words < 0) | (words >= vocabulary)).any() or (np.diff(row * vocabulary + words) <= 0).any():
        raise ValueError(f"the {name} are not different words in their order")
    sums = np.bincount(row, found.shares, contexts) + found.backoffs
    if not (_are_shares(found.shares) and _are_shares(found.backoffs) and (np.abs(sums - 1) < _SUMS).all()):
        raise ValueError(f"the probabilities of the {name} do not sum to 1")
    return found


def _are_shares(array: npt.NDArray[Any]) -> bool:
    return array.dtype == np.float32 and bool(((array >= 0) & (array <= 1)).all())  # NaN is not either


def _ngrams(counts: _Numbers, keys: _Numbers, vocabulary: int, contexts: int, kept: npt.NDArray[np.bool_]) -> _Ngrams:
    """Return the n-grams that are `kept`, all sorted by `keys`: context times V, plus word."""
    row = keys // vocabulary
    shares, backoffs = _smoothed(counts, row, contexts, kept)
    sizes = np.bincount(row[kept], minlength=contexts)
    rows = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    words = (keys[kept] % vocabulary).astype(np.int32)
    return _Ngrams(rows, words, shares[kept].astype(np.float32), backoffs.astype(np.float32))


def _smoothed(
    counts: _Numbers, row: _Numbers, rows: int, kept: npt.NDArray[np.bool_] | bool = True
) -> tuple[_Shares, _Shares]:
    """Return the first term of the formula for each n-gram, (N,), and the backoff of each row, (R,)."""
    total = np.maximum(np.bincount(row, counts, rows), 1)
    discounted = np.maximum(counts - _discounts(counts)[np.minimum(counts, 3)], 0) * kept / total[row]
    return discounted, 1 - np.bincount(row, discounted, rows).astype(np.float64)


def _discounts(counts: _Numbers) -> _Shares:
    """Return D(0) to D(3), estimated from how many n-grams have counts of 1 to 4 (Chen and Goodman 1999)."""
    ones, twos, threes, fours = (int((counts == number).sum()) for number in (1, 2, 3, 4))
    if not (ones and twos and threes and fours):
        return np.array([0.0, 0.5, 0.5, 0.5])
    share = ones / (ones + 2 * twos)
    found = [0.0, 1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes]
    return np.clip(found, [0.0, 0.1, 0.1, 0.1], [0.0, 0.9, 1.9, 2.9])
