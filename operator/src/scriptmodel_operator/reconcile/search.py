"""Decides what is put into the repo with the runs of a search, and when; describes how far the search is. Pure.

A commit of that repo starts a job, which trains the runs whose folder it changes, and no others. All state is in the
commits, so the operator may be killed at any call.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from scriptmodel_operator.act.actions import Action, own_repo, put_files
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.search import ended
from scriptmodel_operator.observe.view import ModelView, SearchView
from scriptmodel_operator.search.declared import TOP_TRIALS, SearchStatus, TrialStatus, best_trial
from scriptmodel_operator.search.trials import STATES, TRIAL_FILE, RunResult, Standing, standings

_LEAST_WORK = 0.02
"""Work that must be done before an estimate of the rest is worth anything."""


def runs_to_put(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that start the runs, none if there is nothing to start; or what prevents it."""
    search = view.search
    if search is None:
        return ()
    own = own_repo(model, owner, view.refs.own_trials, view.own_trials, "repo")
    if isinstance(own, Problem):
        return own
    create = (own,) if own else ()
    planned, present = search.plan.runs, search.present
    # Trials that are added wait for a job in progress, if all that it trains is planned.
    if search.in_progress and all(planned.get(name) == given for name, given in present.items()):
        return create
    changed = {f"/{name}/{TRIAL_FILE}": given.text() for name, given in planned.items() if present.get(name) != given}
    gone = tuple(f"/{name}/{TRIAL_FILE}" for name in sorted(present.keys() - planned.keys()))
    return (*create, put_files(view.refs.trials, changed, gone)) if changed or gone else create


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
    search, found = model.spec.search, view.search
    if search is None or found is None:
        return None
    train, plan = view.train, found.plan
    # Another job trains what is no longer planned.
    job = train.running if train and found.in_progress and train.running == train.newest else None
    logs = train.log.runs if job and train and train.log else {}
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
