"""Decides what is deleted with an object, and what blocks its deletion. Pure."""

from scriptmodel_operator.act.actions import Action, DeletePipeline, DeleteRepo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.observe.view import ModelView


def plan_deletion(model: ScriptModel, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that delete the object's own pipelines and repos, none once all are gone; or what blocks them.

    Pipelines come before repos, and generate before those from which it reads. Nothing else is deleted.
    """
    pipelines = [seen.info.ref for seen in reversed(view.own)]
    keep = model.spec.deletion_policy == "Retain"
    found = () if keep else (view.owned.corpus, view.owned.trials, view.base.owned)
    repos = [repo for repo in found if repo is not None and repo.ownership.ours]
    found_readers = [view.owned.readers if pipelines else {}, *(repo.readers for repo in repos)]
    readers = {ref: owner for found in found_readers for ref, owner in found.items() if ref not in pipelines}
    if readers:
        names = [str(ref) for ref in sorted(readers) if readers[ref] in ("", model.namespace)]
        hidden = len(readers) - len(names)  # names of other namespaces must not be revealed
        names += [f"{hidden} of other namespaces"] if hidden else []
        return Problem(
            Reason.DELETION_BLOCKED,
            f"other pipelines or ScriptModels read its outputs ({', '.join(names)}): delete them or point them "
            "elsewhere, or set deletionPolicy: Orphan to leave everything as it is",
        )
    return (*(DeletePipeline(ref, keep) for ref in pipelines), *(DeleteRepo(repo.ref) for repo in repos))
