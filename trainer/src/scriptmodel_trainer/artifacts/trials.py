"""The runs of a search: what `trial.json` says of one before it is trained, and what came of it afterwards."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage.controls import json_text
from scriptmodel_trainer.storage.files import converted, finite, parse_json, read_bounded, write_file
from scriptmodel_trainer.storage.records import Amount, Count, Text

T = TypeVar("T", bound="TrialSpec")
State = Literal["complete", "failed"]
Reason = Literal["", "diverged", "out-of-memory", "bad-input", "killed", "error"]
TRIAL, TRIALS = "trial.json", "trials.jsonl"
MOST_TRIAL = 1 << 20
"""Bytes of a trial.json: ten thousand epochs need less."""
MOST_TRIALS = 1 << 26
NAME = re.compile(r"\d{4,9}(\.\d{1,4})?")
"""The folder of a run: the number of its trial and, if it is one of several repeats, that of the repeat."""


class TrialSpec(Struct, frozen=True):
    """A run that is to be trained: its own settings by their `--set` names, and its seed."""

    parameters: Mapping[Text, Text] = {}
    seed: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0


class TrialRecord(TrialSpec, frozen=True, kw_only=True):
    """What came of a run. `value` is minimised: nats per character of the validation text.

    `perplexity` is that of the best epoch on the validation text, without trigrams, and `curve` has it for each epoch.
    `seconds` and `gpu_seconds` are those of training.
    """

    schema: Literal[1] = 1
    state: State
    reason: Reason = ""
    message: Text = ""
    epochs: Count = 0
    epochs_total: Count | None = None
    value: float = math.inf
    perplexity: float = math.inf
    curve: tuple[tuple[Count, float | None], ...] = ()
    seconds: Amount = 0.0
    gpu_seconds: Amount = 0.0


class TrialRun(TrialRecord, frozen=True, kw_only=True):
    """A line of trials.jsonl: what came of a run, with the number of its trial and of its repeat."""

    trial: Count
    repeat: Count = 1
    winner: bool = False

    @property
    def settings(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.parameters.items()) or "no settings of its own"


def read(folder: Path, kind: type[T]) -> T:
    """Read what a run is to be (TrialSpec), or what came of it; BadInputError if its trial.json is missing or wrong."""
    try:
        return converted(parse_json(read_bounded(folder / TRIAL, MOST_TRIAL)), kind)
    except (OSError, ValueError, BadInputError) as error:
        example = 'an example is {"parameters": {"dropout": "0.3"}, "seed": 0}'
        raise BadInputError(f"{folder / TRIAL} does not describe a trial: {error}", example) from error


def read_runs(folder: Path) -> tuple[TrialRun, ...]:
    """Read the runs of the search that a model is of; none without a trials.jsonl, or if it cannot be used."""
    try:
        lines = read_bounded(folder / TRIALS, MOST_TRIALS).splitlines()
        return tuple(converted(parse_json(line), TrialRun) for line in lines)
    except (OSError, ValueError, BadInputError):
        return ()


def write_records(path: Path, *records: TrialRecord) -> None:
    """Store records, each as one line of strict JSON with sorted keys."""
    fields = (finite(dict(sorted(msgspec.to_builtins(record).items()))) for record in records)
    write_file(path, "".join(f"{json_text(each)}\n" for each in fields).encode(errors="replace"))
