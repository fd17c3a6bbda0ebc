"""Observes the model that training starts from: its source, and once there is one, the copy that the object owns.

A copy stays, whatever becomes of its source.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scriptmodel_operator.api.marks import Owner, mark_of, ownership, parse_mark
from scriptmodel_operator.api.names import Key, pachyderm_names
from scriptmodel_operator.api.network import Base, ModelRepo
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.base import base_origin, is_copy_of
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import BranchRef, PipelineRef, RepoRef, commit_of, folder_of
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.view import BaseSource, BaseView, CorpusView, ModelView, OwnedRepo, PipelineView


@dataclass(frozen=True, slots=True)
class Bases:
    """Builds the view of a base model. Blocking."""

    gateway: Gateway
    head: Callable[[BranchRef, Snapshot], CorpusView]
    pipeline: Callable[[PipelineRef, Snapshot], PipelineView | None]
    find: Callable[[Key], ScriptModel | None]
    """Returns another object, if it exists and is valid."""

    def view(self, model: ScriptModel, owner: Owner, observed: ModelView, snapshot: Snapshot) -> BaseView:
        """Return the base model of an object observed without it. Raises EngineError where a read fails."""
        start, owned = model.spec.model.start, observed.own_base
        if start is None:
            return BaseView()
        origin, repo = base_origin(start), start.repo
        train = None if repo else _train_of(start.script_model or "", model, owner, snapshot)
        ref = RepoRef(repo.project, repo.name) if repo else train.output if train else None
        branches = snapshot.repos[owned.ref].branches if owned and owned.ownership.ours else ()
        if copy := next((name for name in branches if is_copy_of(name, origin)), ""):
            return BaseView(origin, copy, repo=ref)
        source = self._in_repo(repo, snapshot) if repo else self._of_pipeline(train, start, model, snapshot)
        if source.repo is not None and source.commit is not None:
            files = sorted(self.gateway.walk_files(source.repo, source.commit))
            source = replace(source, paths=tuple(path for path in files if path.startswith(f"{source.folder}/")))
        return BaseView(origin, source=source, repo=ref)

    def _of_pipeline(
        self, train: PipelineRef | None, start: Base, model: ScriptModel, snapshot: Snapshot
    ) -> BaseSource:
        """Return the model in use of another object, else its newest."""
        seen = self.pipeline(train, snapshot) if train else None
        if seen is None:
            return BaseSource(None)
        other = self.find((model.namespace, start.script_model or ""))
        used = (other.previous.lineage.model if other else None) or ""
        folder, searches = folder_of(used), seen.info.spec.input.trials is not None
        kept = commit_of(used)[1] if folder or (other and other.spec.training.only_if_better) else ""
        good = next((job for job in seen.jobs if job.ref.id == kept), None if searches else seen.last_good)
        made = good if folder or not good else seen.computed(good)
        return BaseSource(seen.info.ref.output, made.ref.id if made else None, folder if made else "")

    def _in_repo(self, repo: ModelRepo, snapshot: Snapshot) -> BaseSource:
        ref = RepoRef(repo.project, repo.name)
        seen = self.head(BranchRef(ref, repo.branch), snapshot)
        if seen.missing:
            return BaseSource(None)
        usable = seen.head is not None and seen.head.finished and not seen.head.error
        return BaseSource(ref, seen.head.id if seen.head and usable else None)


def owned_repo(ref: RepoRef, owner: Owner, snapshot: Snapshot) -> OwnedRepo | None:
    """Return the existing repo of that name, with who owns and who reads it."""
    repo = snapshot.repos.get(ref)
    if repo is None:
        return None
    mark = parse_mark(repo.description)
    return OwnedRepo(ref, ownership(mark, owner), mark, repo.description, snapshot.readers(ref))


def _train_of(name: str, model: ScriptModel, owner: Owner, snapshot: Snapshot) -> PipelineRef | None:
    """Return the pipeline that makes the models of another ScriptModel of the namespace, in this project, if any."""
    project = model.spec.pachyderm.project
    names = pachyderm_names(model.namespace, name, project)
    info = snapshot.pipelines.get(PipelineRef(project, names["train"]))
    mark = mark_of(info.spec.annotations) if info else None
    ours = mark is not None and mark.owner == replace(owner, name=name, uid=mark.owner.uid)
    return info.ref if info and ours else None
