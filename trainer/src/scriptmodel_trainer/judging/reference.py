"""What a script is judged by: figures of held-out text, and the n-grams of the training text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.judging.elements import elements_of
from scriptmodel_trainer.judging.figures import Figures, figures_of, mean_figures
from scriptmodel_trainer.judging.ngrams import (
    MOST,
    SIZES,
    Hashes,
    KnownNgrams,
    known_ngrams,
    spoken_hashes,
    word_hash,
)
from scriptmodel_trainer.judging.sense import Model, Sense, sense_of, stretches
from scriptmodel_trainer.judging.verdict import Verdict, judge
from scriptmodel_trainer.storage.files import converted

if TYPE_CHECKING:
    from scriptmodel_trainer.corpus.stream import TokenStream  # it loads all layouts, which no judgement needs

LARGEST = len(SIZES) * (4 * MOST + 1024) + 16 * MOST + 2048
"""Bytes of the file of n-grams, at most."""

_GAINS = ("gained_by_words", "gained_by_network")
_NAMES = set(Figures.__dataclass_fields__) - {"longest_copy"}
NO_FIGURES = (
    "the model holds no figures to judge by, since its corpus is too small to hold text out or its layout is exact"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Figures of held-out text, the n-grams of the training text, and what the sense of a text is measured by.

    `counts` are those of the words of held-out text by their hashes, `usual` what the order of its speeches gains by
    each model of Sense.
    """

    held_out: Figures
    known: KnownNgrams
    counts: Mapping[int, int]
    usual: tuple[float, ...]

    def figures(self, tokens: Sequence[str], training: Hashes | None = None) -> Figures:
        """Return the figures of a text; `training` holds the words of the training text, for the longest copy."""
        return figures_of(tokens, self.known, training)

    def verdict(self, *texts: Sequence[str], model: Model | None = None) -> Verdict:
        """Return the verdict on a text, or on several as one; the sense also by a `model`, where `usual` has it."""
        sense = sense_of(Sense(self.counts, model).gains(*texts), self.usual)
        return judge(mean_figures([*map(self.figures, texts)]), self.held_out, sense)

    def with_model(self, model: Model, held_out: Sequence[str]) -> Reference:
        """Return this with what the order of held-out text gains by a network."""
        gains = Sense(self.counts, model).gains(*stretches(held_out))
        return replace(self, usual=tuple(gain for gain, _ in gains))


def held_out_tokens(corpus: TokenStream) -> list[str]:
    """Return the text of the corpus that training does not learn from; none if it is too small to hold any out."""
    train, valid, test = (corpus.splits[name] for name in ("train", "valid", "test"))
    if valid is train:
        return []
    parts = [valid] if test is valid else [valid, test]
    return [corpus.lexicon[number] for number in np.concatenate(parts).tolist()]


def reference_of(corpus: TokenStream, base: Reference | None = None) -> Reference | None:
    """Return what scripts of this corpus are judged by; None if it is too small to hold any text out.

    Runs of words that the training text of a `base` model has are copies, too. Held-out text is measured without
    them: after the corpus has grown, the base may have learned from text that is held out now.
    """
    held_out = held_out_tokens(corpus)
    if not held_out:
        return None
    training = spoken_hashes(corpus.splits["train"], corpus.lexicon)
    known = known_ngrams(training)
    counts = Counter(word_hash(word) for line in elements_of(held_out) for each in line.sentences for word in each)
    usual = tuple(gain for gain, _ in Sense(counts).gains(*stretches(held_out)))
    return Reference(figures_of(held_out, known), known.with_runs_of(base.known) if base else known, counts, usual)


def stored_figures(reference: Reference) -> dict[str, float]:
    """Return the figures by name, to be stored; the longest copy depends on the length of a text and is left out."""
    figures = {name: getattr(reference.held_out, name) for name in Figures.__dataclass_fields__ if name in _NAMES}
    return figures | dict(zip(_GAINS, reference.usual, strict=False))


def arrays_of(reference: Reference) -> dict[str, npt.NDArray[Any]]:
    """Return the n-grams and the words of held-out text as arrays by name, to be stored."""
    counts = np.array([*reference.counts.items()], np.uint64).reshape(-1, 2)
    return {f"ngrams{size}": hashes for size, hashes in reference.known.of_size.items()} | {"held_out": counts}


def reference_from(figures: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Reference:
    """Return what `arrays_of` and the figures of the metrics give; raises ValueError if they are not of that form."""
    if arrays.keys() != {f"ngrams{size}" for size in SIZES} | {"held_out"} or not figures.keys() >= _NAMES:
        raise ValueError("it does not hold the n-grams of a training text")
    counts = arrays["held_out"]
    if counts.dtype != np.uint64 or counts.shape != (len(counts), 2) or len(counts) > MOST:
        raise ValueError("it does not hold the words of held-out text")
    for name, array in arrays.items():
        if name == "held_out":
            continue
        if array.dtype != np.uint32 or array.ndim != 1 or len(array) > MOST or (array[1:] <= array[:-1]).any():
            raise ValueError("its n-grams are not sorted")
    held_out = {name: figures[name] for name in _NAMES} | {"words": int(figures["words"])}
    known = KnownNgrams({size: arrays[f"ngrams{size}"] for size in SIZES})
    usual = tuple(float(figures[name]) for name in _GAINS if name in figures)
    return Reference(converted(held_out, Figures), known, dict(counts.tolist()), usual)
