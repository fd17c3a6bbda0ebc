"""The verdict on a text: its figures beside those of held-out text of the same corpus."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from scriptmodel_trainer.judging.figures import Figures

COPY, LOOP, NOISE, FOREIGN, GOOD = "a copy", "a loop", "noise", "foreign", "good"
_POOR = 0.6  # of an aspect
# In the order in which they are looked for: foreign words are in no order that the training text knows, either.
_POOR_IN = ((COPY, "originality"), (FOREIGN, "vocabulary"), (LOOP, "variety"), (NOISE, "order"))
_UNKNOWN = 0.03  # share of unknown words that any short text may have
_LEAST_GAIN = 0.05  # of held-out text: below, its pairs say nothing of order
_DISTINCT = ("distinct_1", "distinct_2", "distinct_3")
_FORM = ("speeches", "words_per_speech", "directions", "words_per_direction", "speakers", "replies")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a text comes to held-out text of the corpus, from 0 to 1, as a whole and by aspect; and in a word.

    `overall` is the product of the aspects: `originality` (not copied), `variety` (no loop), `order` (of words, no
    noise), `vocabulary` (words of this corpus) and `form` (speeches, directions and sentences as in the corpus).
    """

    verdict: str
    overall: float
    originality: float
    variety: float
    order: float
    vocabulary: float
    form: float


def judge(text: Figures, held_out: Figures) -> Verdict:
    """Return the verdict on a text beside held-out text of the corpus."""
    aspects = {
        "originality": 1 - _excess(text.copied_8grams, held_out.copied_8grams),
        "variety": _variety(text, held_out),
        "order": _order(text, held_out),
        "vocabulary": _familiarity(text.known_words, held_out.known_words),
        "form": _form(text, held_out),
    }
    verdict = next((name for name, aspect in _POOR_IN if aspects[aspect] < _POOR), GOOD)
    return Verdict(
        verdict, round(math.prod(aspects.values()), 4), **{name: round(value, 4) for name, value in aspects.items()}
    )


def _excess(value: float, usual: float) -> float:
    """Return how far a share lies between what is usual (0) and all (1)."""
    return min(1.0, max(0.0, value - usual) / max(1e-9, 1 - usual))


def _likeness(value: float, usual: float) -> float:
    """Return the ratio of the smaller figure to the larger: 1 for equal ones."""
    high = max(value, usual)
    return min(value, usual) / high if high > 0 else 1.0


def _familiarity(known: float, usual: float) -> float:
    """Return how alike the shares of known words or pairs are.

    Too many are judged by their ratio; if there are too few, the ratio of the unknown ones tells more.
    """
    if known >= usual:
        return usual / known if known else 1.0
    return (1 - usual + _UNKNOWN) / (1 - known + _UNKNOWN)


def _variety(text: Figures, held_out: Figures) -> float:
    """Return how much of the usual variety there is: distinct words, pairs and triples, and no repeated lines."""
    shares: list[float] = [getattr(text, name) / (getattr(held_out, name) or 1.0) for name in _DISTINCT]
    return min(1.0, *shares, 1 - _excess(text.repeated_lines, held_out.repeated_lines))


def _order(text: Figures, held_out: Figures) -> float:
    """Return how far words come in pairs that are usual, more often than by chance, and in no more distinct ones."""
    shares: list[float] = [getattr(held_out, name) / (getattr(text, name) or 1.0) for name in _DISTINCT]
    known = min(1.0, *shares) * _familiarity(text.known_pairs, held_out.known_pairs)
    return min(known, _beyond_chance(text, held_out))


def _beyond_chance(text: Figures, held_out: Figures) -> float:
    """Return how much of the order is more than what frequent words have in any order.

    Words drawn by their frequency alone come in many known pairs, but so do those of them that stand apart.
    """
    usual = _gain(held_out)
    return min(1.0, max(0.0, _gain(text)) / usual) if usual > _LEAST_GAIN else 1.0


def _gain(figures: Figures) -> float:
    """Return by how much neighbours are known pairs more often than words that stand apart, of all that could be."""
    if figures.known_apart >= 1:
        return 0.0
    return (figures.known_pairs - figures.known_apart) / (1 - figures.known_apart)


def _form(text: Figures, held_out: Figures) -> float:
    """Return how alike speeches, directions and sentences are; a short text says little of them, so they weigh half."""
    names = (*_FORM, "words_per_sentence")
    alike = statistics.fmean(_likeness(getattr(text, name), getattr(held_out, name)) for name in names)
    return 0.5 + 0.5 * alike
