"""Chooses a model's temperature at the end of its training: the liveliest that keeps form."""

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.tokens import is_word
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.judging.elements import elements_of
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.progress.events import TemperatureChosen
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.samples import SAMPLE_WORDS, TEMPERATURES, sample_scripts

_SCRIPTS = 2  # at each temperature
_NEAR = 0.1
"""What a score may lack of the highest: two scripts say no more."""
_COMMON, _ALIKE = 500, 0.2
"""Commonest words; by which part of the corpus' share of all others that of scripts may differ."""
FEWEST_TOKENS = 100 * SAMPLE_WORDS * _SCRIPTS * len(TEMPERATURES)
"""Tokens read in training, below which no temperature is chosen: writing so much would take too large a part of it."""


def with_temperature(model: TrainedModel, progress: Progress) -> TrainedModel:
    """Return the model with its temperature; the default if it cannot be judged, or was trained on very little.

    The scripts, and with them the choice, depend on the model alone. One that started from a base has the default, too:
    writing all these scripts takes as long as its training.
    """
    base = model.origin.base
    reference, read = model.reference, model.metrics.tokens["train"] * len(model.metrics.epochs)
    if (base and base.name) or reference is None or read < FEWEST_TOKENS:
        return model
    tried = ", ".join(f"{each:g}" for each in TEMPERATURES)
    progress.note(f"choosing the temperature: the judge reads {_SCRIPTS} scripts at each of {tried}")
    try:
        scripts = sample_scripts(model, _SCRIPTS)
    except BadInputError:  # a model of almost nothing cannot write
        return model
    scores = {temperature: reference.verdict(*texts).form_score for temperature, texts in scripts.items()}
    common = commonest(model.vocabulary)
    usual = reference.rare(common)
    alike = [each for each, texts in scripts.items() if abs(rare_words(texts, common) - usual) <= _ALIKE * usual]
    chosen = best_temperature(scores, alike)
    progress.report(TemperatureChosen(chosen, {f"{each:g}": score for each, score in scores.items()}))
    return dataclasses.replace(model, temperature=chosen)


def best_temperature(scores: Mapping[float, float], alike: Collection[float]) -> float:
    """Return the highest temperature that keeps form and is among those `alike` the corpus, if any is both."""
    highest = max(scores.values())
    formed = [temperature for temperature, score in scores.items() if score >= highest - _NEAR]
    return max([each for each in formed if each in alike] or formed)


def commonest(vocabulary: Vocabulary) -> frozenset[str]:
    """Return the commonest words, in small letters."""
    words = (word for word in vocabulary.words if is_word(word) and word not in vocabulary.names)
    return frozenset(itertools.islice(dict.fromkeys(map(str.casefold, words)), _COMMON))


def rare_words(texts: Sequence[Sequence[str]], common: Collection[str]) -> float:
    """Return the share of the words of some texts that are not among the common ones."""
    said = [word for text in texts for line in elements_of(text) for each in line.sentences for word in each]
    return sum(word.casefold() not in common for word in said) / max(1, len(said))
