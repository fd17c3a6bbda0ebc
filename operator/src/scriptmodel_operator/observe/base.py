"""Observes the model that training starts from: its source, and the copies of it in the repo that the object owns.

A copy that training reads stays, whatever becomes of its source, unless the spec follows newer ones.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scriptmodel_operator.api.marks import Owner, mark_of, ownership, parse_mark
from scriptmodel_operator.api.names import Key, pachyderm_names
from scriptmodel_operator.api.network import ModelRepo
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.base import (
    base_origin,
    copied_commit,
    copy_name,
    is_copy_of,
    origin_of_branch,
    origin_of_object,
)
from scriptmodel_operator.desired.command_lines import SELECT_INPUT
from scriptmodel_operator.desired.pipelines import train_compute
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import BranchRef, JobInfo, PipelineRef, RepoRef
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.view import (
    NO_BASE,
    BaseSource,
    BaseView,
    CorpusView,
    ModelView,
    OwnedRepo,
    PipelineView,
)


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
        refs, train = observed.refs, observed.train
        origin, owned = base_origin(model), observed.base.owned
        if not origin:
            return BaseView("", owned) if owned else NO_BASE
        branches = snapshot.repos[owned.ref].branches if owned and owned.ownership.ours else ()
        copies = tuple(sorted(name for name in branches if is_copy_of(name, origin)))
        read = train.info.spec.input.base if train else None
        current = read.name if read and read.name in copies else ""
        if model.spec.training.warm_start:
            now = replace(refs, base=BranchRef(refs.own_base, current) if current else None)
            found = BaseView(origin, owned, current, self._warm_source(model, now, observed), refs.model.repo)
        else:
            start = BaseView(origin, owned, current or next(iter(copies), ""))
            found = self._of_others(model, owner, refs, snapshot, start, copies)
        return self._with_files(found, copies)

    def _with_files(self, view: BaseView, copies: tuple[str, ...]) -> BaseView:
        """Return the view with the newest copy as current, or with the files of the commit to copy."""
        source = view.source
        if source is None or source.repo is None or source.commit is None:
            return view
        name = copy_name(view.origin, source.commit)
        if name in copies:
            return replace(view, current=name)
        paths = tuple(sorted(self.gateway.walk_files(source.repo, source.commit)))
        return replace(view, source=replace(source, paths=paths))

    def _of_others(
        self,
        model: ScriptModel,
        owner: Owner,
        refs: References,
        snapshot: Snapshot,
        view: BaseView,
        copies: tuple[str, ...],
    ) -> BaseView:
        """Return the view with the source in another repo, which is read only if it has to be copied."""
        base = model.spec.model.start
        repo = base.repo if base else None
        train = _train_of(base.script_model or "", model, owner, snapshot) if base else None
        ref = RepoRef(repo.project, repo.name) if repo else train.output if train else None
        view = replace(view, repo=ref)
        if view.current and not model.spec.model.follows:
            return view
        if model.spec.model.follows and _is_circular(model, ref, refs, snapshot):
            return replace(view, source=BaseSource(ref, circular=True))
        if repo is not None:
            return replace(view, source=self._in_repo(repo, snapshot))
        other = self.find((model.namespace, base.script_model or "")) if base else None
        start = _in_use(other) if other else ""
        return replace(view, source=self._of_pipeline(train, snapshot, view, copies, start))

    def _of_pipeline(
        self, train: PipelineRef | None, snapshot: Snapshot, view: BaseView, copies: tuple[str, ...], start: str
    ) -> BaseSource:
        """Return the model `start` of a pipeline, else its newest, unless the current copy is of a newer one.

        While a pipeline is being deleted, its newest jobs may be gone before the others. A pipeline that was created
        again, or that selects from a search, never had the job of the current copy.
        """
        seen = self.pipeline(train, snapshot) if train else None
        if seen is None:
            return BaseSource(None)
        good = _start(seen, start)
        newest, copied = seen.computed(good).ref.id if good else None, copied_commit(view.current)
        jobs = [job.ref.id for job in seen.jobs]
        if copied in jobs and newest:
            older = jobs.index(newest) > jobs.index(copied)
        else:
            copy = copy_name(view.origin, newest or "")
            older = copy in copies and self._copied_at(view, copy) <= self._copied_at(view, view.current)
        return BaseSource(seen.info.ref.output, copied if older and copied else newest)

    def _copied_at(self, view: BaseView, copy: str) -> datetime:
        """Return when a copy was made; that of one in progress is later than any other."""
        head = self.gateway.branch_head(BranchRef(view.owned.ref, copy)) if view.owned else None
        return head.finished_at if head and head.finished_at else datetime.max.replace(tzinfo=UTC)

    def _warm_source(self, model: ScriptModel, refs: References, observed: ModelView) -> BaseSource | None:
        """Return the object's own model, if it has the network of the spec and the corpus has a newer commit."""
        train, reported, good = observed.train, observed.models.reported, observed.models.good
        if train is None or reported is None or good is None:
            return None
        newest, start = train.newest, _start(train, _in_use(model))
        learned = good.corpus == reported.corpus or newest is None or newest.ref.id != reported.model
        if learned or start is None or not self._is_of_network(model, start, train, refs):
            return None
        return BaseSource(refs.model.repo, train.computed(start).ref.id)

    def _is_of_network(self, model: ScriptModel, job: JobInfo, train: PipelineView, refs: References) -> bool:
        """Return whether the pipeline version of a job trained the network of the spec, from any base."""
        mark = train.mark
        if job.version != train.info.version:
            versions = self.gateway.list_pipeline_versions(train.info.ref)
            before = next((each.spec for each in versions if each.version == job.version), None)
            mark = mark_of(before.annotations) if before else None
            refs = replace(refs, base=before.input.base if before else None)
        return mark is not None and mark.compute == train_compute(model, refs)

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
    if info is None or not ours:
        return None
    return PipelineRef(project, names["select"]) if info.spec.input.trials else info.ref


def _is_circular(model: ScriptModel, source: RepoRef | None, refs: References, snapshot: Snapshot) -> bool:
    """Return whether a base has models of the object itself, or of a pipeline that starts from such models.

    `source` is None where the base does not exist.
    """
    base = model.spec.model.start
    if source in (refs.train.output, refs.select.output, refs.own_base) or (base and base.script_model == model.name):
        return True
    if source is None:
        return False
    info = snapshot.pipelines.get(PipelineRef(source.project, source.name))
    if info and info.spec.input.name == SELECT_INPUT:  # its models are those of a train pipeline
        made = info.spec.input.branch.repo
        info = snapshot.pipelines.get(PipelineRef(made.project, made.name))
    mark, read = (mark_of(info.spec.annotations), info.spec.input.base) if info else (None, None)
    if mark is None or read is None:
        return False
    by_name = mark.owner.namespace == model.namespace and is_copy_of(read.name, origin_of_object(model.name))
    return by_name or is_copy_of(read.name, origin_of_branch(refs.model))


def _in_use(model: ScriptModel) -> str:
    """Return the commit of the model in use; empty before the first one, and where that is the newest."""
    used = model.previous.lineage.model if model.spec.training.only_if_better else None
    return used.partition("@")[2] if used else ""


def _start(train: PipelineView, commit: str) -> JobInfo | None:
    """Return the job that made the model to start from: that of a commit, else the newest."""
    return next((job for job in train.jobs if job.ref.id == commit), train.last_good)
