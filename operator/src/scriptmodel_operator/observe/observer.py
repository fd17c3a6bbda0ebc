"""Makes a ScriptModel's view from the shared snapshot and the few reads that concern it alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scriptmodel_operator.api.marks import Mark, Owner, mark_of, ownership, parse_mark
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.pipelines import OWNED_BRANCH, corpus_branch, generate_ref, train_ref
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.naming import names_of
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Provenance, Results
from scriptmodel_operator.observe.snapshot import JOBS_PER_PIPELINE, Snapshot
from scriptmodel_operator.observe.view import CorpusView, ModelCommits, ModelView, OwnedCorpus, PipelineView
from scriptmodel_operator.pachyderm.errors import NotFoundError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    JobState,
    PipelineInfo,
    PipelineRef,
    RepoRef,
)

_LOGS_TOLD_OF = (JobState.FAILURE, JobState.KILLED)


_IMPRECISION = timedelta(minutes=1)
"""More than pachd's clock can be misjudged by."""


def _wall() -> datetime:
    return datetime.now(UTC)


class Observer:
    """Thread-safe; `view` blocks."""

    def __init__(self, gateway: Gateway, cluster: str, now: Callable[[], datetime] = _wall) -> None:
        """`now` is the time on pachd's clock."""
        self._gateway = gateway
        self._now = now
        self._cluster = cluster
        self.logs = LogFollower(gateway)
        self._results = Results(gateway)
        self._heads_lock = threading.Lock()
        self._heads: dict[BranchRef, tuple[float, CorpusView]] = {}

    def named(self, model: ScriptModel, snapshot: Snapshot) -> ScriptModel:
        """Return the object with the names of its objects in Pachyderm. Raises PachydermError where a read fails."""
        return replace(model, known_names=names_of(model, snapshot, self._cluster, self._mark))

    def view(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what Pachyderm has for `model`, which `named` returned. Raises PachydermError where a read fails."""
        owner = model.owner(self._cluster)
        train = self._pipeline(train_ref(model), model, owner, snapshot)
        generate = self._pipeline(generate_ref(model), model, owner, snapshot)
        reported = train.reported if train else None
        good = train.last_good if train else None
        owned = self._owned_corpus(model, owner, snapshot)
        written = generate.last_good if generate else None
        newest_script = generate.newest if generate and train and _has_model(train) else None
        return ModelView(
            project_exists=model.spec.pachyderm.project in snapshot.projects,
            train=train,
            generate=generate,
            retained=tuple(
                ref.output
                for ref, found in ((train_ref(model), train), (generate_ref(model), generate))
                if found is None and ref.output in snapshot.repos
            ),
            corpus=self._corpus(model, train, owned, snapshot),
            owned_corpus=owned,
            readers=self._readers(model, snapshot),
            training_log=self._log(reported),
            generation_log=self._log(newest_script),
            reported_commits=self._commits(model, reported),
            newest_script_model=self._model_of(model, newest_script),
            good_model=self._commits(model, good),
            metrics=self._results.metrics(good.ref.pipeline.output, good.ref.id) if good else None,
            script=self._results.script(written.ref.pipeline.output, written.ref.id) if written else None,
            script_commit=written.ref.id if written else None,
            script_model=self._script_model(model, written),
        )

    def _pipeline(self, ref: PipelineRef, model: ScriptModel, owner: Owner, snapshot: Snapshot) -> PipelineView | None:
        info = snapshot.pipelines.get(ref)
        if info is None:
            return None
        mark = self._mark(info)
        jobs, complete = snapshot.jobs.get(ref, ()), ref.project in snapshot.complete_projects
        listed = complete or any(job.version == info.version for job in jobs)
        if not complete and not any(job.good for job in jobs):  # the last good one may be among those left out
            jobs = tuple(self._gateway.list_pipeline_jobs(ref, JOBS_PER_PIPELINE))
        self.logs.leave(job.ref for job in jobs if job.state.final)
        as_of = snapshot.repos_of(train_ref(model)), snapshot.repos_of(generate_ref(model)), model.reconcile_at
        return PipelineView(info, mark, ownership(mark, owner), tuple(self._left(jobs, as_of)), listed)

    def _left(self, jobs: Iterable[JobInfo], as_of: object) -> Iterator[JobInfo]:
        """Pachyderm keeps the job of a commit that somebody has deleted. What is older than the newest result that is
        there does not matter."""
        rest = iter(jobs)
        for job in rest:
            if job.state.final and not self._results.has(job.ref.pipeline.output, job.ref.id, as_of):
                continue
            yield job
            if job.good:
                break
        yield from rest

    def _mark(self, info: PipelineInfo) -> Mark | None:
        """The pipeline's mark, or that of an earlier version: somebody may have replaced the whole spec."""
        mark = mark_of(info.spec.annotations)
        if mark is not None or info.version <= 1:
            return mark
        versions = self._gateway.list_pipeline_versions(info.ref)
        marks = (mark_of(version.spec.annotations) for version in versions)
        return next((mark for mark in marks if mark is not None), None)

    def _corpus(
        self, model: ScriptModel, train: PipelineView | None, owned: OwnedCorpus | None, snapshot: Snapshot
    ) -> CorpusView | None:
        branch = corpus_branch(model)
        reader = train.info if train is not None and train.info.spec.input_branch == branch else None
        if reader is not None and _is_started(reader, snapshot, self._now()):
            return None
        if owned is not None and owned.ref == branch.repo:
            found = CorpusView(branch, branch_exists=owned.head is not None, head=owned.head)
        else:
            found = self._shared_look_at(branch, snapshot)
        return replace(found, untied=reader is not None)

    def _shared_look_at(self, branch: BranchRef, snapshot: Snapshot) -> CorpusView:
        with self._heads_lock:
            started, known = self._heads.get(branch, (0.0, None))
        if known is not None and started == snapshot.started:
            return known
        found = self._look_at(branch, snapshot)
        with self._heads_lock:
            self._heads[branch] = (snapshot.started, found)
        return found

    def _look_at(self, branch: BranchRef, snapshot: Snapshot) -> CorpusView:
        if branch.repo.project not in snapshot.projects:
            return CorpusView(branch, project_exists=False, repo_exists=False, branch_exists=False)
        repo = snapshot.repos.get(branch.repo)
        if repo is None:
            return CorpusView(branch, repo_exists=False, branch_exists=False)
        try:
            head = self._gateway.branch_head(branch)
        except NotFoundError:
            return CorpusView(branch, branch_exists=False)
        pipeline = PipelineRef(branch.repo.project, branch.repo.name)
        return CorpusView(branch, head=head, maker=pipeline if pipeline in snapshot.pipelines else None)

    def _owned_corpus(self, model: ScriptModel, owner: Owner, snapshot: Snapshot) -> OwnedCorpus | None:
        ref = RepoRef(model.spec.pachyderm.project, model.names.corpus)
        repo = snapshot.repos.get(ref)
        if repo is None:
            return None
        mark = parse_mark(repo.description)
        found = ownership(mark, owner)
        if model.spec.corpus.repo is not None:
            return OwnedCorpus(ref, found, mark, readers=snapshot.readers(ref))
        head = self._head(BranchRef(ref, OWNED_BRANCH))
        small = model.spec.corpus.config_map is not None and head is not None and head.finished
        digests = self._results.digests(ref, head.id) if small and head else {}
        return OwnedCorpus(ref, found, mark, head, digests, snapshot.readers(ref))

    def _head(self, branch: BranchRef) -> CommitInfo | None:
        try:
            return self._gateway.branch_head(branch)
        except NotFoundError:
            return None

    def _readers(self, model: ScriptModel, snapshot: Snapshot) -> tuple[PipelineRef, ...]:
        own = {train_ref(model), generate_ref(model)}
        found: set[PipelineRef] = set()
        for ref in own:
            found.update(snapshot.readers(ref.output))
        return tuple(sorted(found - own))

    def _log(self, job: JobInfo | None) -> LogDigest | None:
        if job is None:
            return None
        if job.state.waiting:
            return self.logs.waiting(job.ref)
        if not job.state.final:
            return self.logs.running(job.ref)
        return self.logs.ended(job.ref) if job.state in _LOGS_TOLD_OF else self.logs.followed(job.ref)

    def _commits(self, model: ScriptModel, job: JobInfo | None) -> ModelCommits | None:
        if job is None:
            return None
        branch = self._input_of(job, corpus_branch(model).repo)
        if branch is None:
            return ModelCommits(job.ref.id, None)
        repo, commit = branch
        return ModelCommits(job.ref.id, commit, repo, self._results.commit(repo, commit))

    def _model_of(self, model: ScriptModel, job: JobInfo | None) -> str | None:
        found = self._input_of(job, train_ref(model).output) if job else None
        return found[1] if found else None

    def _script_model(self, model: ScriptModel, job: JobInfo | None) -> ModelCommits | None:
        """The model that a script was made from, and that model's corpus."""
        commit = self._model_of(model, job)
        if commit is None:
            return None
        source = _preferred(self._results.provenance(train_ref(model).output, commit), corpus_branch(model).repo)
        return ModelCommits(commit, source[1], source[0]) if source else ModelCommits(commit, None)

    def _input_of(self, job: JobInfo, repo: RepoRef) -> tuple[RepoRef, str] | None:
        return _preferred(self._results.provenance(job.ref.pipeline.output, job.ref.id), repo)


def _is_started(train: PipelineInfo, snapshot: Snapshot, now: datetime) -> bool:
    """Whether Pachyderm starts the pipeline for new data: no more once its input repo was deleted, if made anew or not.

    A pipeline is created, or updated, only where its input is, so a younger repo is another one.
    """
    repo = snapshot.repos.get(train.spec.input_branch.repo)
    if repo is None:
        return False
    if repo.created is None or train.created is None:
        return True
    return not train.created < repo.created < now + _IMPRECISION  # a clock that was put back makes nothing younger


def _has_model(train: PipelineView) -> bool:
    """Before that it does not matter what the generate job reads."""
    return train.newest is not None and train.newest.state is JobState.SUCCESS


def _preferred(provenance: Provenance, repo: RepoRef) -> tuple[RepoRef, str] | None:
    """The commit in `repo`; else, for a pipeline that once read another repo, in whichever it read."""
    return next((pair for pair in provenance if pair[0] == repo), next(iter(provenance), None))
