"""Builds a ScriptModel's view from the shared snapshot and the few reads that only it needs."""

from collections.abc import Callable
from dataclasses import replace

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
)
from scriptmodel_operator.observe.base import base_view, owned_repo
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Results
from scriptmodel_operator.observe.search import search_view
from scriptmodel_operator.observe.snapshot import JOBS_PER_PIPELINE, Snapshot
from scriptmodel_operator.observe.view import CorpusView, ModelView, OwnedRepo, PipelineView

_LOGS_REPORTED = (JobState.FAILURE, JobState.KILLED)


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
        self._find = find

    def owned(self, model: ScriptModel, snapshot: Snapshot) -> ModelView:
        """Return what the object owns, which is all that deletion and suspension need: it reads no commit and no file.

        Raises EngineError where a read fails.
        """
        owner, refs = model.owner(self._cluster), references(model)
        own = (refs.train, refs.generate)
        readers = (item for ref in own for item in snapshot.readers(ref.output).items())
        return ModelView(
            refs=refs,
            engine=snapshot.engine,
            time=snapshot.time,
            has_project=model.spec.pachyderm.project in snapshot.projects,
            train=self._owned_pipeline(refs.train, owner, snapshot),
            generate=self._owned_pipeline(refs.generate, owner, snapshot),
            own_corpus=owned_repo(refs.own_corpus, owner, snapshot),
            own_trials=owned_repo(refs.own_trials, owner, snapshot),
            own_base=owned_repo(refs.own_base, owner, snapshot),
            readers={reader: namespace for reader, namespace in readers if reader not in own},
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
        train, generate = (self._with_jobs(model, seen, snapshot) for seen in (found.train, found.generate))
        reader = train if train and model.may_write(train.ownership) else None
        made = Lineages(self._results, refs)
        owned, trials = self._owned_corpus(model, refs, found.own_corpus), found.own_trials
        written = generate.last_good if generate else None
        # Before the newest job has made a model, it does not matter what the generate job reads.
        writer = generate.newest if generate and _is_trained(train) else None
        steps = ((refs.train, train), (refs.generate, generate))
        observed = replace(
            found,
            train=replace(train, log=self._log(train.reported)) if train else None,
            generate=replace(generate, log=self._log(writer)) if generate else None,
            corpus=self._corpus(refs.corpus, reader, owned, snapshot),
            own_corpus=owned,
            own_trials=replace(trials, head=self._head(refs.trials)) if trials and refs.searches else trials,
            retained=tuple(
                snapshot.repos[ref.output] for ref, seen in steps if seen is None and ref.output in snapshot.repos
            ),
            reported=made.reported(train.reported if train else None),
            read=made.model_read(writer),
            good=made.reported(train.last_good if train else None),
            newest_script=made.script(written.ref.id) if written else None,
            kept_script=made.kept_script(model, written),
        )
        owner = model.owner(self._cluster)
        base = base_view(model, owner, observed, snapshot, self._gateway, self._read_corpus, self._find)
        if base.current:
            refs = replace(refs, base=BranchRef(refs.own_base, base.current))
        observed = replace(observed, refs=refs, base=base)
        return self._with_metrics(replace(observed, search=search_view(made, model, observed)))

    def _with_metrics(self, observed: ModelView) -> ModelView:
        """Return the view with the metrics of the newest model: of a search, those of its best run."""
        good, search, written = observed.good, observed.search, observed.newest_script
        if good is None:
            return observed
        folder = written.model.folder if written and written.model.model == good.model else ""
        if search and search.commit == good.model and search.plan.winner:
            folder = f"/{search.plan.winner}"
        metrics = self._results.metrics(good.repo, good.model, folder)
        return replace(observed, good=replace(good, folder=folder), metrics=metrics)

    def _with_jobs(self, model: ScriptModel, seen: PipelineView | None, snapshot: Snapshot) -> PipelineView | None:
        """Return a pipeline with the jobs that matter; without any if it may be somebody else's.

        Reads those missing from the snapshot.
        """
        if seen is None:
            return None
        if not model.may_write(seen.ownership):
            return replace(seen, jobs=())
        ref, jobs = seen.info.ref, seen.jobs
        if ref.project not in snapshot.complete_projects and not any(job.good for job in jobs):
            jobs = tuple(self._gateway.list_pipeline_jobs(ref, JOBS_PER_PIPELINE))  # may have the last good one
        self.logs.leave(job.ref for job in jobs if job.state.final)
        return replace(seen, jobs=jobs)

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
        inputs = dict(train.info.spec.input.branches) if train is not None else {}
        if branch in inputs.values() and all(each.repo in snapshot.repos for each in inputs.values()):
            return None
        if owned is not None and owned.ref == branch.repo:
            return CorpusView(branch, None if owned.head else Reason.CORPUS_BRANCH_NOT_FOUND, owned.head)
        return self._read_corpus(branch, snapshot)

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
        return CorpusView(branch, head=head)

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

    def _log(self, job: JobInfo | None) -> LogDigest | None:
        if job is None:
            return None
        if not job.state.final:
            return self.logs.follow(job.ref, waiting=job.state.waiting)
        return self.logs.ended(job.ref) if job.state in _LOGS_REPORTED else self.logs.followed(job.ref)


def _is_trained(train: PipelineView | None) -> bool:
    return train is not None and train.newest is not None and train.newest.state is JobState.SUCCESS
