"""Schemas of the JSON files that a trainer writes. Any image may take its place, so nothing in them is trusted.

A figure that is no sensible number counts as missing; anything else that does not fit makes the whole file invalid.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from scriptmodel_operator.observe.figures import number, whole
from scriptmodel_operator.observe.progress import short_text

VERDICTS = ("good", "a copy", "a loop", "noise", "foreign")


def _verdict(value: Any) -> str | None:
    return value if value in VERDICTS else None


def _object(value: Any) -> Any:
    """Return nothing for what is no object: older trainers write none."""
    return value if isinstance(value, dict) else None


Figure = Annotated[float | None, BeforeValidator(number)]
Count = Annotated[int | None, BeforeValidator(whole)]
Word = Annotated[str, BeforeValidator(lambda value: short_text(value, 200))]
"""One short line; empty for anything but text."""


class EpochFigures(BaseModel):
    """One epoch in metrics.json."""

    valid_perplexity: Figure = None
    words_per_second: Figure = None


class SplitFigures(BaseModel):
    """The final perplexity of each split."""

    train: Figure = None
    valid: Figure = None
    test: Figure = None


class ValidationFigures(BaseModel):
    """The validation text in metrics.json, by which models are compared."""

    digest: Word = ""
    nats_per_character: Figure = None


class DeviceFigures(BaseModel):
    """The device of a training in metrics.json."""

    kind: Word = ""
    name: Word = ""
    memory_bytes: Count = None


class MetricsFile(BaseModel):
    """metrics.json: the figures of a training."""

    perplexity: SplitFigures
    device: Annotated[DeviceFigures | None, BeforeValidator(_object)] = None
    validation: Annotated[ValidationFigures | None, BeforeValidator(_object)] = None
    precision: Word = ""
    stopped_by: Word = ""
    budget: Word = ""
    restarts: Count = None
    recomputed_seconds: Figure = None
    epochs: Annotated[list[EpochFigures], Field(max_length=10_000)] = Field(default_factory=list)


class ScoreFigures(BaseModel):
    """The judge's verdict on a script."""

    verdict: Annotated[str | None, BeforeValidator(_verdict)] = None
    overall: Figure = None
    originality: Figure = None
    variety: Figure = None
    order: Figure = None
    vocabulary: Figure = None
    form: Figure = None


class SampleFigures(BaseModel):
    """One script in generation.json."""

    words: Count = None
    score: Annotated[ScoreFigures | None, BeforeValidator(_object)] = None


class GenerationFile(BaseModel):
    """generation.json: the scripts that were written; the first sample is the script."""

    samples: Annotated[list[SampleFigures], Field(max_length=1000)] = Field(default_factory=list)
