"""Decides how the model that training starts from is copied into the repo that the object owns, once. Pure.

Once training has a copy, the object no longer needs the source.
"""

from scriptmodel_operator.act.actions import Action, CreateRepo, ReplaceFiles
from scriptmodel_operator.act.ownership import own_repo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.network import Base
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.base import copy_name
from scriptmodel_operator.engine.values import BranchRef, Copies
from scriptmodel_operator.observe.view import ModelView

COPYING = "the base model is being copied"
_NEEDED = ("/model.json", "/metrics.json")
"""Files that each model directory has."""


def base_to_copy(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the next action towards the base model, none once there is a copy; or what prevents it."""
    base, source, start = view.base, view.base.source, model.spec.model.start
    if source is None or start is None:
        return ()
    name = _named(start, model)
    if source.repo is None:
        own = start.script_model == model.name
        text = "is this object, which has no model yet: remove" if own else "does not exist: create it, or correct"
        return Problem(Reason.BASE_NOT_FOUND, f"{name} {text} spec.model.from")
    if source.commit is None:
        text = f"{name} has no finished model yet: training starts once it has one"
        return Problem(Reason.WAITING_FOR_BASE, text, stalled=False)
    if missing := [path for path in _NEEDED if source.folder + path not in source.paths]:
        text = f"{name} is not a model directory, since it has no {missing[0]}: correct spec.model.from"
        return Problem(Reason.BASE_INVALID, f"{text} (commit {short_id(source.commit)})")
    owned = own_repo(model, owner, view.refs.own_base, base.owned, "repo")
    if isinstance(owned, Problem | CreateRepo):
        return owned if isinstance(owned, Problem) else (owned,)
    copy = BranchRef(owned.ref, copy_name(base.origin, source.commit))
    return (ReplaceFiles(copy, copies=Copies(source.repo, source.commit, source.paths)),)


def _named(base: Base, model: ScriptModel) -> str:
    if base.repo is not None:
        return f"base model {base.repo.project}/{base.repo.name}@{base.repo.branch}"
    return f"base ScriptModel {base.script_model} with steps in project {model.spec.pachyderm.project}"
