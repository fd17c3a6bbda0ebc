"""What is left of an object that is being deleted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from scriptmodel_operator.api.marks import Ownership
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.spec import DeletionPolicy
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.pachyderm.values import PipelineRef, RepoRef
from scriptmodel_operator.reconcile.state import Problem


@dataclass(frozen=True, slots=True)
class DeletionState:
    """`pipelines` are ours, in the order in which they can go; `repos` too."""

    blocked: Problem | None = None
    pipelines: tuple[PipelineRef, ...] = ()
    repos: tuple[RepoRef, ...] = ()
    keep_repos: bool = False

    @property
    def gone(self) -> bool:
        return self.blocked is None and not self.pipelines and not self.repos


def needs_no_pachyderm(model: ScriptModel) -> bool:
    """Orphan touches nothing, so it releases the object even where Pachyderm is gone for good."""
    return model.spec.deletion_policy is DeletionPolicy.ORPHAN


def assess_deletion(model: ScriptModel, view: ModelView) -> DeletionState:
    """What is ours goes, generate before train; what is not ours is left alone."""
    pipelines = tuple(
        seen.info.ref
        for seen in (view.generate, view.train)
        if seen is not None and seen.ownership in (Ownership.OURS, Ownership.SUCCESSOR)
    )
    if pipelines and view.readers:
        names = ", ".join(str(ref) for ref in view.readers)
        return DeletionState(
            blocked=Problem(
                Reason.DELETION_BLOCKED,
                f"pipelines outside this object read its output ({names}): delete them or point them elsewhere, "
                "or set deletionPolicy: Orphan to leave everything as it is",
            )
        )
    keep = model.spec.deletion_policy is DeletionPolicy.RETAIN
    return DeletionState(pipelines=pipelines, repos=() if keep else _own_corpus(view, pipelines), keep_repos=keep)


def _own_corpus(view: ModelView, pipelines: tuple[PipelineRef, ...]) -> tuple[RepoRef, ...]:
    """Only a repo that carries our mark, and only once nothing else reads it."""
    owned = view.owned_corpus
    if owned is None or owned.ownership not in (Ownership.OURS, Ownership.SUCCESSOR):
        return ()
    return () if set(owned.readers) - set(pipelines) else (owned.ref,)
