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
from scriptmodel_operator.api.search_status import TOP_TRIALS, SearchStatus, TrialStatus
from scriptmodel_operator.desired.search import STATES, Plan, RunResult, Standing, rounds, standings
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
    best: Standing | None
    """The best trial so far; None before the first has a figure."""
    message: str
    """What the running job has done, such as `3 of 8 runs done, best 88.1 (trial 7)`."""
    share: float
    """Part of the whole search that is done, from 0 to 1."""
    started: datetime | None
    """When the running job started."""
    ahead: float | None
    """Work that is left in this round and those after it, for each unit that the job has done; None while unknown."""


def search_progress(model: ScriptModel, view: ModelView) -> Progress | None:
    """Return the progress; None without a search."""
    search, found = model.spec.search, view.search
    if search is None or found is None:
        return None
    train, plan = view.train, found.plan
    # Another job trains what is no longer planned.
    job = train.running if train and found.in_progress and train.running == train.newest else None
    logs = view.training_log.runs if job and view.training_log else {}
    todo = plan.todo(found.results)
    runs = [logs[name] for name in todo if name in logs]
    done = max(sum(run.ended is not None for run in runs), min(job.data_processed, len(todo))) if job else 0
    rises = [*itertools.pairwise([0.0, *(float(Fraction(share)) for share in rounds(search))])]
    work = [math.ceil(search.trials / 2**n) * search.repeats * (end - start) for n, (start, end) in enumerate(rises)]
    before, now = rises[plan.round - 1]
    here = min(float(len(todo)), done + sum(_share(run, before, now) for run in runs)) * (now - before)
    left = len(todo) * (now - before) - here + sum(work[plan.round :])
    trials = leaderboard(search, model.spec.model.seed, found, logs)
    best = next((each for each in trials if each.perplexity is not None and each.state != "failed"), None)
    text = f"round {plan.round} of {plan.rounds}: " if plan.rounds > 1 else ""
    return Progress(
        search=search,
        plan=plan,
        standings=trials,
        best=best,
        message=f"{text}{done} of {len(todo)} runs done"
        + (f", best {best.perplexity:.1f} (trial {best.trial})" if best else ""),
        share=1.0 if plan.finished else max(0.0, 1 - left / sum(work)),
        started=job.started if job else None,
        ahead=left / here if here >= _LEAST_WORK else None,
    )


def leaderboard(search: Search, seed: int, found: SearchView, runs: Mapping[str, LogDigest]) -> tuple[Standing, ...]:
    """Return the trials, best first, with what the log of the running job says of its `runs`."""
    seen = {name: _logged(runs[name], name, found) for name in found.plan.todo(found.results) if name in runs}
    return standings(search, seed, {**found.results, **seen}, found.of)


def search_status(progress: Progress | None, elapsed: Elapsed) -> SearchStatus | None:
    """Return the part of the status; None without a search."""
    if progress is None:
        return None
    found, started, ahead = progress.standings, progress.started, progress.ahead
    counts = Counter[str](each.state for each in found)
    return SearchStatus(
        algorithm=progress.search.algorithm,
        round=progress.plan.round,
        rounds=progress.plan.rounds,
        trials={"total": len(found)} | {state: counts[state] for state in STATES},
        completed=f"{counts['complete'] + counts['failed']}/{len(found)}",
        progress_percent=int(100 * progress.share),
        best=_trial(progress.best) if progress.best else None,
        top=[_trial(each) for each in found[:TOP_TRIALS]],
        gpu_seconds=round(sum(each.gpu_seconds or 0.0 for each in found)) or None,
        seconds=round(sum(each.seconds or 0.0 for each in found)) or None,
        eta_seconds=max(0, round(elapsed(started).total_seconds() * ahead)) if started and ahead is not None else None,
    )


def _logged(run: LogDigest, name: str, found: SearchView) -> RunResult:
    """Return what the log says of a run that the running job trains."""
    given = found.plan.runs[name]
    if run.ended:
        return RunResult(given=given, **run.ended.model_dump())
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
