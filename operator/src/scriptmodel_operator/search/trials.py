"""Decides what a search trains, and which trial wins. Pure: the same spec has the same trials everywhere.

A trial is one combination of values, a run is one training of it: one for each of spec.search.repeats. Each run has a
folder in the repo of trials, whose content decides its training, so what is left unchanged is not trained again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator
from pydantic.alias_generators import to_snake

from scriptmodel_operator.api.fields import MAX_SEED, ApiModel
from scriptmodel_operator.api.untrusted import Count, Figure, short_text
from scriptmodel_operator.search.declared import WHOLE, Parameter, Search

TRIAL_FILE = "trial.json"
STATES = {"complete": 0, "running": 1, "waiting": 2, "failed": 3}
"""The states of a trial, with their places in the leaderboard."""
State = Literal["waiting", "running", "complete", "failed"]
_LAST_FIRST: tuple[State, ...] = ("running", "waiting", "complete")
"""The state of a trial is the first of these that one of its runs has."""
_REASONS = ("", "diverged", "out-of-memory", "bad-input", "killed", "error")
_LONGEST_MESSAGE = 1000
_JOINED: Mapping[str, Any] = {"epochs": max, "epochs_total": max, "seconds": sum, "gpu_seconds": sum}
"""How the figures of its runs make those of a trial, besides the means of what it is compared by."""
_MOST_DRAWS = 100
"""Draws of a trial after which a combination may be there twice."""

Values = Mapping[str, str]
"""Values by the names that the spec has for them."""


class RunInput(BaseModel, frozen=True):
    """What a run trains: trial.json in the repo of trials. Its bytes decide whether a run is computed again."""

    parameters: dict[str, str]
    """Values by names in snake case, as `--set` takes them."""
    seed: int

    def text(self) -> bytes:
        return json.dumps(self.model_dump(), sort_keys=True).encode() + b"\n"


class Figures(ApiModel):
    """What a run has come to, or a trial: the mean of its runs. None stands for what is not known."""

    state: State = "waiting"
    reason: Annotated[str, BeforeValidator(lambda value: value if value in _REASONS else "error")] = ""
    message: Annotated[str, BeforeValidator(lambda value: short_text(value, _LONGEST_MESSAGE))] = ""
    epochs: Count = None
    epochs_total: Count = None
    value: Figure = None
    """Nats per character of the validation text, which the search minimises."""
    perplexity: Figure = None
    seconds: Figure = None
    gpu_seconds: Figure = None


class RunResult(Figures):
    """The result of a run: trial.json in the output of training."""

    given: RunInput


class Standing(Figures):
    trial: int
    parameters: Values
    runs: Mapping[str, RunResult]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the repo of trials must hold, and how far the search is."""

    runs: Mapping[str, RunInput]
    """What each run trains, by its folder."""
    finished: bool = False
    winner: str = ""
    """The folder of the best run of the best trial; empty before a trial is complete."""
    failure: str = ""

    def todo(self, results: Mapping[str, RunResult]) -> list[str]:
        """Return the folders of the runs that are left to train."""
        return [name for name, given in self.runs.items() if name not in results or results[name].given != given]


def plan(search: Search, seed: int, results: Mapping[str, RunResult]) -> Plan:
    """Return what to train. `seed` is spec.model.seed, and `results` has a folder for each run.

    They are of the newest job for the current spec and corpus.
    """
    found = _trials(search, seed, results)
    runs = {name: run for each in found for name, run in each.runs.items()}
    failure = _failure(found)
    over = all(run.state in ("failed", "complete") for run in runs.values())
    return Plan({name: run.given for name, run in runs.items()}, bool(failure) or over, _winner(found), failure)


def standings(search: Search, seed: int, results: Mapping[str, RunResult]) -> tuple[Standing, ...]:
    """Return the trials: complete ones before others, then by value, else by perplexity.

    `results` may have those of runs in progress, too.
    """
    found = _trials(search, seed, results)
    return tuple(sorted(found, key=lambda each: (STATES[each.state], *_rank(each), each.trial)))


def _rank(found: Figures) -> tuple[float, ...]:
    """Return the sort key, best first: the value, else the perplexity; unknown figures come last."""
    return tuple(math.inf if each is None else each for each in (found.value, found.perplexity))


def _trials(search: Search, seed: int, results: Mapping[str, RunResult]) -> list[Standing]:
    """Return the trials by number, with what they have come to by those of their runs that did not fail."""

    def run(folder: str, repeat: int, values: Values) -> RunResult:
        settings = {to_snake(name): value for name, value in values.items()}
        given = RunInput(parameters=settings, seed=(seed + repeat) % (MAX_SEED + 1))
        result = results.get(folder)
        return result if result is not None and result.given == given else RunResult(given=given)

    def standing(trial: int, values: Values) -> Standing:
        folders = [f"{trial:04}.{n + 1}" if search.repeats > 1 else f"{trial:04}" for n in range(search.repeats)]
        runs = {folder: run(folder, repeat, values) for repeat, folder in enumerate(folders)}
        good = [each for each in runs.values() if each.state != "failed"]
        failed = next((each for each in runs.values() if each.state == "failed"), None)
        states = {each.state for each in good}

        def over(join: Callable[[list[Any]], Any], figure: str, among: Iterable[RunResult] = runs.values()) -> Any:
            known = [value for each in among if (value := getattr(each, figure)) is not None]
            return join(known) if known else None

        return Standing(
            trial=trial,
            parameters=values,
            runs=runs,
            state=next((each for each in _LAST_FIRST if each in states), "failed"),
            reason=failed.reason if failed else "",
            message=failed.message if failed else "",
            value=over(fmean, "value", good),
            perplexity=over(fmean, "perplexity", good or runs.values()),
            **{figure: over(join, figure) for figure, join in _JOINED.items()},
        )

    return [standing(number, values) for number, values in enumerate(trials(search), start=1)]


def _winner(found: list[Standing]) -> str:
    """Return the folder of the best run of the best trial; empty before one is complete."""
    best = min((each for each in found if each.state == "complete"), key=_rank, default=None)
    good = {name: run for name, run in best.runs.items() if run.state == "complete"} if best else {}
    return min(good, key=lambda name: _rank(good[name]), default="")


def _failure(found: list[Standing]) -> str:
    failed = [each for each in found if each.state == "failed"]
    if len(failed) < len(found):
        return ""
    first = f"trial {failed[0].trial}: {failed[0].message or failed[0].reason}"
    return f"all {len(found)} trials failed ({first})"


def trials(search: Search) -> list[Values]:
    """Return the values of each trial, the first of which has number 1. More trials leave those before as they are."""
    if search.algorithm == "grid":
        listed = [(each.name, each.categorical.values) for each in search.parameters if each.categorical]
        choices = ([(name, value) for value in values] for name, values in listed)
        return [dict(values) for values in itertools.islice(itertools.product(*choices), search.trials)]

    def values_of(key: str) -> Values:
        return {each.name: _drawn(each, key) for each in search.parameters}

    drawn: list[Values] = []
    for number in range(1, search.trials + 1):
        draws = (values_of(f"{number}.{again}" if again else f"{number}") for again in range(_MOST_DRAWS))
        drawn.append(next((values for values in draws if values not in drawn), values_of(f"{number}")))
    return drawn


def _drawn(parameter: Parameter, key: str) -> str:
    """Return a value that looks random and is the same everywhere: one of few digits, or whole."""
    seed = f"0/{parameter.name}/{key}".encode()
    share = int.from_bytes(hashlib.sha256(seed).digest()[:6], "big") / 2**48  # of the way through the range
    bounds, whole = parameter.uniform or parameter.log_uniform, parameter.name in WHOLE
    if bounds is None:
        values = parameter.categorical.values if parameter.categorical else [""]
        return values[int(share * len(values))]
    least, most = float(bounds.min), float(bounds.max) + whole  # each whole number has an interval of its own
    found = least + share * (most - least) if parameter.uniform else least * (most / least) ** share
    number = Decimal(int(found)) if whole else Decimal(f"{found:.4g}")
    return format(min(max(number, Decimal(bounds.min)), Decimal(bounds.max)).normalize(), "f")
