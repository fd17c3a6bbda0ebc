"""Decides what is deleted with an object, and what blocks its deletion. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.pachyderm.values import PipelineRef, RepoRef
from scriptmodel_operator.reconcile.state import Problem


@dataclass(frozen=True, slots=True)
class DeletionState:
    """The object's own pipelines and repos that still exist, in the order in which they can be deleted."""

    blocked: Problem | None = None
    pipelines: tuple[PipelineRef, ...] = ()
    repos: tuple[RepoRef, ...] = ()
    keep_repos: bool = False

    @property
    def gone(self) -> bool:
        return self.blocked is None and not self.pipelines and not self.repos


def needs_no_pachyderm(model: ScriptModel) -> bool:
    """Return whether the object can be released without Pachyderm: deletionPolicy Orphan changes nothing there."""
    return model.spec.deletion_policy == "Orphan"


def assess_deletion(model: ScriptModel, view: ModelView) -> DeletionState:
    """Select the object's own pipelines, generate before train, and its repos. Nothing else is deleted."""
    pipelines = tuple(seen.info.ref for seen in (view.generate, view.train) if seen is not None and seen.ownership.ours)
    keep = model.spec.deletion_policy == "Retain"
    found = () if keep else (view.owned_corpus, view.base.owned)
    repos = [repo for repo in found if repo is not None and repo.ownership.ours]
    readers = {*(view.readers if pipelines else ()), *(ref for repo in repos for ref in repo.readers)} - set(pipelines)
    if readers:
        names = ", ".join(str(ref) for ref in sorted(readers))
        return DeletionState(
            blocked=Problem(
                Reason.DELETION_BLOCKED,
                f"pipelines outside this object read its repos ({names}): delete them or point them elsewhere, "
                "or set deletionPolicy: Orphan to leave everything as it is",
            )
        )
    return DeletionState(pipelines=pipelines, repos=tuple(repo.ref for repo in repos), keep_repos=keep)
