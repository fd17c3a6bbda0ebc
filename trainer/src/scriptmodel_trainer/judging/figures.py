"""The figures of a script: variety, repetition, what it shares with the training text, speeches and directions.

All but `words` and `longest_copy` do not depend on the length of the text, so a script of a page compares with a play.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scriptmodel_trainer.judging.lines import Line, lines_of
from scriptmodel_trainer.judging.ngrams import Hashes, KnownNgrams, hashes_of, longest_copy, shortened

WINDOW = 200
"""Words among which distinct n-grams are counted, as in a moving-average type-token ratio (Covington, McFall 2010)."""
_BACK = 50  # sentences among which a sentence is a repetition
_SHORTEST = 4  # words of a sentence that may count as repeated; `Yes, my lord.` is nobody's loop
_APART = range(10, 30)  # words between those of a pair that has no order, but the text's own words
_STRETCH = 20  # speeches among which speakers are counted: scenes are not marked in a token stream


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one text; rates are per 1,000 words, shares from 0 to 1."""

    words: int
    distinct_1: float
    distinct_2: float
    distinct_3: float
    repeated_lines: float
    known_words: float
    known_pairs: float
    known_apart: float
    copied_8grams: float
    longest_copy: int | None  # in words; None where the training text itself is not at hand
    speeches: float
    words_per_speech: float
    directions: float
    words_per_direction: float
    speakers: float
    replies: float
    words_per_sentence: float


MEANING = {
    "words": "words",
    "distinct_1": f"distinct words among {WINDOW}",
    "distinct_2": f"distinct pairs of words among {WINDOW}",
    "distinct_3": f"distinct triples of words among {WINDOW}",
    "repeated_lines": f"sentences said within the {_BACK} before",
    "known_words": "words that the training text has",
    "known_pairs": "pairs of known words that it has",
    "known_apart": f"pairs of known words {_APART[0]} to {_APART[-1]} apart that it has",
    "copied_8grams": "runs of 8 words that it has",
    "longest_copy": "longest run of words copied from it",
    "speeches": "speeches per 1,000 words",
    "words_per_speech": "words of a speech",
    "directions": "directions per 1,000 words",
    "words_per_direction": "words of a direction",
    "speakers": f"speakers among {_STRETCH} speeches",
    "replies": "speeches whose speaker spoke last but one",
    "words_per_sentence": "words of a sentence",
    "self_bleu": "self-BLEU: how alike the samples are",
}
"""What each figure means, in a few words."""


def figures_of(tokens: Sequence[str], known: KnownNgrams, training: Hashes | None = None) -> Figures:
    """Return the figures of a text; `training` holds the words of the training text, for the longest copy."""
    lines = lines_of(tokens)
    sentences = [[word.casefold() for word in sentence] for line in lines for sentence in line.sentences]
    words = list(itertools.chain.from_iterable(sentences))
    hashes = hashes_of(words)
    speeches = [line for line in lines if line.speaker]
    directions = [line for line in lines if line.direction]
    return Figures(
        words=len(words),
        distinct_1=_distinct(words, 1),
        distinct_2=_distinct(words, 2),
        distinct_3=_distinct(words, 3),
        repeated_lines=_repeated(sentences),
        known_words=known.share(hashes, 1),
        known_pairs=_known_pairs(hashes, known, (1,)),
        known_apart=_known_pairs(hashes, known, _APART),
        copied_8grams=known.share(hashes, 8),
        longest_copy=None if training is None else longest_copy(hashes, training),
        speeches=1000 * len(speeches) / max(1, len(words)),
        words_per_speech=_mean(line.words for line in speeches),
        directions=1000 * len(directions) / max(1, len(words)),
        words_per_direction=_mean(line.words for line in directions),
        speakers=_speakers(speeches),
        replies=_replies(speeches),
        words_per_sentence=_mean(map(len, sentences)),
    )


def mean_figures(samples: Sequence[Figures]) -> Figures:
    """Return the mean of each figure over samples; the longest copy is that of any."""
    means: dict[str, Any] = {
        name: _mean(getattr(sample, name) for sample in samples) for name in Figures.__dataclass_fields__
    }
    copies = [sample.longest_copy for sample in samples if sample.longest_copy is not None]
    return Figures(**{**means, "words": round(means["words"]), "longest_copy": max(copies, default=None)})


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


def _distinct(words: Sequence[str], size: int) -> float:
    """Return the share of distinct n-grams, the mean over windows of WINDOW words; a shorter text is one window."""
    shares = []
    for start in range(0, max(1, len(words) - WINDOW + 1), WINDOW // 2):
        window = words[start : start + WINDOW]
        grams = list(zip(*(window[offset:] for offset in range(size)), strict=False))
        if grams:
            shares.append(len(set(grams)) / len(grams))
    return _mean(shares)


def _repeated(sentences: Iterable[Sequence[str]]) -> float:
    recent: deque[tuple[str, ...]] = deque(maxlen=_BACK)
    repeated = []
    for sentence in map(tuple, sentences):
        if len(sentence) >= _SHORTEST:
            repeated.append(sentence in recent)
            recent.append(sentence)
    return _mean(repeated)


def _known_pairs(hashes: Hashes, known: KnownNgrams, distances: Iterable[int]) -> float:
    """Return the share of known pairs among pairs of known words that stand so far apart.

    Of neighbours it falls with the order of words alone; of others it shows what frequent words reach by chance.
    """
    words = np.isin(shortened(hashes), known.of_size[1])
    pairs = possible = 0.0
    for distance in distances:
        if distance < len(hashes):
            weight = len(hashes) - distance
            pairs += weight * known.share_of_pairs(hashes, distance)
            possible += float((words[:-distance] & words[distance:]).sum())
    return min(1.0, pairs / possible) if possible else 0.0


def _speakers(speeches: Sequence[Line]) -> float:
    names = [line.speaker for line in speeches]
    starts = range(0, max(1, len(names) - _STRETCH + 1), _STRETCH // 2)
    return _mean(len(set(names[start : start + _STRETCH])) for start in starts)


def _replies(speeches: Sequence[Line]) -> float:
    names = [line.speaker for line in speeches]
    return _mean(now == before for before, now in zip(names, names[2:], strict=False))


def shown(value: float | None) -> str:
    """Return a figure as tables have it, `-` if the text is too short for it."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
