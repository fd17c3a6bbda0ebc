"""Decides whether an object may use a repo or pipeline with a name of its own. Pure."""

from scriptmodel_operator.act.actions import CreateRepo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.marks import Mark, Owner, Ownership, marked
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.values import RepoRef
from scriptmodel_operator.observe.view import OwnedRepo


def own_repo(
    model: ScriptModel, owner: Owner, ref: RepoRef, owned: OwnedRepo | None, what: str, effect: str = ""
) -> OwnedRepo | CreateRepo | Problem:
    """Return a repo if it is the object's own, else what makes it so, or what prevents that.

    `effect` says what taking it over does besides.
    """
    if owned is not None and owned.ownership.ours:
        return owned
    if owned is None or model.may_write(owned.ownership):
        return CreateRepo(ref, marked(Mark(owner), owned.description if owned else ""), adopt=owned is not None)
    return conflict(model, f"{what} {ref}", owned.ownership, owned.mark, effect)


def conflict(model: ScriptModel, what: str, found: Ownership, mark: Mark | None, effect: str = "") -> Problem:
    """Say who owns `what` and what to do. It must not reveal names of other namespaces."""
    if found is not Ownership.FOREIGN or mark is None:
        text = "was not created by this operator: delete it, or annotate this object with scriptmodel.dev/adopt=true"
        return Problem(Reason.NAME_CONFLICT, f"{what} {text} to take it over{effect}")
    if (mark.owner.namespace, mark.owner.name) == model.key:
        text = f"belongs to ScriptModel {model} of another cluster: give the operator the --cluster-id of that one"
        return Problem(Reason.NAME_CONFLICT, f"{what} {text}, or delete it")
    near = mark.owner.namespace == model.namespace
    whose = f"ScriptModel {mark.owner}" if near else "a ScriptModel of another namespace"
    text = f"{what} belongs to {whose} and is never taken over: delete it or rename this object"
    return Problem(Reason.NAME_CONFLICT, text)
