"""The verdict on a text: its figures beside those of held-out text of the same corpus."""

import math
import statistics
from dataclasses import dataclass

from scriptmodel_trainer.judging.figures import Figures

COPY, LOOP, NOISE, FOREIGN = "a copy", "a loop", "noise", "foreign"
# In the order in which they are looked for: foreign words are in no order that the training text knows, either.
_FAILED = ((COPY, "originality", 0.6), (FOREIGN, "vocabulary", 0.5), (LOOP, "variety", 0.8), (NOISE, "order", 0.3))
_WORDS = ((0.75, "like the corpus"), (0.4, "good"), (0.2, "fair"), (0.0, "poor"))
_UNKNOWN = 0.1  # share of unknown words that any short text may have
_LEAST = 1e-9  # gain: a text too small for any has the sense of another one
_TURNS = ("speeches", "words_per_speech", "directions", "words_per_direction", "speakers", "replies")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a text comes to held-out text of the corpus in form and in sense: a word for each, and 0 to 1.

    `form_score` is the root of the product of the aspects: `originality` (not copied), `variety` (no loop), `order` (of
    words, no noise), `vocabulary` (words of this corpus) and `turns` (speeches, directions and sentences as in the
    corpus). Each is 1 at most: for variety, order and turns half of what held-out text has is enough. `sense_score` is
    how often words follow each other as in the training text: 0.75 as often as in held-out text, and more for more.
    """

    form: str
    form_score: float
    sense: str
    sense_score: float
    originality: float
    variety: float
    order: float
    vocabulary: float
    turns: float

    def __str__(self) -> str:
        return f"form {self.form}, {self.form_score:.2f}; sense {self.sense}, {self.sense_score:.2f}"


def judge(text: Figures, held_out: Figures) -> Verdict:
    """Return the verdict on the figures of a text."""
    aspects = {
        "originality": 1 - _excess(text.copied_sentences, held_out.copied_sentences),
        "variety": _variety(text, held_out),
        "order": _order(text, held_out),
        "vocabulary": min(1.0, (1 - held_out.known_words + _UNKNOWN) / (1 - text.known_words + _UNKNOWN)),
        "turns": _turns(text, held_out),
    }
    form, sense = math.sqrt(math.prod(aspects.values())), _sense(text, held_out)
    failed = (name for name, aspect, least in _FAILED if aspects[aspect] < least)
    return Verdict(
        next(failed, None) or _word(form),
        round(form, 4),
        _word(sense),
        round(sense, 4),
        **{name: round(value, 4) for name, value in aspects.items()},
    )


def _word(score: float) -> str:
    return next(word for least, word in _WORDS if score >= least)


def _excess(value: float, usual: float) -> float:
    """Return how far a share lies between what is usual (0) and all (1)."""
    return min(1.0, max(0.0, value - usual) / max(1e-9, 1 - usual))


def _reached(value: float, usual: float) -> float:
    """Return which part of a usual figure is reached, at most 1."""
    return min(1.0, max(0.0, value) / usual) if usual > 0 else 1.0


def _variety(text: Figures, held_out: Figures) -> float:
    """Return how much of the usual variety of words there is, squared, since it falls slowly; no repeated lines.

    Half of it is enough: readers do not mind plain words.
    """
    variety = _reached(text.distinct, held_out.distinct) ** 2
    return min(1.0, 2 * variety * (1 - _excess(text.repeated_lines, held_out.repeated_lines)))


def _order(text: Figures, held_out: Figures) -> float:
    """Return how much of the usual order words have: triples that the training text has, beyond chance.

    Words drawn by their frequency alone come in some known triples, but so do those of them that stand apart. A low
    temperature writes triples of frequent words, which are known as soon as their pairs are: so triples count for less
    if the text has no more of them than its pairs alone would give. Half of the order is enough: the sense has it all.
    """
    beyond = math.sqrt(_reached(_beyond_pairs(text), _beyond_pairs(held_out)))
    return min(1.0, 2 * beyond * _reached(_gain(text), _gain(held_out)))


def _sense(text: Figures, held_out: Figures) -> float:
    """Return how often triples of words are known beyond chance: 0, 0.75 as often as in held-out text, 1 is the limit.

    Of two scripts of one model readers find more sense in the one that has more of them, also beyond what people write.
    """
    gain, usual = (max(_LEAST, _gain(figures)) for figures in (text, held_out))
    return gain / (gain + usual / 3)


def _gain(figures: Figures) -> float:
    """Return by how much triples are known more often than words that stand apart."""
    return figures.known_triples - figures.triples_by_chance


def _beyond_pairs(figures: Figures) -> float:
    """Return how many triples are known for each one whose two pairs are known, if these were independent."""
    by_pairs = figures.known_pairs**2
    return figures.known_triples / by_pairs if by_pairs else 0.0


def _turns(text: Figures, held_out: Figures) -> float:
    """Return how alike speeches, directions and sentences are; a short text says little, so only half of it counts."""
    names = (*_TURNS, "words_per_sentence")
    alike = statistics.fmean(_likeness(getattr(text, name), getattr(held_out, name)) for name in names)
    return min(1.0, 2 * alike)


def _likeness(value: float, usual: float) -> float:
    """Return the ratio of the smaller figure to the larger: 1 for equal ones."""
    high = max(value, usual)
    return min(value, usual) / high if high > 0 else 1.0
