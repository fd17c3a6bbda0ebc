"""The runs of a search: what `trial.json` says of one before it is trained, and what came of it afterwards."""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import fmean
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
TRIAL = "trial.json"
MOST_TRIAL = 1 << 20
"""Bytes of a trial.json: ten thousand epochs need less."""
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


def read(folder: Path, kind: type[T]) -> T:
    """Read what a run is to be (TrialSpec), or what came of it; BadInputError if its trial.json is missing or wrong."""
    try:
        return converted(parse_json(read_bounded(folder / TRIAL, MOST_TRIAL)), kind)
    except (OSError, ValueError, BadInputError) as error:
        example = 'an example is {"parameters": {"dropout": "0.3"}, "seed": 0}'
        raise BadInputError(f"{folder / TRIAL} does not describe a trial: {error}", example) from error


def model_folder(folder: Path) -> Path:
    """Return where the model is: in the output of a search the folder of its best run, else `folder` itself.

    The best trial has the least mean `value` of its complete runs, and the best run the least of that trial; the
    perplexity decides between equal ones. Raises BadInputError if no run of a search is complete.
    """
    runs = sorted(path.parent for path in folder.glob(f"*/{TRIAL}") if NAME.fullmatch(path.parent.name))
    if not runs:
        return folder
    complete: dict[str, list[tuple[float, float, str]]] = {}
    for run in runs:
        with suppress(BadInputError):  # a run without a valid record has failed
            record = read(run, TrialRecord)
            if record.state == "complete" and record.value > 0:
                trial = complete.setdefault(run.name.partition(".")[0], [])
                trial.append((record.value, record.perplexity, run.name))
    if not complete:
        raise BadInputError(f"no run of the search in {folder} is complete", "its trial.json files say why they failed")
    best = min(complete.values(), key=lambda trial: (fmean(run[0] for run in trial), fmean(run[1] for run in trial)))
    return folder / min(best)[2]


def write_records(path: Path, *records: TrialRecord) -> None:
    """Store records, each as one line of strict JSON with sorted keys."""
    fields = (finite(dict(sorted(msgspec.to_builtins(record).items()))) for record in records)
    write_file(path, "".join(f"{json_text(each)}\n" for each in fields).encode(errors="replace"))
