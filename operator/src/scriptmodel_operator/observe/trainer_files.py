"""Schemas of the JSON files that a trainer writes. Any image may take its place, so nothing in them is trusted.

A figure that is not a sensible number counts as missing; any other mismatch makes the whole file invalid.
"""

import re
from typing import Annotated, Any, Self

from pydantic import AliasPath, BaseModel, BeforeValidator, Field, model_validator

from scriptmodel_operator.api.status import DeviceStatus, ScriptScore
from scriptmodel_operator.api.untrusted import Count, Figure, device_status, number, short_text

_LONGEST_WORD = 200
_RUN = re.compile(r"\d{4,9}(\.\d{1,4})?", re.ASCII)
_SENSES = ("poor", "fair", "good", "like the corpus")
_FORMS = (*_SENSES, "a copy", "a loop", "noise", "foreign")
_SCORES = tuple(name for name in ScriptScore.model_fields if name not in ("form", "sense"))

Word = Annotated[str, BeforeValidator(lambda value: short_text(value, _LONGEST_WORD))]
"""One short line; empty for anything but text."""


class EpochFigures(BaseModel):
    valid_perplexity: Figure = None
    words_per_second: Figure = None


class SplitFigures(BaseModel):
    train: Figure = None
    valid: Figure = None
    test: Figure = None


def _device(value: object) -> DeviceStatus | None:
    if not isinstance(value, dict):
        return None
    kind, name = (short_text(value.get(key), _LONGEST_WORD) for key in ("kind", "name"))
    return device_status(kind, name, value.get("memory_bytes"))


class ModelMetrics(BaseModel):
    """metrics.json: the final figures of a training."""

    perplexity: SplitFigures
    device: Annotated[DeviceStatus | None, BeforeValidator(_device)] = None
    validation_digest: Annotated[Word, Field(validation_alias=AliasPath("validation", "digest"))] = ""
    """Digest of the validation text: models are compared if it is the same."""
    nats_per_character: Annotated[Figure, Field(validation_alias=AliasPath("validation", "nats_per_character"))] = None
    """Mean negative log likelihood of the validation text, in nats per character."""
    precision: Word = ""
    chosen_preset: Annotated[Word, Field(validation_alias=AliasPath("auto", "preset"))] = ""
    base: Annotated[Word, Field(validation_alias=AliasPath("base", "name"))] = ""
    """Name of the base that training started from, if it has one."""
    restarts: Count = None
    """Number of restarts; None if the image reports none."""
    epochs: Annotated[list[EpochFigures], Field(max_length=10_000)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _with_precision(self) -> Self:
        """Put the precision into the device: trainers write it next to it."""
        if self.device is not None:
            self.device = self.device.model_copy(update={"precision": self.precision or None})
        return self

    @property
    def best(self) -> float | None:
        """The lowest validation perplexity of any epoch."""
        validated = (self.perplexity.valid, *(epoch.valid_perplexity for epoch in self.epochs))
        return min((each for each in validated if each is not None), default=None)

    @property
    def words_per_second(self) -> float | None:
        return next((epoch.words_per_second for epoch in reversed(self.epochs) if epoch.words_per_second), None)


def _score(value: Any) -> ScriptScore | None:
    """Return the judge's verdict; None for one that makes no sense."""
    if not isinstance(value, dict) or value.get("form") not in _FORMS:
        return None
    figures = {name: number(value.get(name)) for name in _SCORES}
    shown = {name: f"{figure:.2f}" for name, figure in figures.items() if figure is not None}
    sense = value.get("sense")
    return ScriptScore(form=value["form"], sense=sense if sense in _SENSES else None, **shown)


def _run(value: object) -> str:
    return value if isinstance(value, str) and _RUN.fullmatch(value) else ""


class SampleFigures(BaseModel):
    """One script in generation.json."""

    words: Count = None
    score: Annotated[ScriptScore | None, BeforeValidator(_score)] = None


class GenerationFile(BaseModel):
    """generation.json: the scripts that were written; the first sample is the script."""

    samples: Annotated[list[SampleFigures], Field(max_length=1000)] = Field(default_factory=list)
    temperature: Annotated[Figure, Field(validation_alias=AliasPath("sampling", "temperature"))] = None
    run: Annotated[str, BeforeValidator(_run), Field(validation_alias=AliasPath("model", "run"))] = ""
    """The folder of the run whose model wrote them, where that is the best one of a search."""
