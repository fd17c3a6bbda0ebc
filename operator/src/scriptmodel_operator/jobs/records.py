"""What is recorded of repos and pipelines, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.engine.values import (
    JobRef,
    JobState,
    PipelineApply,
    PipelineRef,
    PipelineSpec,
    PodSpec,
    RepoRef,
)

VERSIONS_PER_BRANCH = JOBS_PER_PIPELINE = 50

State = Annotated[
    JobState,
    BeforeValidator(
        lambda value: JobState.__members__.get(value, JobState.UNKNOWN) if isinstance(value, str) else value
    ),
    PlainSerializer(lambda state: state.name),
]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a repo; `made_from` has repos and versions."""

    id: str
    manifest: str
    """Its SHA-256, by which it is found in the bucket."""
    finished: datetime
    size: int = 0
    content: str = ""
    """The hash of its files: versions that have it in common train nothing new."""
    made_from: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RepoRecord:
    ref: RepoRef
    created: datetime
    description: str = ""
    branches: Mapping[str, tuple[Version, ...]] = field(default_factory=dict)
    """The versions of each branch, newest first."""

    def put(self, branch: str, version: Version) -> RepoRecord:
        known = self.branches.get(branch, ())
        return replace(self, branches={**self.branches, branch: (version, *known)[:VERSIONS_PER_BRANCH]})


class RunState(StrEnum):
    PENDING = "pending"
    STARTING = "starting"
    """An attempt is recorded, and its Job was not observed yet."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def active(self) -> bool:
        """Whether there may be a Job for it."""
        return self in (RunState.STARTING, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run of a job. `folder` is that of the trial, `/` for a job with one run."""

    folder: str
    hash: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    state: RunState = RunState.PENDING
    attempt: int = 0
    """The number of the newest attempt, or of the one that made the result; 0 for none."""
    after: int = 0
    """A result counts only if a later attempt made it."""
    tries: int = 0
    """Number of failed attempts."""
    reason: str = ""
    """Why the last of them failed."""
    manifest: str = ""
    reused: bool = False
    """Whether an earlier job computed it."""


@dataclass(frozen=True, slots=True)
class InputRecord:
    name: str
    repo: RepoRef
    version: str
    manifest: str


@dataclass(frozen=True, slots=True)
class JobRecord:
    id: str
    version: int
    created: datetime
    inputs: tuple[InputRecord, ...]
    state: State = JobState.CREATED
    reason: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    runs: tuple[RunRecord, ...] = ()
    output: Version | None = None
    total: int = 0
    skipped: int = 0
    queued: bool = False
    """Whether a queue has not admitted any of its Jobs."""
    released: datetime | None = None
    """When a queue was first observed to have admitted one."""

    @property
    def good(self) -> bool:
        return self.state is JobState.SUCCESS and self.total > 0 and self.output is not None

    def end(self, state: JobState, reason: str, at: datetime) -> JobRecord:
        return replace(self, state=state, reason=reason, finished=at)


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    spec: PipelineSpec
    version: int
    created: datetime
    updated: datetime
    """When this version was made."""
    stopped: bool = False
    again: bool = False
    """Whether the first job of this version computes again what has a result."""
    jobs: tuple[JobRecord, ...] = ()
    """Newest first."""
    older: Mapping[int, PipelineSpec] = field(default_factory=dict)
    """The specs of earlier versions, without what only a Job needs."""

    @property
    def ref(self) -> PipelineRef:
        return self.spec.ref

    @property
    def unfinished(self) -> tuple[JobRecord, ...]:
        """The jobs that have not ended, oldest first."""
        return tuple(job for job in reversed(self.jobs) if not job.state.final)

    @property
    def has_work(self) -> bool:
        """Whether there may be a Job of it in Kubernetes, or one is to be started."""
        return bool(self.unfinished or self._active)

    def knows(self, run_hash: str, attempt: int) -> bool:
        """Return whether an attempt is that of a run which is not over."""
        return any((run.hash, run.attempt) == (run_hash, attempt) for run in self._active)

    @property
    def _active(self) -> list[RunRecord]:
        return [run for job in self.jobs for run in job.runs if run.state.active]

    def job(self, ref: JobRef) -> JobRecord | None:
        return next((job for job in self.jobs if job.id == ref.id), None)

    def with_job(self, job: JobRecord) -> PipelineRecord:
        """Return the record with a new or changed job."""
        if any(each.id == job.id for each in self.jobs):
            return replace(self, jobs=tuple(job if each.id == job.id else each for each in self.jobs))
        return replace(self, jobs=(job, *self.jobs)[:JOBS_PER_PIPELINE])

    def next_version(self, applied: PipelineApply, at: datetime) -> PipelineRecord:
        """Return the next version. What has the same hash as before is computed again only if that is requested."""
        older = {**self.older, self.version: replace(self.spec, command=(), pods=PodSpec())}
        again = applied.reprocess and _computed(self.spec) == _computed(applied.spec)
        return replace(self, spec=applied.spec, version=self.version + 1, updated=at, again=again, older=older)

    def killed(self, reason: str, at: datetime, job_id: str = "") -> PipelineRecord:
        """Return the record after its unfinished jobs, or the one with this id, were killed."""
        record = self
        for job in self.unfinished:
            if job_id in ("", job.id):
                record = record.with_job(job.end(JobState.KILLED, reason, at))
        return record


def _computed(spec: PipelineSpec) -> object:
    """Return what decides the hashes of the runs, besides the contents of inputs."""
    mark = mark_of(spec.annotations)
    return spec.image, spec.command, spec.input.branches, mark.retrain_at if mark else ""
