"""What one ScriptModel sees of Pachyderm: values only, made by `observer.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scriptmodel_operator.api.marks import Mark, Ownership
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Metrics, Script
from scriptmodel_operator.pachyderm.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    PipelineInfo,
    PipelineRef,
    RepoRef,
)


@dataclass(frozen=True, slots=True)
class PipelineView:
    """A pipeline that is there, whose it is, and its jobs of all versions, newest first."""

    info: PipelineInfo
    mark: Mark | None
    ownership: Ownership
    jobs: tuple[JobInfo, ...]
    listed: bool = True
    """Its jobs came with the look that all objects share: then a change of them calls the object up."""

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
        """The job that a worker has taken, of whatever version."""
        return next((job for job in self.jobs if not job.state.final and not job.state.waiting), None)

    @property
    def reported(self) -> JobInfo | None:
        """The job that the status reports: the running one, else the newest."""
        return self.running or self.newest

    @property
    def last_good(self) -> JobInfo | None:
        """The newest job that made a result, of whatever version."""
        return next((job for job in self.jobs if job.good), None)

    def computed(self, good: JobInfo) -> JobInfo:
        """The job that made the result of `good`: an update, or a start, that asks for nothing new skips it all."""
        if not good.skipped:
            return good
        before = self.jobs[self.jobs.index(good) + 1 :]
        made = (job for job in before if job.good and not job.skipped)
        return next(made, good)


@dataclass(frozen=True, slots=True)
class CorpusView:
    """The branch to learn from. Looked at only where pipelines have to be created, or tied to it (again)."""

    branch: BranchRef
    project_exists: bool = True
    repo_exists: bool = True
    branch_exists: bool = True
    head: CommitInfo | None = None
    maker: PipelineRef | None = None
    """The pipeline whose output it is; most corpora are put by people."""
    untied: bool = False
    """The train pipeline reads it, but somebody deleted the repo: Pachyderm starts that pipeline for it no more."""


@dataclass(frozen=True, slots=True)
class OwnedCorpus:
    """The repo of the object's own corpus name, if it is there, and its newest commit."""

    ref: RepoRef
    ownership: Ownership
    mark: Mark | None = None
    head: CommitInfo | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    """sha256 of its files by path, where the source is a ConfigMap; empty while the commit is not finished."""
    readers: tuple[PipelineRef, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCommits:
    """A model's commit and the corpus commit that it was made from."""

    model: str
    corpus: str | None
    corpus_repo: RepoRef | None = None
    """The spec may name another one since."""
    corpus_info: CommitInfo | None = None
    """Of that commit, where it was looked at."""

    @property
    def corpus_open(self) -> bool:
        """Somebody may still put something into it."""
        return self.corpus_info is not None and self.corpus_info.open

    @property
    def corpus_unfinished(self) -> bool:
        """No worker can read it yet."""
        return self.corpus_info is not None and not self.corpus_info.finished


@dataclass(frozen=True, slots=True)
class ModelView:
    """Everything that decisions and status are made from."""

    project_exists: bool
    train: PipelineView | None = None
    generate: PipelineView | None = None
    retained: tuple[RepoRef, ...] = ()
    """Output repos of our names without a pipeline: they block the names."""
    corpus: CorpusView | None = None
    owned_corpus: OwnedCorpus | None = None
    readers: tuple[PipelineRef, ...] = ()
    """Pipelines outside the object that read its output."""
    training_log: LogDigest | None = None
    generation_log: LogDigest | None = None
    reported_commits: ModelCommits | None = None
    """The commits of the train job that the status reports."""
    newest_script_model: str | None = None
    """The model commit that the newest generate job reads."""
    good_model: ModelCommits | None = None
    """Of the newest train job that made a model."""
    metrics: Metrics | None = None
    """Of that model."""
    script: Script | None = None
    """The newest script that was written, of whatever version."""
    script_commit: str | None = None
    script_model: ModelCommits | None = None
    """What that script was made from."""

    @property
    def stopped(self) -> tuple[PipelineView, ...]:
        """The object's own pipelines that are stopped; training first."""
        return tuple(seen for seen in (self.train, self.generate) if seen and seen.ownership.ours and seen.info.stopped)

    @property
    def repeats(self) -> bool:
        """Whether the newest train job only repeats the newest model, as after a pipeline was stopped and started."""
        train, newest, good = self.train, self.reported_commits, self.good_model
        if train is None or train.newest is None or train.newest.state.final or train.last_good is None:
            return False
        same_version = train.last_good.version == train.info.version
        if newest is None or good is None or newest.corpus is None:
            return False
        return same_version and newest.corpus == good.corpus

    @property
    def reads_newest_model(self) -> bool:
        """Whether the newest generate job reads the newest train job's model."""
        newest = self.train.newest if self.train else None
        return newest is not None and self.newest_script_model == newest.ref.id

    @property
    def script_is_of_newest_model(self) -> bool:
        """Whether the newest script is of this version and was made from a model that is the newest one's equal."""
        train, generate, read = self.train, self.generate, self.script_model
        if train is None or generate is None or read is None or self.script is None or train.last_good is None:
            return False
        source = next((job for job in train.jobs if job.ref.id == read.model), None)
        written = generate.last_good
        if source is None or written is None or written.version != generate.info.version:
            return False
        return train.computed(source).ref == train.computed(train.last_good).ref
