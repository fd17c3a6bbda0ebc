"""Builds a ScriptModel's view from the shared snapshot and the few reads that only it needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from scriptmodel_operator.api.marks import Mark, Owner, mark_of, ownership
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.references import References, references
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    JobState,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
)
from scriptmodel_operator.observe.base import Bases, owned_repo
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Results
from scriptmodel_operator.observe.search import search_view
from scriptmodel_operator.observe.snapshot import JOBS_PER_PIPELINE, Snapshot
from scriptmodel_operator.observe.view import (
    BaseView,
    CorpusView,
    EngineView,
    LogsView,
    ModelsView,
    ModelView,
    OwnedRepo,
    PipelineView,
    ReposView,
    ScriptsView,
)

_LOGS_REPORTED = (JobState.FAILURE, JobState.KILLED)
_IMPRECISION = timedelta(minutes=1)
"""Longest time from an engine's answer with its time to its lists."""


class Observer:
    """Observes one ScriptModel at a time. Thread-safe; blocking."""

    def __init__(
        self,
        gateway: Gateway,
        cluster: str,
        objects: Callable[[], int] = lambda: 1,
        find: Callable[[Key], ScriptModel | None] = lambda _key: None,
    ) -> None:
        """Return an observer; `objects` returns how many are observed, `find` one."""
        self._gateway = gateway
        self._cluster = cluster
        self.logs = LogFollower(gateway)
        self._results = Results(gateway, objects)
        self._bases = Bases(gateway, self._cached_corpus, self._others_pipeline, find)
        self._heads: tuple[float, dict[BranchRef, CorpusView]] = (0.0, {})
        """The start of a snapshot, and the corpora that were read since."""

    def owned(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what the object owns, which is all that deletion and suspension need: it reads no commit and no file.

        Raises EngineError where a read fails.
        """
        owner, refs = model.owner(self._cluster), references(model)
        return ModelView(
            refs=refs,
            engine=EngineView(snapshot.engine, snapshot.time, model.spec.pachyderm.project in snapshot.projects),
            train=self._owned_pipeline(refs.train, owner, snapshot),
            generate=self._owned_pipeline(refs.generate, owner, snapshot),
            owned=ReposView(
                owned_repo(refs.own_corpus, owner, snapshot),
                owned_repo(refs.own_trials, owner, snapshot),
                readers=self._readers(refs, snapshot),
            ),
            base=BaseView("", owned_repo(refs.own_base, owner, snapshot)),
        )

    def _owned_pipeline(self, ref: PipelineRef, owner: Owner, snapshot: Snapshot) -> PipelineView | None:
        info = snapshot.pipelines.get(ref)
        if info is None:
            return None
        mark = self._mark(info)
        return PipelineView(info, mark, ownership(mark, owner), snapshot.jobs.get(ref, ()))

    def view(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what Pachyderm has for `model`. Raises EngineError where a read fails."""
        found = self.owned(model, snapshot)
        refs = found.refs
        names = (refs.train, refs.generate)
        repos = *map(snapshot.repos_of, names), model.reconcile_at
        train, generate = (self._reported(model, seen, snapshot, repos) for seen in (found.train, found.generate))
        found = replace(found, train=train, generate=generate)
        reader = train if train and model.may_write(train.ownership) else None
        reported, good = (train.reported, train.last_good) if train else (None, None)
        made = Lineages(self._results, refs, snapshot)
        owned, trials = self._owned_corpus(model, refs, found.owned.corpus), found.owned.trials
        written = generate.last_good if generate else None
        # Before the newest job has made a model, it does not matter what the generate job reads.
        writer = generate.newest if generate and _is_trained(train) else None
        observed = replace(
            found,
            corpus=self._corpus(refs.corpus, reader, owned, snapshot),
            owned=replace(
                found.owned,
                corpus=owned,
                trials=replace(trials, head=self._head(refs.trials)) if trials and refs.searches else trials,
                retained=tuple(
                    snapshot.repos[ref.output]
                    for ref, seen in zip(names, (train, generate), strict=True)
                    if seen is None and ref.output in snapshot.repos
                ),
            ),
            logs=LogsView(training=self._log(reported), generation=self._log(writer)),
            models=ModelsView(reported=made.reported(reported), read=made.model_read(writer), good=made.reported(good)),
            scripts=ScriptsView(
                newest=made.script(written.ref.id) if written else None, kept=made.kept_script(model, written, repos)
            ),
        )
        base = self._bases.view(model, model.owner(self._cluster), observed, snapshot)
        if base.current:
            refs = replace(refs, base=BranchRef(refs.own_base, base.current))
        observed = replace(observed, refs=refs, base=base)
        observed = replace(observed, search=search_view(made, model, observed))
        return replace(observed, models=self._with_metrics(observed))

    def _with_metrics(self, observed: ModelView) -> ModelsView:
        """Return the models with the metrics of the newest one: of a search, those of its best run."""
        models, search, written = observed.models, observed.search, observed.scripts.newest
        good = models.good
        if good is None:
            return models
        folder = written.model.folder if written and written.model.model == good.model else ""
        if search and search.commit == good.model and search.plan.winner:
            folder = f"/{search.plan.winner}"
        metrics = self._results.metrics(good.repo, good.model, folder)
        return replace(models, good=replace(good, folder=folder), metrics=metrics)

    def _others_pipeline(self, ref: PipelineRef, snapshot: Snapshot) -> PipelineView | None:
        info = snapshot.pipelines.get(ref)
        mark = mark_of(info.spec.annotations) if info else None
        seen = self._owned_pipeline(ref, mark.owner, snapshot) if mark else None
        return self._with_jobs(seen, snapshot, snapshot.repos_of(ref))

    def _reported(
        self, model: ScriptModel, seen: PipelineView | None, snapshot: Snapshot, as_of: object
    ) -> PipelineView | None:
        """Return a pipeline with its jobs; without any if it may be somebody else's."""
        if seen is None or model.may_write(seen.ownership):
            return self._with_jobs(seen, snapshot, as_of)
        return replace(seen, jobs=())

    def _with_jobs(self, seen: PipelineView | None, snapshot: Snapshot, as_of: object) -> PipelineView | None:
        """Return a pipeline with the jobs that matter, whose commits exist; reads those missing from the snapshot."""
        if seen is None:
            return None
        ref, jobs = seen.info.ref, seen.jobs
        complete = ref.project in snapshot.complete_projects
        listed = complete or any(job.version == seen.info.version for job in jobs)
        if not complete and not any(job.good for job in jobs):  # the list may lack the last good one
            jobs = tuple(self._gateway.list_pipeline_jobs(ref, JOBS_PER_PIPELINE))
        self.logs.leave(job.ref for job in jobs if job.state.final)
        newest = replace(seen, jobs=jobs).newest
        existing = tuple(self._existing(jobs, as_of))
        lost = newest if newest and all(job.ref != newest.ref for job in existing) else None
        return replace(seen, jobs=existing, listed=listed, lost=lost)

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
        reader = train.info if train is not None and train.info.spec.input.branch == branch else None
        if reader is not None and _is_started(reader, snapshot):
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
        return CorpusView(branch, head=head, upstream=snapshot.upstream(branch.repo))

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

    def _readers(self, refs: References, snapshot: Snapshot) -> Mapping[PipelineRef, str]:
        own = (refs.train, refs.generate)
        found = (item for ref in own for item in snapshot.readers(ref.output).items())
        return {reader: namespace for reader, namespace in found if reader not in own}

    def _log(self, job: JobInfo | None) -> LogDigest | None:
        if job is None:
            return None
        if job.state.waiting:
            return self.logs.waiting(job.ref)
        if not job.state.final:
            return self.logs.running(job.ref)
        return self.logs.ended(job.ref) if job.state in _LOGS_REPORTED else self.logs.followed(job.ref)


def _is_started(train: PipelineInfo, snapshot: Snapshot) -> bool:
    """Return whether Pachyderm starts the pipeline for new data, which ends when an input repo is deleted.

    A pipeline is created or updated only while its input repos exist, so a younger repo is a new one.
    """
    inputs = (train.spec.input.branch, train.spec.input.trials)
    return all(_is_older(snapshot.repos.get(branch.repo), train, snapshot.time) for branch in inputs if branch)


def _is_older(repo: RepoInfo | None, train: PipelineInfo, now: datetime) -> bool:
    if repo is None:
        return False
    if repo.created is None or train.created is None:
        return True
    return not train.created < repo.created < now + _IMPRECISION  # later: the clock was set back


def _is_trained(train: PipelineView | None) -> bool:
    return train is not None and train.newest is not None and train.newest.state is JobState.SUCCESS
