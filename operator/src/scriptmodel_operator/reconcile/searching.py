"""Describes how far a search is, with what the runs in progress have logged. Pure."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.search import Search
from scriptmodel_operator.api.search_status import TOP_TRIALS, SearchStatus, TrialCounts, TrialStatus
from scriptmodel_operator.desired.search import Plan, RunResult, Standing, rounds, standings
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.view import ModelView, SearchView
from scriptmodel_operator.reconcile.state import Elapsed

_LEAST_WORK = 0.02
"""Work that must be done before an estimate of the rest is worth anything."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is. Work is counted in whole trainings."""

    search: Search
    plan: Plan
    standings: tuple[Standing, ...]
    runs: int
    """How many runs of the round are left to train at its start."""
    done: int
    """How many of them have ended."""
    share: float
    """Part of the whole search that is done, from 0 to 1."""
    started: datetime | None
    """When the running job started."""
    work_done: float
    """Work that the running job has done."""
    work_left: float
    """Work that is left in this round and those after it."""

    @property
    def best(self) -> Standing | None:
        """The best trial so far; None before the first has a figure."""
        return next((each for each in self.standings if each.perplexity is not None and each.state != "failed"), None)

    @property
    def message(self) -> str:
        """What the running job has done, such as `3 of 8 runs done, best 88.1 (trial 7)`."""
        text = f"round {self.plan.round} of {self.plan.rounds}: " if self.plan.rounds > 1 else ""
        best = f", best {self.best.perplexity:.1f} (trial {self.best.trial})" if self.best else ""
        return f"{text}{self.done} of {self.runs} runs done{best}"

    @property
    def failure(self) -> str:
        """The first failed trial with its reason; empty if none failed."""
        failed = next((each for each in self.standings if each.state == "failed"), None)
        return f"trial {failed.trial}: {failed.message or failed.reason}" if failed else ""


def search_progress(model: ScriptModel, view: ModelView) -> Progress | None:
    """Return the progress; None without a search."""
    search, found = model.spec.search, view.search
    if search is None or found is None:
        return None
    running = view.train.running if view.train else None
    newest = found.newest if running and found.newest and found.newest.trained == running.ref.id else None
    job = running if newest and newest.trials == found.head else None  # else it trains what is no longer planned
    log = (view.training_log if job else None) or LogDigest()
    todo = found.plan.todo(found.results)
    runs = [log.runs[name] for name in todo if name in log.runs]
    done = max(sum(run.ended is not None for run in runs), min(job.data_processed, len(todo))) if job else 0
    ends = [0.0, *(float(Fraction(share)) for share in rounds(search))]
    before, now = ends[found.plan.round - 1 : found.plan.round + 1]
    here = min(float(len(todo)), done + sum(_share(run, before, now) for run in runs)) * (now - before)
    sizes = (math.ceil(search.trials / 2**number) * search.repeats for number in itertools.count())
    work = [size * (end - start) for size, (start, end) in zip(sizes, itertools.pairwise(ends), strict=False)]
    left = len(todo) * (now - before) - here + sum(work[found.plan.round :])
    return Progress(
        search=search,
        plan=found.plan,
        standings=leaderboard(search, model.spec.model.seed, found, log.runs),
        runs=len(todo),
        done=done,
        share=1.0 if found.plan.finished else max(0.0, 1 - left / sum(work)),
        started=job.started if job else None,
        work_done=here,
        work_left=left,
    )


def leaderboard(search: Search, seed: int, found: SearchView, runs: Mapping[str, LogDigest]) -> tuple[Standing, ...]:
    """Return the trials, best first, with what the log of the running job says of its `runs`."""
    todo = found.plan.todo(found.results)
    seen = {name: _logged(runs[name], name, found) for name in todo if name in runs}
    return standings(search, seed, {**found.results, **seen}, found.of)


def search_status(progress: Progress | None, elapsed: Elapsed) -> SearchStatus | None:
    """Return the part of the status; None without a search."""
    if progress is None:
        return None
    counts = Counter[str](each.state for each in progress.standings)
    started = progress.started if progress.work_done >= _LEAST_WORK else None
    pace = elapsed(started).total_seconds() / progress.work_done if started else None
    return SearchStatus(
        algorithm=progress.search.algorithm,
        round=progress.plan.round,
        rounds=progress.plan.rounds,
        trials=TrialCounts(total=counts.total(), **counts),
        completed=f"{counts['complete'] + counts['failed']}/{counts.total()}",
        progress_percent=int(100 * progress.share),
        best=_trial(progress.best) if progress.best else None,
        top=[_trial(each) for each in progress.standings[:TOP_TRIALS]],
        gpu_seconds=_total([each.gpu_seconds for each in progress.standings]),
        seconds=_total([each.seconds for each in progress.standings]),
        eta_seconds=None if pace is None else max(0, round(pace * progress.work_left)),
    )


def _logged(run: LogDigest, name: str, found: SearchView) -> RunResult:
    """Return what the log says of a run that the running job trains."""
    given = found.plan.runs[name]
    if run.ended:
        return run.ended.result(given)
    before = found.results[name] if given.of else RunResult(given=given)
    return replace(
        before,
        given=given,
        state="running",
        perplexity=run.best_perplexity or before.perplexity,
        epochs=run.epoch or before.epochs,
        epochs_total=run.epochs or before.epochs_total,
    )


def _share(run: LogDigest, before: float, now: float) -> float:
    """Return the part of a round that a run in progress has done."""
    if run.ended or not run.epochs or not run.epoch:
        return 0.0
    whole = (run.epoch - 1 + run.fraction) / run.epochs
    return min(1.0, max(0.0, (whole - before) / (now - before)))


def _trial(standing: Standing) -> TrialStatus:
    return TrialStatus(
        trial=f"{standing.trial:04}",
        state=standing.state,
        parameters=dict(standing.parameters),
        perplexity=None if standing.perplexity is None else f"{standing.perplexity:.1f}",
        value=None if standing.value is None else f"{standing.value:.4f}",
        epochs=standing.epochs,
        reason=standing.reason or None,
    )


def _total(figures: list[float | None]) -> int | None:
    known = [each for each in figures if each is not None]
    return round(sum(known)) if known else None
