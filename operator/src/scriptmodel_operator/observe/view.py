"""Defines what one ScriptModel observes in the engine: values only, built by `observer.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from scriptmodel_operator.api.marks import Mark, Ownership
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.engine.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    PipelineInfo,
    PipelineRef,
    RepoInfo,
    RepoRef,
    running_job,
)
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Script
from scriptmodel_operator.observe.trainer_files import ModelMetrics
from scriptmodel_operator.search.trials import Plan, RunInput, RunResult


@dataclass(frozen=True, slots=True)
class PipelineView:
    """An existing pipeline, its ownership, and its jobs of all versions, newest first."""

    info: PipelineInfo
    mark: Mark | None
    ownership: Ownership
    jobs: tuple[JobInfo, ...]
    log: LogDigest | None = None
    """That of the reported train job, or of the newest generate job."""

    @property
    def current(self) -> tuple[JobInfo, ...]:
        """Jobs of the current version."""
        return tuple(job for job in self.jobs if job.version == self.info.version)

    @property
    def newest(self) -> JobInfo | None:
        """The newest job of the current version."""
        return next(iter(self.current), None)

    @property
    def running(self) -> JobInfo | None:
        """The job that a worker has taken, of any version."""
        return running_job(self.jobs)

    @property
    def reported(self) -> JobInfo | None:
        """The job that the status reports: the running one, else the newest."""
        return self.running or self.newest

    @property
    def last_good(self) -> JobInfo | None:
        """The newest job that made a result, of any version."""
        return next((job for job in self.jobs if job.good), None)

    def computed(self, good: JobInfo) -> JobInfo:
        """Return the job that computed the result of `good`, which skipped everything if nothing had changed."""
        if not good.skipped:
            return good
        before = self.jobs[self.jobs.index(good) + 1 :]
        made = (job for job in before if job.good and not job.skipped)
        return next(made, good)


@dataclass(frozen=True, slots=True)
class CorpusView:
    """The branch that training reads. Observed only where it does not read it yet, or a repo that it reads is gone."""

    branch: BranchRef
    missing: Reason | None = None
    """The reason if its project, its repo or the branch itself does not exist."""
    head: CommitInfo | None = None


@dataclass(frozen=True, slots=True)
class OwnedRepo:
    """An existing repo with the name of the object's own corpus, of its copies of base models, or of its runs."""

    ref: RepoRef
    ownership: Ownership
    mark: Mark | None = None
    description: str = ""
    readers: Mapping[PipelineRef, str] = field(default_factory=dict)
    """The pipelines that read it, with the namespaces of their owners."""
    head: CommitInfo | None = None
    """The newest commit of a corpus by URL or from a ConfigMap, or of the runs."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """sha256 of the files by path, if the source is a ConfigMap; empty until the commit is finished."""


@dataclass(frozen=True, slots=True)
class BaseSource:
    """Where a base model is copied from. Observed only if it has to be copied."""

    repo: RepoRef | None
    """None if a ScriptModel has no train pipeline, or the repo does not exist."""
    commit: str | None = None
    """Its newest finished model; None before the first one."""
    folder: str = ""
    """The folder of that commit that has the model, as that of the best run of a search; empty for the root."""
    paths: tuple[str, ...] = ()
    """The files in that folder, if it is not copied yet."""


@dataclass(frozen=True, slots=True)
class BaseView:
    origin: str = ""
    """What the spec starts from (`desired/base.py`); empty for random weights."""
    current: str = ""
    """The branch of the owned repo that training reads; empty before there is a copy."""
    source: BaseSource | None = None
    repo: RepoRef | None = None


@dataclass(frozen=True, slots=True)
class ModelCommits:
    """A model's commit and the corpus commit that it was made from."""

    model: str
    repo: RepoRef
    """The repo of the model: the output of training."""
    folder: str = ""
    """Its folder in that repo, such as /0007 for the best run of a search; empty for the root."""
    corpus: str | None = None
    corpus_repo: RepoRef | None = None
    """Its repo; the spec may name another one since."""
    corpus_info: CommitInfo | None = None
    base: bool = False
    """Whether training started from a copy of a base model."""
    trials: str = ""
    """The commit with the runs, if training read one."""

    @property
    def corpus_open(self) -> bool:
        return self.corpus_info is not None and self.corpus_info.open


@dataclass(frozen=True, slots=True)
class WrittenScript:
    """The commit of a generate job, its script, and the model that wrote it."""

    commit: str
    script: Script | None
    """None if the commit has no script: the image may be no trainer."""
    model: ModelCommits
    metrics: ModelMetrics | None = None

    @property
    def has_text(self) -> bool:
        return self.script is not None and not self.script.blank


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search: the runs in its repo, their results, and the plan that follows from both."""

    plan: Plan
    results: Mapping[str, RunResult]
    """The results of the newest job for the current spec and corpus, by the folder of the run."""
    present: Mapping[str, RunInput] = field(default_factory=dict)
    """The runs in the newest commit of the repo, by folder."""
    newest: ModelCommits | None = None
    """The commits of the newest train job."""
    in_progress: bool = False
    """Whether that job is training the runs in the repo."""
    commit: str = ""
    """The commit of train's output that has the results; empty before the first."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """All that is observed of one ScriptModel."""

    refs: References
    engine: str = ""
    time: datetime = datetime(1, 1, 1, tzinfo=UTC)
    """The engine's own time when it was observed."""
    has_project: bool = True
    """Whether the project of the pipelines exists."""
    train: PipelineView | None = None
    generate: PipelineView | None = None
    corpus: CorpusView | None = None
    own_corpus: OwnedRepo | None = None
    own_trials: OwnedRepo | None = None
    own_base: OwnedRepo | None = None
    retained: tuple[RepoInfo, ...] = ()
    """Output repos without a pipeline that block the names of the pipelines."""
    readers: Mapping[PipelineRef, str] = field(default_factory=dict)
    """Pipelines outside the object that read its output, with the namespaces of their owners."""
    base: BaseView = BaseView()
    search: SearchView | None = None
    reported: ModelCommits | None = None
    """The commits of the reported train job."""
    read: str | None = None
    """The model that the newest generate job read."""
    good: ModelCommits | None = None
    """The commits of the newest job that made a model."""
    metrics: ModelMetrics | None = None
    """The metrics of that model."""
    newest_script: WrittenScript | None = None
    """The newest script, of any version of the pipeline; None before the first one."""
    kept_script: WrittenScript | None = None
    """The script in the status, if it is older than the newest one."""

    def elapsed(self, since: datetime) -> timedelta:
        """Return how long before the observation a time of the engine was, at least zero."""
        return max(timedelta(0), self.time - since)

    @property
    def pipelines(self) -> tuple[PipelineView, ...]:
        """The existing pipelines, each before its readers."""
        return tuple(seen for seen in (self.train, self.generate) if seen is not None)

    @property
    def own(self) -> tuple[PipelineView, ...]:
        return tuple(seen for seen in self.pipelines if seen.ownership.ours)

    @property
    def stopped(self) -> tuple[PipelineView, ...]:
        """The object's own pipelines that are stopped; training first."""
        return tuple(seen for seen in self.own if seen.info.stopped)

    @property
    def waits_for_quota(self) -> bool:
        """Whether a queue holds the newest train job back. Pachyderm does not know that of its pods."""
        newest = self.train.newest if self.train and not self.train.running else None
        return newest is not None and newest.queued and newest.state.waiting

    @property
    def repeats(self) -> bool:
        """Whether the newest train job only repeats the newest model, as after a pipeline was restarted."""
        train, newest, good = self.train, self.reported, self.good
        if train is None or train.newest is None or train.newest.state.final or train.last_good is None:
            return False
        same_version = train.last_good.version == train.info.version
        if newest is None or good is None or newest.corpus is None:
            return False
        return same_version and (newest.corpus, newest.trials) == (good.corpus, good.trials)

    @property
    def reads_newest_model(self) -> bool:
        newest = self.train.newest if self.train else None
        return newest is not None and self.read == newest.ref.id

    @property
    def script_is_of_newest_model(self) -> bool:
        """Whether the current version of the pipeline wrote the newest script, from a model equal to the newest one."""
        train, generate, newest = self.train, self.generate, self.newest_script
        if train is None or generate is None or train.last_good is None or newest is None or newest.script is None:
            return False
        source = next((job for job in train.jobs if job.ref.id == newest.model.model), None)
        written = generate.last_good
        if source is None or written is None or written.version != generate.info.version:
            return False
        return train.computed(source).ref == train.computed(train.last_good).ref
