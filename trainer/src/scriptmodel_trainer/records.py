"""The records of a model directory: metrics of the training, scores, and facts about the corpus.

They are read from JSON that `model_schema` has checked; keys that a record does not have are ignored. JSON holds null
for a number that is not finite, which is read as infinity.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = 1
SCENES, FILES = "scenes", "files"  # what stays together when a corpus is split


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One finished epoch."""

    epoch: int
    train_perplexity: float
    valid_perplexity: float
    learning_rate: float
    seconds: float
    words_per_second: float
    sample: str = ""  # a line of script by the weights of this epoch


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Tokens of one class and their perplexity."""

    tokens: int
    perplexity: float


@dataclass(frozen=True, slots=True)
class Score:
    """`perplexity` is exp(mean negative log likelihood, in nats) over all `tokens`; `oov` counts unknown words.

    `nats_per_character` charges the spelling of unknown words, too.
    """

    perplexity: float
    tokens: int
    oov: int
    by_class: dict[str, ClassScore]
    nats_per_character: float | None = None


@dataclass(frozen=True, slots=True)
class SplitPerplexity:
    """Perplexity of each split; that of train is measured while the weights of the best epoch were trained."""

    train: float = math.inf
    valid: float = math.inf
    test: float = math.inf


@dataclass(frozen=True, slots=True)
class Validation:
    """The validation split: `digest` of its text, which every vocabulary shares, and the best epoch's figure on it."""

    digest: str = ""
    nats_per_character: float | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """The model that a training started from: digest of its weights and words, its fingerprint and its corpus' digest.

    `vocabulary` counts the words that it knew, `new_words` those that were added.
    """

    digest: str = ""
    fingerprint: str | None = None
    corpus: str = ""
    vocabulary: int = 0
    new_words: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The preset that `auto` chose for so many tokens to train on and for the minutes given, and its own settings."""

    preset: str = ""
    tokens: int = 0
    minutes: float | None = None
    settings: Mapping[str, float | bool] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    """What computed: `kind` is `gpu` or `cpu`; `memory_bytes` is that of a GPU, None if it is not known."""

    kind: str = "cpu"
    name: str = ""
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """`metrics.json`. `tokens` counts each split, `seconds` is the training time.

    `stopped_by` is `epochs`, `early-stopping` or `budget`, and `budget` the exhausted limit. `recomputed_seconds` were
    lost with attempts that were killed, and are not in `seconds`.
    """

    fingerprint: str | None = None
    epochs: tuple[EpochRecord, ...] = ()
    perplexity: SplitPerplexity | None = None
    tokens: Mapping[str, int] = dataclasses.field(default_factory=dict)
    understood: float | None = None
    best_epoch: int = 0
    seconds: float = math.inf
    validation: Validation | None = None
    test: Score | None = None
    restarts: int = 0
    recomputed_seconds: float = 0.0
    stopped_by: str | None = None
    budget: str | None = None
    device: Device | None = None
    precision: str | None = None
    base: Base | None = None
    auto: Choice | None = None  # None for a preset that was named
    held_out: Mapping[str, float] | None = None  # the figures that scripts are judged by

    @property
    def test_perplexity(self) -> float:
        """Perplexity of the test split; infinite if it is not known."""
        return self.perplexity.test if self.perplexity else math.inf


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """Counts over the training split; the lists hold (word, occurrences), most frequent first."""

    speeches: int = 0
    expositions: int = 0
    speakers: int = 0
    frequent_words: tuple[tuple[str, int], ...] = ()
    frequent_speakers: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """What a model was trained on: `layout` is the requested one, `layouts` counts the files of each detected one.

    `split` is what stayed together when the corpus was split: SCENES or whole FILES.
    """

    digest: str = ""
    layout: str = "auto"
    files: int = 0
    layouts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    summary: CorpusSummary = CorpusSummary()
    split: str = SCENES


def perplexity_of(mean: float) -> float:
    """Return exp of a mean loss in nats; infinite where that overflows."""
    return math.exp(mean) if mean < 700 else math.inf


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Return the content of `metrics.json`."""
    return {"schema": SCHEMA, **dataclasses.asdict(metrics)}


def metrics_from(value: Mapping[str, Any]) -> Metrics:
    """Read the content of `metrics.json`."""
    known = _known(Metrics, value)
    known["epochs"] = tuple(epoch_from(epoch) for epoch in value.get("epochs", ()))
    if (perplexity := value.get("perplexity")) is not None:
        known["perplexity"] = SplitPerplexity(**_known(SplitPerplexity, _with_infinities(perplexity)))
    test = value.get("test")
    known["test"] = _score_from(test) if test else None
    validation = value.get("validation")
    known["validation"] = Validation(**_known(Validation, validation)) if validation else None
    known["base"] = base_from(value.get("base"))
    auto = value.get("auto")
    known["auto"] = Choice(**_known(Choice, auto)) if auto else None
    device = value.get("device")
    known["device"] = Device(**_known(Device, device)) if device else None
    return Metrics(**known)


def epoch_from(value: Mapping[str, Any]) -> EpochRecord:
    """Read an epoch of `metrics.json`."""
    known = _known(EpochRecord, _with_infinities(value))
    return EpochRecord(**{**known, "sample": value.get("sample") or ""})


def base_from(value: Mapping[str, Any] | None) -> Base | None:
    """Read the base of `model.json` or `metrics.json`; None for a model that started from random weights."""
    return Base(**_known(Base, value)) if value else None


def corpus_from(value: Mapping[str, Any]) -> CorpusFacts:
    """Read the corpus of `model.json`."""
    summary = value.get("summary", {})
    lists = {
        name: tuple((word, count) for word, count in summary.get(name, ()))
        for name in ("frequent_words", "frequent_speakers")
    }
    known = _known(CorpusFacts, value)
    known["notes"] = tuple(value.get("notes", ()))
    known["summary"] = CorpusSummary(**{**_known(CorpusSummary, summary), **lists})
    return CorpusFacts(**known)


def _score_from(value: Mapping[str, Any]) -> Score:
    classes = value.get("by_class", {})
    return Score(
        **{"perplexity": math.inf, "tokens": 0, "oov": 0, **_known(Score, _with_infinities(value))}
        | {"by_class": {name: ClassScore(**_known(ClassScore, _with_infinities(classes[name]))) for name in classes}}
    )


def _known(record: type, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are fields of the record."""
    names = {field.name for field in dataclasses.fields(record)}
    return {name: entry for name, entry in value.items() if name in names}


def _with_infinities(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.inf if entry is None else entry for name, entry in value.items()}
