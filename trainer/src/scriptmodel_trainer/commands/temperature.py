"""Chooses a model's temperature: the one whose scripts the judge ranks highest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from scriptmodel_trainer.generation.exact_writer import ExactWriter
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Opening, Writer
from scriptmodel_trainer.judging.figures import mean_figures
from scriptmodel_trainer.judging.reference import Reference
from scriptmodel_trainer.judging.verdict import Verdict, judge

TEMPERATURES = (Sampling().temperature, 0.9, 1.0)
"""The candidates; the first is the default."""

_SCRIPTS, _WORDS = 5, 500
_SPREAD = 0.05  # of the score of so many scripts: less says nothing


def verdicts_on_temperatures(
    writer: Writer | ExactWriter, reference: Reference, sampling: Sampling
) -> dict[float, Verdict]:
    """Return the verdict on scripts at each candidate; `sampling` has all other settings.

    The scripts are the same for every seed and opening of `generate`, so that a model has one temperature.
    """
    verdicts = {}
    for temperature in TEMPERATURES:
        settings = dataclasses.replace(sampling, temperature=temperature)
        scripts = (writer.write(_WORDS, settings, (0, number), Opening()).tokens for number in range(_SCRIPTS))
        verdicts[temperature] = judge(mean_figures([*map(reference.figures, scripts)]), reference.held_out)
    return verdicts


def best_temperature(verdicts: Mapping[float, Verdict]) -> float:
    """Return the temperature with the highest score; the default if no other is clearly better."""
    best, default = max(verdicts, key=lambda each: verdicts[each].overall), TEMPERATURES[0]
    return best if verdicts[best].overall > verdicts[default].overall + _SPREAD else default
