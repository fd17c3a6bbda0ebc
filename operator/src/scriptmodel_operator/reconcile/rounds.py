"""Decides what is put into the repo with the runs of a search, and when. Pure.

Each commit of that repo starts a round: Pachyderm trains the runs whose folder it changes, and no others. All state is
in the commits, so the operator may be killed at any call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.search import CHECKPOINT_FILE, TRIAL_FILE, rounds
from scriptmodel_operator.observe.view import ModelView, SearchView
from scriptmodel_operator.pachyderm.values import Copies
from scriptmodel_operator.reconcile.actions import Action, CreateRepo, DeletePipeline, DeleteRepo, PutRuns
from scriptmodel_operator.reconcile.blockers import own_repo
from scriptmodel_operator.reconcile.promotion import promotion


def runs_to_put(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that start the next round, none if there is nothing to start; or what prevents it."""
    search, spec = view.search, model.spec.search
    if search is None or spec is None:
        return ()
    owned = own_repo(model, owner, view.refs.own_trials, view.owned_trials, "repo")
    if isinstance(owned, Problem):
        return owned
    create = (owned,) if isinstance(owned, CreateRepo) else ()
    put = _put(view, search)
    if put is None or (_in_progress(view, search) and not _is_obsolete(search, rounds(spec))):
        return create
    return (*create, put)


def starting(view: ModelView) -> str:
    """Return what is said while a round is started."""
    return f"{view.search.plan.title} is being started" if view.search else ""


def _put(view: ModelView, search: SearchView) -> PutRuns | None:
    """Return what makes the repo as planned; None if it is."""
    plan, present = search.plan, search.present
    changed = {name: given for name, given in plan.runs.items() if present.get(name) != given}
    superfluous = sorted(present.keys() - plan.runs.keys())
    if not changed and not superfluous:
        return None
    continued = [name for name in plan.todo(search.results) if name in changed and changed[name].of]
    return PutRuns(
        branch=view.refs.trials,
        files={f"/{name}/{TRIAL_FILE}": given.text() for name, given in changed.items()},
        gone=(*_files(superfluous, TRIAL_FILE), *_files([*superfluous, *changed], CHECKPOINT_FILE)),
        copies=Copies(view.refs.train.output, search.source, _files(continued, CHECKPOINT_FILE)),
        purpose=plan.title,
    )


def _files(runs: Iterable[str], name: str) -> tuple[str, ...]:
    return tuple(f"/{run}/{name}" for run in runs)


def _in_progress(view: ModelView, search: SearchView) -> bool:
    """Return whether a job trains what is in the repo."""
    job = view.train.newest if view.train else None
    return job is not None and not job.state.final and search.newest is not None and search.newest.trials == search.head


def _is_obsolete(search: SearchView, shares: Sequence[str]) -> bool:
    """Return whether a round in progress is of no use: a run in it is no longer planned, or continues a state of
    another spec or corpus.
    """
    planned = search.plan.runs
    return any(
        name not in planned or not given.is_of(planned[name], shares, search.of)
        for name, given in search.present.items()
    )


def unused_search(model: ScriptModel, view: ModelView, *, finished: bool) -> tuple[Action, ...]:
    """Delete the pipeline and the repo of a search that the spec no longer has, once nothing reads them.

    The last model of the search stays until another one has `finished` and is promoted.
    """
    if view.refs.searches or not (view.select or view.owned_trials):
        return ()
    settled = finished and not promotion(model, view).held_back
    select, trials, generate = view.select, view.owned_trials, view.generate
    read = bool(view.readers) or (
        generate is not None and generate.info.spec.input_branch.repo == view.refs.select.output
    )
    pipelines: tuple[Action, ...] = ()
    if select and select.ownership.ours and settled and not read:
        pipelines = (DeletePipeline(select.info.ref, keep_repo=False),)
    repos = (DeleteRepo(trials.ref),) if trials and trials.ownership.ours and not trials.readers else ()
    return (*pipelines, *repos)
