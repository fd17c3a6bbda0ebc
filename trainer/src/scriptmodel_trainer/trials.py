"""The runs of a search: what `trial.json` says of one before it is trained, and what came of it afterwards."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from scriptmodel_trainer.controls import json_text
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.records import Amount, Count, Text
from scriptmodel_trainer.storage import converted, finite, parse_json, read_bounded, write_file

TRIAL, TRIALS = "trial.json", "trials.jsonl"
MOST_TRIAL = 1 << 20
"""Bytes of a trial.json: ten thousand epochs need less."""
MOST_TRIALS = 1 << 26
_NAME = re.compile(r"(\d{4,9})(?:\.(\d{1,4}))?")


class TrialSpec(Struct, frozen=True):
    """A run that is to be trained: its own settings by their `--set` names, its seed, and its share of the epochs.

    `of` is what a saved state was learned on; the trainer compares fingerprints and only repeats it.
    """

    parameters: Mapping[Text, Text] = {}
    seed: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0
    share: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(/[0-9]{1,9})?$")] = "1"
    of: Text = ""

    def __post_init__(self) -> None:
        part, _, whole = self.share.partition("/")
        if not 0 < int(part) <= int(whole or 1):
            raise ValueError(f"share {self.share} is not above 0 and at most 1")


class TrialRecord(TrialSpec, frozen=True):
    """What came of a run. `value` is minimised: nats per character of the validation text.

    `perplexity` is that of the best epoch on the validation text, and `curve` has it for each epoch. `seconds` and
    `gpu_seconds` are those of training over all rounds; `started` and `finished` those of the newest one.
    """

    schema: Literal[1] = 1
    state: Literal["paused", "complete", "failed"] = "failed"
    reason: Literal["", "diverged", "out-of-memory", "bad-input", "killed", "error"] = ""
    message: Text = ""
    epochs: Count = 0
    epochs_total: Count | None = None
    value: float | None = None
    perplexity: float | None = None
    curve: tuple[tuple[Count, float | None], ...] = ()
    seconds: Amount = 0.0
    gpu_seconds: Amount = 0.0
    preset: Text = ""
    started: float | None = None
    finished: float | None = None

    @classmethod
    def of_spec(cls, spec: TrialSpec) -> TrialRecord:
        """Return the record of a run that starts now."""
        return cls(spec.parameters, spec.seed, spec.share, spec.of, started=round(time.time(), 3))


class Run(TrialRecord, frozen=True, kw_only=True):
    """A line of trials.jsonl: what came of a run, with the number of its trial and of its repeat."""

    trial: Count
    repeat: Count = 1
    winner: bool = False

    @property
    def settings(self) -> str:
        """The settings of the run as one text."""
        return " ".join(f"{key}={value}" for key, value in self.parameters.items()) or "no settings of its own"


def rank_of(value: float | None) -> float:
    """Return a figure of which less is better; none is the worst."""
    return math.inf if value is None else value


def numbers_of(name: str) -> tuple[int, int] | None:
    """Return the number of a trial and of its repeat by the name of a run's folder, `0003` or `0003.2`; else None."""
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2] or 1)) if found else None


def read_spec(folder: Path) -> TrialSpec:
    """Read what a run is to be; BadInputError if its trial.json is missing or wrong."""
    path = folder / TRIAL
    try:
        return converted(parse_json(read_bounded(path, MOST_TRIAL)), TrialSpec)
    except (OSError, ValueError, BadInputError) as error:
        example = '{"parameters": {"dropout": "0.3"}, "seed": 0, "share": "1"}'
        raise BadInputError(f"{path} does not describe a trial: {error}", f"an example is {example}") from error


def read_record(folder: Path) -> TrialRecord:
    """Read what came of a run; ValueError says why its trial.json cannot be used."""
    try:
        value = parse_json(read_bounded(folder / TRIAL, MOST_TRIAL))
        if not isinstance(value, dict) or not {"schema", "state"} <= value.keys():
            raise ValueError("it has no result")
        return converted(value, TrialRecord)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except BadInputError as error:
        raise ValueError(error.message) from error


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Read the runs of the search that a model is of; none without a trials.jsonl, or if it cannot be used."""
    try:
        lines = read_bounded(folder / TRIALS, MOST_TRIALS).splitlines()
        return tuple(converted(parse_json(line), Run) for line in lines)
    except (OSError, ValueError, BadInputError):
        return ()


def write_runs(folder: Path, runs: Iterable[Run]) -> None:
    """Store the runs of a search, one a line."""
    write_file(folder / TRIALS, b"".join(map(_json_line, runs)))


def write_record(folder: Path, record: TrialRecord) -> None:
    """Store what came of a run as one line of JSON with sorted keys."""
    write_file(folder / TRIAL, _json_line(record))


def _json_line(record: TrialRecord) -> bytes:
    """Return a record as one line of strict JSON with sorted keys."""
    fields = msgspec.to_builtins(record)
    return f"{json_text(finite(dict(sorted(fields.items()))))}\n".encode(errors="replace")
