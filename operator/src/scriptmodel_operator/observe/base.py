"""Observes the model that training starts from: its source, and once there is one, the copy that the object owns.

A copy stays, whatever becomes of its source.
"""

from collections.abc import Callable
from dataclasses import replace

from scriptmodel_operator.api.marks import Owner, mark_of, ownership, parse_mark
from scriptmodel_operator.api.names import Key, pachyderm_names
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.base import base_origin, is_copy_of
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import BranchRef, PipelineRef, RepoRef, commit_of, folder_of
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.view import BaseSource, BaseView, CorpusView, ModelView, OwnedRepo


def base_view(
    model: ScriptModel,
    owner: Owner,
    observed: ModelView,
    snapshot: Snapshot,
    gateway: Gateway,
    read: Callable[[BranchRef, Snapshot], CorpusView],
    find: Callable[[Key], ScriptModel | None],
) -> BaseView:
    """Return the base model of an object observed without it. Blocking; raises EngineError where a read fails.

    Of another object of the namespace, which `find` returns, it is the model in use.
    """
    start, owned = model.spec.model.start, observed.own_base
    if start is None:
        return BaseView()
    origin, repo = base_origin(start), start.repo
    train = _train_of(start.script_model, model, owner, snapshot) if start.script_model else None
    ref = RepoRef(repo.project, repo.name) if repo else train.output if train else None
    branches = snapshot.repos[owned.ref].branches if owned and owned.ownership.ours else ()
    if copy := next((name for name in branches if is_copy_of(name, origin)), ""):
        return BaseView(origin, copy, repo=ref)
    commit, folder = None, ""
    if repo and ref:
        seen = read(BranchRef(ref, repo.branch), snapshot)
        ref = None if seen.missing else ref
        commit = seen.head.id if seen.head and seen.head.finished and not seen.head.error else None
    elif ref:
        other = find((model.namespace, start.script_model or ""))
        used = (other.previous.lineage.model if other else None) or ""
        if commit_of(used)[0] == ref:
            commit, folder = commit_of(used)[1], folder_of(used)
    source = BaseSource(ref, commit, folder)
    if ref and commit:
        paths = tuple(path for path in sorted(gateway.walk_files(ref, commit)) if path.startswith(f"{folder}/"))
        source = replace(source, paths=paths)
    return BaseView(origin, source=source, repo=ref)


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
