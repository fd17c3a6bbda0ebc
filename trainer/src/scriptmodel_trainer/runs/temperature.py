"""Chooses a model's temperature at the end of its training: the liveliest that keeps form."""

import dataclasses
from collections.abc import Mapping

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.events import TemperatureChosen
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.samples import SAMPLE_WORDS, TEMPERATURES, sample_scripts

_SCRIPTS = 2  # at each temperature
_NEAR = 0.07
"""What a score may lack of the highest: two scripts say no more."""
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
    chosen = best_temperature(scores)
    progress.report(TemperatureChosen(chosen, {f"{each:g}": score for each, score in scores.items()}))
    return dataclasses.replace(model, temperature=chosen)


def best_temperature(scores: Mapping[float, float]) -> float:
    """Return the highest temperature that keeps form."""
    highest = max(scores.values())
    return max(temperature for temperature, score in scores.items() if score >= highest - _NEAR)
