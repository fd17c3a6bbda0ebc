"""Describes how far a search is, with what the runs in progress have logged. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.outcomes import ended
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.search import SearchView
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.search.declared import TOP_TRIALS, SearchStatus, TrialStatus, best_trial
from scriptmodel_operator.search.trials import STATES, RunResult, Standing, standings

_LEAST_WORK = 0.02
"""Work that must be done before an estimate of the rest is worth anything."""


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How far a search is, in place of what the log of a single training says."""

    status: SearchStatus
    message: str
    """What the running job has done, such as `3 of 8 runs done, best 88.1 (trial 7)`."""
    perplexity: str | None = None
    """That of the best run."""
    standings: tuple[Standing, ...] = ()
    """The trials, best first."""


def search_progress(model: ScriptModel, view: ModelView) -> SearchProgress | None:
    """Return the progress, with work counted in whole trainings; None without a search."""
    search, found = model.spec.search, view.runs
    if search is None or not isinstance(found, SearchView):
        return None
    train, plan = view.train, found.plan
    # Another job trains what is no longer planned.
    job = train.running if train and found.in_progress and train.running == train.newest else None
    logs = view.logs.training.runs if job and view.logs.training else {}
    todo = plan.todo(found.results)
    runs = [logs[name] for name in todo if name in logs]
    done = max(sum(ended(run) is not None for run in runs), min(job.data_processed, len(todo))) if job else 0
    work, shares = search.trials * search.repeats, (run.progress.share for run in runs if not ended(run))
    here = min(len(todo), done + sum(shares))
    left = len(todo) - here
    spent = view.elapsed(job.started).total_seconds() if job and job.started else 0.0
    trials = standings(search, model.spec.model.seed, with_logs(found, logs))
    counts = Counter[str](each.state for each in trials)
    best = next((each for each in trials if each.perplexity is not None and each.state != "failed"), None)
    status = SearchStatus(
        algorithm=search.algorithm,
        trials={"total": len(trials)} | {state: counts[state] for state in STATES},
        completed=f"{counts['complete'] + counts['failed']}/{len(trials)}",
        progress_percent=100 if plan.finished else int(100 * max(0.0, 1 - left / work)),
        top=[TrialStatus.model_validate(each, from_attributes=True) for each in trials[:TOP_TRIALS]],
        gpu_seconds=round(sum(each.gpu_seconds or 0.0 for each in trials)) or None,
        seconds=round(sum(each.seconds or 0.0 for each in trials)) or None,
        eta_seconds=max(0, round(spent * left / here)) if spent and here >= _LEAST_WORK else None,
    )
    text = f"{done} of {len(todo)} runs done"
    return SearchProgress(
        message=text + (f", best {best.perplexity:.1f} (trial {best.trial})" if best else ""),
        status=status,
        perplexity=best_trial(status.model_dump()).get("perplexity"),
        standings=trials,
    )


def with_logs(found: SearchView, logs: Mapping[str, LogDigest]) -> Mapping[str, RunResult]:
    """Return the results, updated by what the running job has logged."""
    results = dict(found.results)
    for name, run in ((name, logs[name]) for name in found.plan.todo(found.results) if name in logs):
        given = found.plan.runs[name]
        record, at = ended(run), run.progress
        figures = {"perplexity": at.best_perplexity, "epochs": at.epoch or None, "epochs_total": at.epochs or None}
        known = record.model_dump() if record else {"state": "running", **figures}
        results[name] = RunResult(given=given, **known)
    return results
