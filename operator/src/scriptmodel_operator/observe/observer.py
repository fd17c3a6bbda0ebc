"""Builds a ScriptModel's view from the shared snapshot and the few reads that only it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scriptmodel_operator.api.marks import Mark, Owner, mark_of, ownership
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.pipelines import QUEUE_LABEL
from scriptmodel_operator.desired.references import References, references
from scriptmodel_operator.observe.base import Bases, owned_repo
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Provenance, Results
from scriptmodel_operator.observe.snapshot import JOBS_PER_PIPELINE, Snapshot
from scriptmodel_operator.observe.view import (
    BaseView,
    CorpusView,
    ModelCommits,
    ModelView,
    OwnedRepo,
    PipelineView,
    QueueView,
    WrittenScript,
)
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

_LOGS_REPORTED = (JobState.FAILURE, JobState.KILLED)


_IMPRECISION = timedelta(minutes=1)
"""An upper bound of the error in the estimate of pachd's clock."""


def _wall() -> datetime:
    return datetime.now(UTC)


class Observer:
    """Observes one ScriptModel at a time. Thread-safe; blocking."""

    def __init__(
        self,
        gateway: Gateway,
        cluster: str,
        now: Callable[[], datetime] = _wall,
        objects: Callable[[], int] = lambda: 1,
        promoted: Callable[[Key], str] = lambda _key: "",
    ) -> None:
        """Return an observer; `now` returns the time on pachd's clock, `objects` how many are observed, and `promoted`
        the `promoted_model` of an object.
        """
        self._gateway = gateway
        self._now = now
        self._cluster = cluster
        self.logs = LogFollower(gateway)
        self._results = Results(gateway, objects)
        self._bases = Bases(gateway, self._cached_corpus, self._others_pipeline, promoted)
        self._heads: tuple[float, dict[BranchRef, CorpusView]] = (0.0, {})
        """The start of a snapshot, and the corpora that were read since."""

    def owned(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what the object owns, which is all that deletion and suspension need: it reads no commit and no file.

        Raises PachydermError where a read fails.
        """
        owner, refs = model.owner(self._cluster), references(model)
        return ModelView(
            refs=refs,
            project_exists=model.spec.pachyderm.project in snapshot.projects,
            train=self._owned_pipeline(refs.train, owner, snapshot),
            generate=self._owned_pipeline(refs.generate, owner, snapshot),
            owned_corpus=owned_repo(refs.own_corpus, owner, snapshot),
            base=BaseView("", owned_repo(refs.own_base, owner, snapshot)),
            readers=self._readers(refs, snapshot),
        )

    def _owned_pipeline(self, ref: PipelineRef, owner: Owner, snapshot: Snapshot) -> PipelineView | None:
        info = snapshot.pipelines.get(ref)
        if info is None:
            return None
        mark = self._mark(info)
        return PipelineView(info, mark, ownership(mark, owner), snapshot.jobs.get(ref, ()))

    def view(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what Pachyderm has for `model`. Raises PachydermError where a read fails."""
        found = self.owned(model, snapshot)
        refs = found.refs
        repos = snapshot.repos_of(refs.train), snapshot.repos_of(refs.generate), model.reconcile_at
        train = self._with_jobs(found.train, snapshot, repos)
        generate = self._with_jobs(found.generate, snapshot, repos)
        reported = train.reported if train else None
        good = train.last_good if train else None
        owned = self._owned_corpus(model, refs, found.owned_corpus)
        written = generate.last_good if generate else None
        # Before the newest train job has made a model, it does not matter what the generate job reads.
        trained = train.newest is not None and train.newest.state is JobState.SUCCESS if train else False
        writer = generate.newest if generate and trained else None
        observed = replace(
            found,
            train=train,
            generate=generate,
            queue=_queue(train),
            retained=tuple(
                ref.output
                for ref, seen in ((refs.train, train), (refs.generate, generate))
                if seen is None and ref.output in snapshot.repos
            ),
            corpus=self._corpus(refs.corpus, train, owned, snapshot),
            owned_corpus=owned,
            training_log=self._log(reported),
            generation_log=self._log(writer),
            reported_commits=self._commits(refs, reported, snapshot),
            model_read=self._model_of(refs, writer.ref.id) if writer else None,
            good_model=self._commits(refs, good, snapshot),
            metrics=self._results.metrics(good.ref.pipeline.output, good.ref.id) if good else None,
            newest_script=self._script(refs, written.ref.id, snapshot) if written else None,
            kept_script=self._kept_script(model, refs, written, snapshot, repos),
        )
        base = self._bases.view(model, model.owner(self._cluster), observed, snapshot)
        if base.current:
            refs = replace(refs, base=BranchRef(refs.own_base, base.current))
        return replace(observed, refs=refs, base=base)

    def _others_pipeline(self, ref: PipelineRef, snapshot: Snapshot) -> PipelineView | None:
        """Return the train pipeline of another ScriptModel, whose model is a base."""
        info = snapshot.pipelines.get(ref)
        mark = mark_of(info.spec.annotations) if info else None
        seen = self._owned_pipeline(ref, mark.owner, snapshot) if mark else None
        return self._with_jobs(seen, snapshot, snapshot.repos_of(ref))

    def _with_jobs(self, seen: PipelineView | None, snapshot: Snapshot, as_of: object) -> PipelineView | None:
        """Return a pipeline with the jobs that matter, whose commits exist; reads those missing from the snapshot."""
        if seen is None:
            return None
        ref, jobs = seen.info.ref, seen.jobs
        complete = ref.project in snapshot.complete_projects
        listed = complete or any(job.version == seen.info.version for job in jobs)
        if not complete and not any(job.good for job in jobs):  # the last good one may be missing from the list
            jobs = tuple(self._gateway.list_pipeline_jobs(ref, JOBS_PER_PIPELINE))
        self.logs.leave(job.ref for job in jobs if job.state.final)
        return replace(seen, jobs=tuple(self._existing(jobs, as_of)), listed=listed)

    def _existing(self, jobs: Iterable[JobInfo], as_of: object) -> Iterator[JobInfo]:
        """Yield the jobs without those whose commit somebody has deleted, which Pachyderm keeps.

        Jobs older than the newest existing result do not matter, so they are not checked.
        """
        rest = iter(jobs)
        for job in rest:
            if job.state.final and not self._results.has(job.ref.pipeline.output, job.ref.id, as_of):
                continue
            yield job
            if job.good:
                break
        yield from rest

    def _mark(self, info: PipelineInfo) -> Mark | None:
        """Return the pipeline's mark, or that of an earlier version: somebody may have replaced the whole spec."""
        mark = mark_of(info.spec.annotations)
        if mark is not None or info.version <= 1:
            return mark
        versions = self._gateway.list_pipeline_versions(info.ref)
        marks = (mark_of(version.spec.annotations) for version in versions)
        return next((mark for mark in marks if mark is not None), None)

    def _corpus(
        self, branch: BranchRef, train: PipelineView | None, owned: OwnedRepo | None, snapshot: Snapshot
    ) -> CorpusView | None:
        reader = train.info if train is not None and train.info.spec.input_branch == branch else None
        if reader is not None and _is_started(reader, snapshot, self._now()):
            return None
        if owned is not None and owned.ref == branch.repo:
            found = CorpusView(branch, None if owned.head else Reason.CORPUS_BRANCH_NOT_FOUND, owned.head)
        else:
            found = self._cached_corpus(branch, snapshot)
        return replace(found, untied=reader is not None)

    def _cached_corpus(self, branch: BranchRef, snapshot: Snapshot) -> CorpusView:
        started, heads = self._heads
        if started != snapshot.started:
            started, heads = self._heads = snapshot.started, {}
        if branch not in heads:
            heads[branch] = self._read_corpus(branch, snapshot)
        return heads[branch]

    def _read_corpus(self, branch: BranchRef, snapshot: Snapshot) -> CorpusView:
        if branch.repo.project not in snapshot.projects:
            return CorpusView(branch, Reason.PROJECT_NOT_FOUND)
        repo = snapshot.repos.get(branch.repo)
        if repo is None:
            return CorpusView(branch, Reason.CORPUS_NOT_FOUND)
        try:
            head = self._gateway.branch_head(branch)
        except NotFoundError:
            return CorpusView(branch, Reason.CORPUS_BRANCH_NOT_FOUND)
        pipeline = PipelineRef(branch.repo.project, branch.repo.name)
        return CorpusView(branch, head=head, maker=pipeline if pipeline in snapshot.pipelines else None)

    def _owned_corpus(self, model: ScriptModel, refs: References, found: OwnedRepo | None) -> OwnedRepo | None:
        if found is None or model.spec.corpus.repo is not None:
            return found
        head = self._head(refs.own_branch)
        small = model.spec.corpus.config_map is not None and head is not None and head.finished
        digests = self._results.digests(found.ref, head.id) if small and head else {}
        return replace(found, head=head, digests=digests)

    def _head(self, branch: BranchRef) -> CommitInfo | None:
        try:
            return self._gateway.branch_head(branch)
        except NotFoundError:
            return None

    def _readers(self, refs: References, snapshot: Snapshot) -> tuple[PipelineRef, ...]:
        own = {refs.train, refs.generate}
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
        return self.logs.ended(job.ref) if job.state in _LOGS_REPORTED else self.logs.followed(job.ref)

    def _commits(self, refs: References, job: JobInfo | None, snapshot: Snapshot) -> ModelCommits | None:
        if job is None:
            return None
        made = self._made_from(refs, job.ref.pipeline.output, job.ref.id, snapshot)
        if made.corpus is None or made.corpus_repo is None:
            return made
        return replace(made, corpus_info=self._results.commit(made.corpus_repo, made.corpus))

    def _made_from(self, refs: References, repo: RepoRef, commit: str, snapshot: Snapshot) -> ModelCommits:
        """Return what a model was made from: a corpus, and the base model if there is one."""
        provenance = self._results.provenance(repo, commit)
        source = _preferred(tuple(pair for pair in provenance if pair[0] != refs.own_base), refs.corpus.repo)
        found = ModelCommits(commit, source[1], source[0]) if source else ModelCommits(commit, None)
        own = snapshot.repos.get(refs.own_base)
        copies = own.branches if own else ()
        bases = (self._results.branch(*pair, copies) for pair in provenance if pair[0] == refs.own_base)
        return replace(found, base=next(bases, ""))

    def _model_of(self, refs: References, commit: str) -> str | None:
        """Return the model that a commit of the generate pipeline was made from."""
        found = _preferred(self._results.provenance(refs.generate.output, commit), refs.model.repo)
        return found[1] if found else None

    def _script(self, refs: References, commit: str, snapshot: Snapshot) -> WrittenScript | None:
        """Return a script with its model and the metrics of that model."""
        model, repo = self._model_of(refs, commit), refs.model.repo
        if model is None:
            return None
        script, metrics = self._results.script(refs.generate.output, commit), self._results.metrics(repo, model)
        return WrittenScript(commit, script, self._made_from(refs, repo, model, snapshot), metrics)

    def _kept_script(
        self,
        model: ScriptModel,
        refs: References,
        newest: JobInfo | None,
        snapshot: Snapshot,
        as_of: object,
    ) -> WrittenScript | None:
        """Return the script in the status; None if it is the newest one, has no text, or it or its model is gone."""
        known, output = model.previous.lineage.script, refs.generate.output
        commit = (known.commit if known and (known.project, known.repo) == (output.project, output.name) else "") or ""
        if not commit or newest is None or commit == newest.ref.id:
            return None
        exists = self._results.has(output, commit, as_of)
        kept = self._script(refs, commit, snapshot) if exists else None
        return kept if kept and kept.has_text else None


def _is_started(train: PipelineInfo, snapshot: Snapshot, now: datetime) -> bool:
    """Return whether Pachyderm starts the pipeline for new data. It does not once the input repo was deleted.

    A pipeline is created or updated only while its input repo exists, so a younger repo is a new one.
    """
    repo = snapshot.repos.get(train.spec.input_branch.repo)
    if repo is None:
        return False
    if repo.created is None or train.created is None:
        return True
    return not train.created < repo.created < now + _IMPRECISION  # later: the clock was set back


def _queue(train: PipelineView | None) -> QueueView | None:
    """Return the queue of a train job that no worker has taken, without reading its pods."""
    name = dict(train.info.spec.labels).get(QUEUE_LABEL, "") if train else ""
    if train is None or not name or train.newest is None or not train.newest.state.waiting or train.running:
        return None
    return QueueView(name)


def _preferred(provenance: Provenance, repo: RepoRef) -> tuple[RepoRef, str] | None:
    """Return the commit in `repo`; for a pipeline that once read another repo, the commit in that one."""
    return next((pair for pair in provenance if pair[0] == repo), next(iter(provenance), None))
