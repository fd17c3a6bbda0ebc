"""Observes a search: its runs, the results of the newest job for the current spec and corpus, and the plan.

A run without a valid record has failed.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import model_validator

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.pipelines import retraining, train_compute
from scriptmodel_operator.engine.values import RepoRef
from scriptmodel_operator.observe.lineage import Lineages, mark_of_job
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Place, Results
from scriptmodel_operator.observe.view import ModelView, SearchView
from scriptmodel_operator.search.trials import TRIAL_FILE, Figures, RunInput, RunResult, plan

_MAX_TRIAL = 1024 * 1024
_LEAST = {"value": 1e-9, "perplexity": 1.0}
"""Lower bounds of the figures of a run. Only a model that is certain of each word has perplexity 1."""


class TrialRecord(Figures):
    """trial.json in the output of a run of a search, and the event `trial` at its end."""

    state: Literal["complete", "failed"]

    @model_validator(mode="before")
    @classmethod
    def _without_impossible_figures(cls, data: Any) -> Any:
        """Fail a run with impossible figures, which would win."""
        known = data if isinstance(data, dict) else {}
        for name, least in _LEAST.items():
            value = known.get(name)
            if known.get("state") != "failed" and isinstance(value, int | float) and not value >= least:
                message = f"it reports {name} {value:g}, which no model reaches; is the image a trainer's?"
                return {"state": "failed", "reason": "error", "message": message}
        return data


def search_view(lineages: Lineages, model: ScriptModel, view: ModelView) -> SearchView | None:
    """Return the search of an object that was observed without it; None if it has none.

    Blocking; raises EngineError where a read fails.
    """
    search, refs, train, owned = model.spec.search, view.refs, view.train, view.own_trials
    if search is None:
        return None
    results, newest = lineages.results, lineages.read_by(train.newest) if train and train.newest else None
    compute, retrain = train_compute(model, refs), retraining(model, train.mark if train else None)
    good = train.last_good if train else None
    mark = mark_of_job(results.gateway, train, good) if train and good else None
    made = lineages.read_by(good) if good and mark and (mark.compute, mark.retrain_at) == (compute, retrain) else None
    found: Mapping[str, RunResult] = {}
    if made and newest and made.trials and made.corpus == newest.corpus:
        found = outcomes(results, (refs.own_trials, made.trials), (made.repo, made.model))
    head = owned.head.id if owned and owned.ownership.ours and owned.head else ""
    return SearchView(
        plan=plan(search, model.spec.model.seed, found),
        results=found,
        commit=made.model if made and found else "",
        present=inputs(results, refs.own_trials, head) if head else {},
        newest=newest,
        in_progress=bool(newest and newest.trials == head and train and train.newest and not train.newest.state.final),
    )


def ended(log: LogDigest) -> TrialRecord | None:
    """Return what a run has logged of its end; None before it."""
    with suppress(ValueError):
        return TrialRecord.model_validate(log.ended) if log.ended else None
    return None


def inputs(results: Results, repo: RepoRef, commit: str) -> Mapping[str, RunInput]:
    """Return what each run in a commit trains, by folder; files of others are skipped."""

    def read() -> Mapping[str, RunInput]:
        found = {}
        for name, content in _trial_files(results, repo, commit).items():
            with suppress(ValueError):
                found[name] = RunInput.model_validate_json(content)
        return found

    return results.cached("inputs", repo, commit, read)


def outcomes(results: Results, trials: Place, output: Place) -> Mapping[str, RunResult]:
    """Return the results of a train job, which read `trials` and wrote `output`, by the folder of the run."""

    def read() -> Mapping[str, RunResult]:
        records = _trial_files(results, *output)
        return {name: _result(records.get(name, b""), given, name) for name, given in inputs(results, *trials).items()}

    return results.cached("runs", *output, read)


def _trial_files(results: Results, repo: RepoRef, commit: str) -> Mapping[str, bytes]:
    """Return the trial.json of each folder, sorted by folder."""
    found = results.gateway.read_files(repo, commit, f"/*/{TRIAL_FILE}", _MAX_TRIAL)
    return dict(sorted((path.split("/")[1], content) for path, content in found.items()))


def _result(record: bytes, given: RunInput, folder: str) -> RunResult:
    try:
        return RunResult(given=given, **TrialRecord.model_validate_json(record).model_dump())
    except ValueError:
        message = f"/{folder}/{TRIAL_FILE} has no valid record of the run; is the image a trainer's?"
        return RunResult(given=given, state="failed", reason="error", message=message)
