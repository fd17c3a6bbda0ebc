"""Chooses a model's temperature at the end of its training: the liveliest whose scripts the judge ranks high."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from scriptmodel_trainer.artifacts import TrainedModel
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.events import TemperatureChosen
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.samples import SAMPLE_WORDS, TEMPERATURES, sample_scripts

_SCRIPTS = 2  # at each temperature
_NEAR = 0.15
"""What a score may lack of the highest: two scripts say no more."""
FEWEST_TOKENS = 50 * SAMPLE_WORDS * _SCRIPTS * len(TEMPERATURES)
"""Tokens read in training, below which no temperature is chosen: writing so much would take too large a part of it."""


def with_temperature(model: TrainedModel, progress: Progress) -> TrainedModel:
    """Return the model with its temperature; the default if it cannot be judged, or was trained on very little.

    The scripts, and with them the choice, depend on the model alone.
    """
    reference, read = model.reference, model.metrics.tokens["train"] * len(model.metrics.epochs)
    if reference is None or read < FEWEST_TOKENS:
        return model
    tried = ", ".join(f"{each:g}" for each in TEMPERATURES)
    progress.note(f"choosing the temperature: the judge reads {_SCRIPTS} scripts at each of {tried}")
    try:
        scripts = sample_scripts(model, _SCRIPTS)
    except BadInputError:  # a model of almost nothing cannot write
        return model
    scores = {temperature: reference.verdict(*texts).overall for temperature, texts in scripts.items()}
    chosen = best_temperature(scores)
    progress.report(TemperatureChosen(chosen, {f"{each:g}": score for each, score in scores.items()}))
    return dataclasses.replace(model, temperature=chosen)


def best_temperature(scores: Mapping[float, float]) -> float:
    """Return the highest temperature with a score near the highest."""
    highest = max(scores.values())
    return max(temperature for temperature, score in scores.items() if score >= highest - _NEAR)
