"""Decides what is put into the repo with the runs of a search, and when. Pure.

A commit of that repo starts a job, which trains the runs whose folder it changes, and no others. All state is in the
commits, so the operator may be killed at any call.
"""

from collections.abc import Iterator

from scriptmodel_operator.act.actions import Action, CreateRepo, ReplaceFiles
from scriptmodel_operator.act.ownership import own_repo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.search import SearchView
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.search.trials import TRIAL_FILE


def runs_to_put(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that start the runs, none if there is nothing to start; or what prevents it."""
    search = view.runs
    if not isinstance(search, SearchView):
        return ()
    owned = own_repo(model, owner, view.refs.own_trials, view.owned.trials, "repo")
    if isinstance(owned, Problem):
        return owned
    create = (owned,) if isinstance(owned, CreateRepo) else ()
    # Trials that are added wait for a job in progress, if all that it trains is planned.
    useful = search.in_progress and all(search.plan.runs.get(name) == given for name, given in search.present.items())
    return create if useful else (*create, *_put(view, search))


def _put(view: ModelView, search: SearchView) -> Iterator[ReplaceFiles]:
    """Yield the commit that makes the repo match the plan, if it differs."""
    planned, present = search.plan.runs, search.present
    changed = {f"/{name}/{TRIAL_FILE}": given.text() for name, given in planned.items() if present.get(name) != given}
    gone = tuple(f"/{name}/{TRIAL_FILE}" for name in sorted(present.keys() - planned.keys()))
    if changed or gone:
        yield ReplaceFiles(branch=view.refs.trials, files=changed, gone=gone)
