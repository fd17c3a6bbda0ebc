"""Decides what is deleted with an object, and what blocks its deletion. Pure."""

from __future__ import annotations

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.actions import Action, DeletePipeline, DeleteRepo


def plan_deletion(model: ScriptModel, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that delete the object's own pipelines and repos, none once all are gone; or what blocks them.

    Pipelines come before repos, and generate before those from which it reads. Nothing else is deleted.
    """
    pipelines = [seen.info.ref for seen in reversed(view.own)]
    keep = model.spec.deletion_policy == "Retain"
    found = () if keep else (view.owned_corpus, view.owned_trials, view.base.owned)
    repos = [repo for repo in found if repo is not None and repo.ownership.ours]
    readers = {*(view.readers if pipelines else ()), *(ref for repo in repos for ref in repo.readers)} - set(pipelines)
    if readers:
        names = ", ".join(str(ref) for ref in sorted(readers))
        return Problem(
            Reason.DELETION_BLOCKED,
            f"pipelines outside this object read its repos ({names}): delete them or point them elsewhere, "
            "or set deletionPolicy: Orphan to leave everything as it is",
        )
    return (*(DeletePipeline(ref, keep) for ref in pipelines), *(DeleteRepo(repo.ref) for repo in repos))
