"""Decides how the model that training starts from comes into the repo that the object owns. Pure.

Once training has a copy, the object no longer needs the source.
"""

from scriptmodel_operator.act.actions import Action, CreateRepo, ReplaceFiles
from scriptmodel_operator.act.ownership import own_repo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.base import copy_name
from scriptmodel_operator.engine.values import BranchRef, Copies
from scriptmodel_operator.observe.view import BaseSource, BaseView, ModelView

COPYING = "the base model is being copied"
_NEEDED = ("/model.json", "/metrics.json")
"""Files that each model directory has."""


def base_to_copy(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the next actions towards the base model, none if training can use what is there; or what prevents it."""
    base, source = view.base, view.base.source
    if source is None:
        return ()
    if source.circular:
        return Problem(
            Reason.BASE_INVALID,
            f"{_named(model)} starts from models of this object, so to follow it would train without end: set "
            "spec.model.from.follow to false, or use spec.training.warmStart to continue the object's own models",
        )
    problem = _problem(model, base, source)
    if problem is not None:
        return () if base.current or model.spec.training.warm_start else problem
    if source.repo is None or source.commit is None or base.current == copy_name(base.origin, source.commit):
        return ()
    own = view.refs.own_base
    owned = own_repo(model, owner, own, base.owned, "repo")
    if isinstance(owned, Problem | CreateRepo):
        return owned if isinstance(owned, Problem) else (owned,)
    copies = Copies(source.repo, source.commit, source.paths)
    return (ReplaceFiles(BranchRef(own, copy_name(base.origin, source.commit)), copies=copies),)


def _problem(model: ScriptModel, base: BaseView, source: BaseSource) -> Problem | None:
    name = _named(model)
    if source.repo is None:
        own = model.spec.model.start is not None and model.spec.model.start.script_model == model.name
        text = "is this object, which has no model yet: remove" if own else "does not exist: create it, or correct"
        return Problem(Reason.BASE_NOT_FOUND, f"{name} {text} spec.model.from")
    if source.commit is None:
        text = f"{name} has no finished model yet: training starts once it has one"
        return Problem(Reason.WAITING_FOR_BASE, text, stalled=False)
    if base.current == copy_name(base.origin, source.commit):
        return None
    missing = [path for path in _NEEDED if path not in source.paths]
    if not missing:
        return None
    text = f"{name} is not a model directory, since it has no {missing[0]}: correct spec.model.from"
    return Problem(Reason.BASE_INVALID, f"{text} (commit {short_id(source.commit)})")


def _named(model: ScriptModel) -> str:
    base = model.spec.model.start
    if base is None:
        return "the last model"
    if base.repo is not None:
        return f"base model {base.repo.project}/{base.repo.name}@{base.repo.branch}"
    return f"base ScriptModel {base.script_model} with steps in project {model.spec.pachyderm.project}"
