"""What a script is judged by: figures of held-out text, n-grams and sentences of the training text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.judging.copies import KnownSentences, known_sentences, stored_sentences
from scriptmodel_trainer.judging.figures import Figures, figures_of, mean_figures
from scriptmodel_trainer.judging.runs import SIZES, Runs, hashes_of, known_ngrams, spoken
from scriptmodel_trainer.judging.verdict import Verdict, judge
from scriptmodel_trainer.storage.files import converted

if TYPE_CHECKING:
    from scriptmodel_trainer.corpus.stream import TokenStream  # it loads all layouts, which no judgement needs

_NAMES = set(Figures.__dataclass_fields__)
NO_FIGURES = (
    "the model holds no figures to judge by, since its corpus is too small to hold text out or it is plain text"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Figures of held-out text, the n-grams of the training text, and its sentences with those of a base's."""

    held_out: Figures
    known: Mapping[int, Runs]
    sentences: KnownSentences

    def figures(self, tokens: Sequence[str]) -> Figures:
        """Return the figures of a text."""
        return figures_of(tokens, self.known, self.sentences)

    def verdict(self, *texts: Sequence[str]) -> Verdict:
        """Return the verdict on a text, or on several as one."""
        return judge(mean_figures([*map(self.figures, texts)]), self.held_out)


def held_out_tokens(corpus: TokenStream) -> list[str]:
    """Return the text of the corpus that training does not learn from; none if it is too small to hold any out."""
    train, valid, test = (corpus.splits[name] for name in ("train", "valid", "test"))
    if valid is train:
        return []
    parts = [valid] if test is valid else [valid, test]
    return [corpus.lexicon[number] for number in np.concatenate(parts).tolist()]


def reference_of(corpus: TokenStream, base: KnownSentences | None = None) -> Reference | None:
    """Return what scripts of this corpus are judged by; None if it is too small to hold any text out.

    Sentences of a `base` model's training text are copies, too. Held-out text is measured without
    them: after the corpus has grown, the base may have learned from text that is held out now.
    """
    held_out = held_out_tokens(corpus)
    if not held_out:
        return None
    training = corpus.splits["train"]
    known = known_ngrams(hashes_of(corpus.lexicon)[training[spoken(training, corpus.lexicon)]])
    sentences = known_sentences(corpus)
    return Reference(figures_of(held_out, known, sentences), known, known_sentences(corpus, base))


def stored_figures(reference: Reference) -> dict[str, float]:
    """Return the figures by name, to be stored."""
    return dataclasses.asdict(reference.held_out)


def arrays_of(reference: Reference) -> dict[str, npt.NDArray[Any]]:
    """Return n-grams and sentences as arrays by name, to be stored."""
    ngrams = {f"ngrams{size}": runs.hashes for size, runs in reference.known.items()}
    return {**ngrams, **reference.sentences.arrays()}


def stored_reference(model: TrainedModel, folder: Path | None = None) -> Reference | None:
    """Return what scripts of a model, loaded from a folder, are judged by; None if it does not store it.

    Raises BadInputError if the model's n-grams or figures are not those of a training text.
    """
    figures, arrays, sentences = model.metrics.held_out, model.ngrams, stored_sentences(model, folder)
    if figures is None or arrays is None or sentences is None:
        return None
    try:
        known = {size: Runs.stored(arrays.get(f"ngrams{size}")) for size in SIZES}
        return Reference(_figures_from(figures), known, sentences)
    except ValueError as error:
        raise BadInputError(f"{folder or 'the model'} is damaged: {error}", "train the model again") from error


def _figures_from(stored: Mapping[str, Any]) -> Figures:
    if not stored.keys() >= _NAMES:
        raise ValueError("it lacks figures of held-out text")
    return converted({name: stored[name] for name in _NAMES} | {"words": int(stored["words"])}, Figures)
