"""Decides what each round of a search trains, and which trial wins. Pure: no state but the results.

A trial is one combination of values, a run is one training of it: one for each of spec.search.repeats. Each run has a
folder in the repo of trials, whose content decides its training, so what is left unchanged is not trained again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic.alias_generators import to_snake

from scriptmodel_operator.api.search import Search
from scriptmodel_operator.desired.sampling import Values, trials

TRIAL_FILE = "trial.json"
CHECKPOINT_FILE = "checkpoint.npz"
WHOLE_RUN = "1"
"""The share of a run that is not paused."""
_GROUPS = {"complete": 0, "running": 1, "paused": 1, "waiting": 2, "failed": 3}
State = Literal["waiting", "running", "paused", "complete", "failed"]


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run trains: trial.json in the repo of trials. Its bytes decide whether a run is computed again."""

    parameters: Values
    seed: int
    share: str = WHOLE_RUN
    of: str = ""
    """What the state was learned on that the run continues; empty at its beginning."""

    def text(self) -> bytes:
        """Return the file, with names in snake case as `--set` takes them."""
        settings = {to_snake(name): value for name, value in self.parameters.items()}
        content = {"parameters": settings, "seed": self.seed, "share": self.share} | (
            {"of": self.of} if self.of else {}
        )
        return json.dumps(content, sort_keys=True).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run: trial.json in the output of training. None stands for what is not known."""

    given: RunInput
    state: State
    reason: str = ""
    message: str = ""
    epochs: int | None = None
    epochs_total: int | None = None
    value: float | None = None
    """Nats per character of the validation text, which the search minimises."""
    perplexity: float | None = None
    seconds: float | None = None
    gpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the repo of trials."""

    name: str
    given: RunInput
    continues: bool = False
    """Whether the run continues its state in the results, which is copied into the folder."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the repo of trials must hold, and how far the search is."""

    round: int
    rounds: int
    folders: tuple[Folder, ...]
    finished: bool = False
    """Whether nothing is left to train."""
    winner: str = ""
    """The folder of the best run of the best trial; empty before a trial is complete."""
    failure: str = ""
    """Why the search has failed."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial in the leaderboard: the mean of its runs."""

    trial: int
    parameters: Values
    state: State
    reason: str = ""
    message: str = ""
    value: float | None = None
    perplexity: float | None = None
    epochs: int | None = None
    epochs_total: int | None = None
    seconds: float | None = None
    gpu_seconds: float | None = None
    round: int = 0
    """The newest round that it has results of; 0 before the first."""


def rounds(search: Search) -> list[str]:
    """Return the share of a run that each round ends at."""
    count = max(1, math.ceil(math.log2(search.trials))) if search.algorithm == "halving" else 1
    return [f"1/{2**behind}" if behind else WHOLE_RUN for behind in reversed(range(count))]


def plan(search: Search, seed: int, results: Mapping[str, RunResult], of: str = "") -> Plan:
    """Return what to train next. `seed` is spec.model.seed.

    `results` are those of the newest job that trained what is specified on the newest corpus, by folder. `of`
    identifies both; states that were learned on another are not continued.
    """
    return _Board(search, seed, results, of).plan()


def standings(search: Search, seed: int, results: Mapping[str, RunResult], of: str = "") -> tuple[Standing, ...]:
    """Return the trials, best first."""
    return best_first(each.standing() for each in _Board(search, seed, results, of).trials)


def best_first(found: Iterable[Standing]) -> tuple[Standing, ...]:
    """Sort trials: complete ones before others, those that came further, then by value, else by perplexity."""

    def key(trial: Standing) -> tuple[float, ...]:
        return _GROUPS[trial.state], -trial.round, _rank(trial.value), _rank(trial.perplexity), trial.trial

    return tuple(sorted(found, key=key))


def _rank(value: float | None) -> float:
    return math.inf if value is None else value


@dataclass(frozen=True)
class _Run:
    folder: str
    given: RunInput
    """What it is at the beginning of the first round."""
    result: RunResult | None
    attained: int
    """The newest round with a result; 0 before the first."""

    @property
    def failed(self) -> bool:
        return self.result is not None and self.result.state == "failed"

    @property
    def complete(self) -> bool:
        """Whether it has ended with a model, in the last round or early by a budget."""
        return self.result is not None and self.result.state == "complete"

    def done(self, number: int) -> bool:
        """Return whether nothing of it is left to train in a round."""
        return self.failed or self.complete or self.attained >= number

    def in_round(self, number: int, shares: Sequence[str], of: str) -> Folder:
        """Return its folder if it takes part in a round."""
        if self.result and self.done(number):
            return Folder(self.folder, self.result.given)
        given = RunInput(self.given.parameters, self.given.seed, shares[number - 1], of if self.result else "")
        return Folder(self.folder, given, continues=self.result is not None)


@dataclass(frozen=True)
class _Trial:
    number: int
    runs: tuple[_Run, ...]

    @property
    def attained(self) -> int:
        return max(run.attained for run in self.runs)

    @property
    def failed(self) -> bool:
        return all(run.failed for run in self.runs)

    @property
    def good(self) -> list[RunResult]:
        return [run.result for run in self.runs if run.result and not run.failed]

    @property
    def complete(self) -> bool:
        return not self.failed and all(run.failed or run.complete for run in self.runs)

    def done(self, number: int) -> bool:
        """Return whether nothing of it is left to train in a round."""
        return all(run.done(number) for run in self.runs)

    def value(self) -> float | None:
        return _mean([each.value for each in self.good])

    def standing(self) -> Standing:
        results = [run.result for run in self.runs if run.result]
        failure = next((run.result for run in self.runs if run.result and run.failed), None)
        state: State = "complete" if self.complete else "paused"
        if self.failed or not results:
            state = "failed" if results else "waiting"
        return Standing(
            self.number,
            self.runs[0].given.parameters,
            state,
            failure.reason if failure else "",
            failure.message if failure else "",
            self.value(),
            _mean([each.perplexity for each in self.good or results]),
            max((each.epochs for each in results if each.epochs is not None), default=None),
            max((each.epochs_total for each in results if each.epochs_total is not None), default=None),
            _sum([each.seconds for each in results]),
            _sum([each.gpu_seconds for each in results]),
            self.attained,
        )


class _Board:
    """The trials of a search with their results."""

    def __init__(self, search: Search, seed: int, results: Mapping[str, RunResult], of: str) -> None:
        self.search = search
        self.seed = seed
        self.results = results
        self.of = of
        self.shares = rounds(search)
        self.trials = [
            _Trial(number, tuple(self._runs(number, values))) for number, values in enumerate(trials(search), start=1)
        ]

    def _runs(self, number: int, values: Values) -> Iterator[_Run]:
        for repeat in range(self.search.repeats):
            folder = f"{number:04}" + (f".{repeat + 1}" if self.search.repeats > 1 else "")
            given = RunInput(values, self.seed + repeat, self.shares[0])
            result = self.results.get(folder)
            if result and not self._is_of(result.given, given):
                result = None
            yield _Run(folder, given, result, self.shares.index(result.given.share) + 1 if result else 0)

    def _is_of(self, found: RunInput, given: RunInput) -> bool:
        """Return whether a result is of the run that is specified."""
        same = (found.parameters, found.seed) == (given.parameters, given.seed)
        return same and found.share in self.shares and found.of in ("", self.of)

    def plan(self) -> Plan:
        failure = self._failure()
        members, number = self.trials, 1
        while not failure and number < len(self.shares) and all(each.done(number) for each in members):
            members = self._continued(members, number)
            number += 1
        inside = {each.number for each in members}
        folders = tuple(
            run.in_round(number if each.number in inside else 1, self.shares, self.of)
            for each in self.trials
            for run in each.runs
        )
        finished = bool(failure) or all(each.done(number) for each in members)
        return Plan(number, len(self.shares), folders, finished, self._winner(), failure)

    def _continued(self, members: list[_Trial], number: int) -> list[_Trial]:
        """Return the trials of the next round: the better half, of which those that are further keep their places.

        If all that are further failed, as many others take their places.
        """
        room = math.ceil(len(self.trials) / 2**number)
        further = [each for each in members if each.attained > number]
        if any(not each.failed for each in further):
            room -= len(further)
        candidates = [each for each in members if each not in further and not each.failed]
        candidates.sort(key=lambda each: (_rank(each.value()), each.number))
        return sorted(further + candidates[: max(0, room)], key=lambda each: each.number)

    def _winner(self) -> str:
        complete = [each for each in self.trials if each.complete]
        if not complete:
            return ""
        best = min(complete, key=lambda each: (_rank(each.value()), each.number))
        good = [run for run in best.runs if run.result and not run.failed]
        return min(good, key=lambda run: (_rank(run.result.value if run.result else None), run.folder)).folder

    def _failure(self) -> str:
        failed = sum(each.failed for each in self.trials)
        if failed == len(self.trials):
            return f"all {failed} trials failed"
        allowed = self.search.failures_allowed
        return f"{failed} of {len(self.trials)} trials failed, more than {allowed}" if failed > allowed else ""


def _mean(values: Sequence[float | None]) -> float | None:
    found = [each for each in values if each is not None]
    return sum(found) / len(found) if found else None


def _sum(values: Sequence[float | None]) -> float | None:
    found = [each for each in values if each is not None]
    return sum(found) if found else None
