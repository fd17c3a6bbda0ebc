"""Decides what is put into the repo with the runs of a search, and when. Pure.

Each commit of that repo starts a round: Pachyderm trains the runs whose folder it changes, and no others. All state is
in the commits, so the operator may be killed at any call.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.search import CHECKPOINT_FILE, TRIAL_FILE, rounds
from scriptmodel_operator.observe.view import ModelView, SearchView
from scriptmodel_operator.pachyderm.values import Copies
from scriptmodel_operator.reconcile.actions import Action, CreateRepo, DeletePipeline, DeleteRepo, ReplaceFiles
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
    put, waits = _put(view, search), search.in_progress and _is_of_use(search, rounds(spec))
    return create if put is None or waits else (*create, put)


def _put(view: ModelView, search: SearchView) -> ReplaceFiles | None:
    """Return what makes the repo as planned; None if it is."""
    plan, present = search.plan, search.present
    changed = {name: given for name, given in plan.runs.items() if present.get(name) != given}
    superfluous = sorted(present.keys() - plan.runs.keys())
    if not changed and not superfluous:
        return None
    continued = [name for name in plan.todo(search.results) if name in changed and changed[name].of]
    states = [f"/{name}/{CHECKPOINT_FILE}" for name in continued]
    return ReplaceFiles(
        branch=view.refs.trials,
        files={f"/{name}/{TRIAL_FILE}": given.text() for name, given in changed.items()},
        gone=(
            *(f"/{name}/{TRIAL_FILE}" for name in superfluous),
            *(f"/{name}/{CHECKPOINT_FILE}" for name in (*superfluous, *changed)),
        ),
        copies=Copies(view.refs.train.output, search.source, states) if states else None,
    )


def _is_of_use(search: SearchView, shares: Sequence[str]) -> bool:
    """Return whether all runs in the repo are planned, and none continues a state of another spec or corpus."""
    runs, of = search.plan.runs, search.of
    return all(name in runs and given.is_of(runs[name], shares, of) for name, given in search.present.items())


def unused_search(model: ScriptModel, view: ModelView, *, finished: bool) -> tuple[Action, ...]:
    """Delete the pipeline and the repo of a search that the spec no longer has, once nothing reads them.

    The last model of the search stays until another one has `finished` and is promoted.
    """
    if view.refs.searches or not (view.select or view.owned_trials):
        return ()
    select, trials, generate = view.select, view.owned_trials, view.generate
    read = generate is not None and generate.info.spec.input_branch.repo == view.refs.select.output
    settled = finished and not (read or view.readers or promotion(model, view).held_back)
    useless = select if select and select.ownership.ours and settled else None
    pipelines = (DeletePipeline(useless.info.ref, keep_repo=False),) if useless else ()
    repos = (DeleteRepo(trials.ref),) if trials and trials.ownership.ours and not trials.readers else ()
    return (*pipelines, *repos)
