"""Letters after letters: a model of somebody's way to speak that a few thousand words suffice for.

The probability of a letter after four others is estimated as by Witten and Bell (IEEE Transactions on Information
Theory 37(4), 1991), interpolated with that after three, two, one and none:
p(c | h) = (count(hc) + T(h) p(c | h')) / (count(h) + T(h)), where T(h) is the number of different letters after h and
h' is h without its first letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

ORDER = 5
"""Letters of the longest n-gram."""
_LETTERS = 256
"""Different letters at most, with one that stands for all others."""
_OTHER = 0


class Alphabet:
    """Numbers the letters of a corpus; rare ones share a number."""

    def __init__(self, texts: Sequence[str]) -> None:
        found, counts = np.unique(_points(" ".join(texts)), return_counts=True)
        common = np.sort(found[np.argsort(-counts, kind="stable")[: _LETTERS - 1]])
        self._points = common
        self._before = np.full(ORDER - 1, self._numbers(_points(" "))[0])

    def encode(self, text: str) -> Codes:
        """Return the numbers of the letters of a speech, in lower case, with spaces before it and one after it."""
        return np.concatenate((self._before, self._numbers(_points(f"{text.lower()} "))))

    def _numbers(self, points: npt.NDArray[np.uint32]) -> Codes:
        places = np.minimum(np.searchsorted(self._points, points), len(self._points) - 1)
        return np.where(self._points[places] == points, places + 1, _OTHER).astype(np.int64)


@dataclass(frozen=True, slots=True)
class _Order:
    """The n-grams of one length, sorted, with their counts; and the letters before their last one."""

    ngrams: Codes
    counts: Counts
    before: Codes
    totals: Counts
    kinds: Counts


class LetterModel:
    """The letters of somebody's speeches."""

    def __init__(self, speeches: Sequence[Codes]) -> None:
        """`speeches` are encoded (`Alphabet.encode`); at least one must have letters."""
        self._orders = [_counted(np.concatenate([_ngrams(each, n) for each in speeches])) for n in range(1, ORDER + 1)]

    def probabilities(self, text: Codes) -> Doubles:
        """Return the probability of each letter of an encoded text after those before it, (len(text) - ORDER + 1,)."""
        length = len(text) - ORDER + 1
        found = np.full(length, 1 / _LETTERS)
        for size, order in enumerate(self._orders, start=1):
            ngrams = _ngrams(text, size)[-length:]
            counts = _looked_up(order.ngrams, order.counts, ngrams)
            before = ngrams // _LETTERS
            totals, kinds = (_looked_up(order.before, each, before) for each in (order.totals, order.kinds))
            found = np.where(totals > 0, (counts + kinds * found) / np.maximum(totals + kinds, 1), found)
        return found


def _points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _ngrams(text: Codes, size: int) -> Codes:
    """Return a number for each run of `size` letters."""
    length = max(0, len(text) - size + 1)
    found = np.zeros(length, np.int64)
    for start in range(size):
        found = found * _LETTERS + text[start : start + length]
    return found


def _counted(ngrams: Codes) -> _Order:
    found, counts = np.unique(ngrams, return_counts=True)
    before, first = np.unique(found // _LETTERS, return_index=True)
    totals = np.add.reduceat(counts, first)
    return _Order(found, counts, before, totals, np.diff(np.append(first, len(found))))


def _looked_up(keys: Codes, values: Counts, wanted: Codes) -> Counts:
    """Return the value of each wanted key; 0 for one that is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
