"""Decides what is put into the repo with the runs of a search, and when. Pure.

Each commit of that repo starts a round: Pachyderm trains the runs whose folder it changes, and no others. All state is
in the commits, so the operator may be killed at any call.
"""

from collections.abc import Iterator

from scriptmodel_operator.act.actions import Action, CreateRepo, ReplaceFiles
from scriptmodel_operator.act.ownership import own_repo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.values import Copies
from scriptmodel_operator.observe.search import SearchView
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.search.trials import CHECKPOINT_FILE, TRIAL_FILE, rounds


def runs_to_put(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that start the next round, none if there is nothing to start; or what prevents it."""
    search, spec = view.runs, model.spec.search
    if not isinstance(search, SearchView) or spec is None:
        return ()
    owned = own_repo(model, owner, view.refs.own_trials, view.owned.trials, "repo")
    if isinstance(owned, Problem):
        return owned
    create = (owned,) if isinstance(owned, CreateRepo) else ()
    runs, shares = search.plan.runs, rounds(spec)
    # A round in progress ends first if all that it trains is planned, and is of this spec and corpus.
    useful = all(name in runs and given.is_of(runs[name], shares, search.of) for name, given in search.present.items())
    return create if search.in_progress and useful else (*create, *_put(view, search))


def _put(view: ModelView, search: SearchView) -> Iterator[ReplaceFiles]:
    """Yield the commit that makes the repo match the plan, if it differs."""
    plan, present = search.plan, search.present
    changed = {name: given for name, given in plan.runs.items() if present.get(name) != given}
    superfluous = sorted(present.keys() - plan.runs.keys())
    continued = [name for name in plan.todo(search.results) if name in changed and changed[name].of]
    states = [f"/{name}/{CHECKPOINT_FILE}" for name in continued]
    gone = [f"/{name}/{TRIAL_FILE}" for name in superfluous]
    gone += [f"/{name}/{CHECKPOINT_FILE}" for name in (*superfluous, *changed)]
    if changed or superfluous:
        yield ReplaceFiles(
            branch=view.refs.trials,
            files={f"/{name}/{TRIAL_FILE}": given.text() for name, given in changed.items()},
            gone=tuple(gone),
            copies=Copies(view.refs.train.output, search.commit, states) if states else None,
        )
