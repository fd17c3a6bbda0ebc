"""The figures of a script: variety, repetition, what it shares with the training text, speeches and directions.

All but `words` do not depend on the length of the text, so a script of a page compares with a play.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import numpy as np

from scriptmodel_trainer.judging.copies import SHORTEST, KnownSentences
from scriptmodel_trainer.judging.elements import elements_of
from scriptmodel_trainer.judging.runs import Runs, hashes_of, ngrams
from scriptmodel_trainer.storage.records import Amount, Count, Share

WINDOW = 200
"""Words among which distinct ones are counted, as in a moving-average type-token ratio (Covington, McFall 2010)."""
_BACK = 50  # sentences among which a sentence is a repetition
_SHORTEST = 4  # words of a sentence that may count as repeated; `Yes, my lord.` is nobody's loop
_APART = range(10, 30)  # words between those of a triple that has no order, but the text's own words
_STRETCH = 20  # speeches among which speakers are counted: scenes are not marked in a token stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one text; rates are per 1,000 words, shares from 0 to 1."""

    words: Annotated[Count, "words"]
    distinct: Annotated[Share, f"distinct words among {WINDOW}"]
    repeated_lines: Annotated[Share, f"sentences said within the {_BACK} before"]
    known_words: Annotated[Share, "words that the training text has"]
    known_pairs: Annotated[Share, "pairs of words that it has"]
    known_triples: Annotated[Share, "triples of words that it has"]
    triples_by_chance: Annotated[Share, f"triples of words {_APART[0]} to {_APART[-1]} apart that it has"]
    copied_sentences: Annotated[Share, f"sentences of {SHORTEST} words or more that it has"]
    speeches: Annotated[Amount, "speeches per 1,000 words"]
    words_per_speech: Annotated[Amount, "words of a speech"]
    directions: Annotated[Amount, "directions per 1,000 words"]
    words_per_direction: Annotated[Amount, "words of a direction"]
    speakers: Annotated[Amount, f"speakers among {_STRETCH} speeches"]
    replies: Annotated[Share, "speeches whose speaker spoke last but one"]
    words_per_sentence: Annotated[Amount, "words of a sentence"]


MEANING: dict[str, str] = {
    name: hint.__metadata__[-1] for name, hint in get_type_hints(Figures, include_extras=True).items()
}
"""What each figure means, in a few words."""


def figures_of(tokens: Sequence[str], known: Mapping[int, Runs], training: KnownSentences) -> Figures:
    """Return the figures of a text beside n-grams and sentences of a training text."""
    lines = elements_of(tokens)
    sentences = [[word.casefold() for word in sentence] for line in lines for sentence in line.sentences]
    words = list(itertools.chain.from_iterable(sentences))
    hashes, copies = hashes_of(words), training.copies(tokens)
    speeches = [line for line in lines if line.speaker]
    directions = [line for line in lines if line.direction]
    speakers = [line.speaker for line in speeches]
    return Figures(
        words=len(words),
        distinct=_mean(len(set(window)) / len(window) for window in _windows(words, WINDOW)),
        repeated_lines=_repeated(sentences),
        known_words=known[1].share(ngrams(hashes, 1)),
        known_pairs=known[2].share(ngrams(hashes, 2)),
        known_triples=known[3].share(ngrams(hashes, 3)),
        triples_by_chance=known[3].share(np.concatenate([ngrams(hashes, 3, step) for step in _APART])),
        copied_sentences=copies.copied / max(1, copies.sentences),
        speeches=1000 * len(speeches) / max(1, len(words)),
        words_per_speech=_mean(line.words for line in speeches),
        directions=1000 * len(directions) / max(1, len(words)),
        words_per_direction=_mean(line.words for line in directions),
        speakers=_mean(len(set(window)) for window in _windows(speakers, _STRETCH)),
        replies=_mean(now == before for before, now in zip(speakers, speakers[2:], strict=False)),
        words_per_sentence=_mean(map(len, sentences)),
    )


def mean_figures(samples: Sequence[Figures]) -> Figures:
    """Return the mean of each figure over samples."""
    means: dict[str, Any] = {
        name: _mean(getattr(sample, name) for sample in samples) for name in Figures.__dataclass_fields__
    }
    return Figures(**{**means, "words": round(means["words"])})


def _mean(values: Iterable[float]) -> float:
    known = [*values]
    return sum(known) / len(known) if known else 0.0


def _windows(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """Return runs of `size` items, of which each starts in the middle of the one before; fewer items are one run."""
    starts = range(0, max(1, len(items) - size + 1), size // 2)
    return [items[start : start + size] for start in starts if items]


def _repeated(sentences: Iterable[Sequence[str]]) -> float:
    recent: deque[tuple[str, ...]] = deque(maxlen=_BACK)
    repeated = []
    for sentence in map(tuple, sentences):
        if len(sentence) >= _SHORTEST:
            repeated.append(sentence in recent)
            recent.append(sentence)
    return _mean(repeated)


def shown(value: float) -> str:
    """Return a figure as tables have it."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
