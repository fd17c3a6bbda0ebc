"""What records are to the operator: repos, pipelines, jobs and commits. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scriptmodel_operator.engine.values import (
    CommitInfo,
    JobInfo,
    JobRef,
    JobState,
    PipelineInfo,
    PipelineRef,
    PipelineState,
    RepoInfo,
    RepoRef,
)
from scriptmodel_operator.jobs.config_maps import Listing
from scriptmodel_operator.jobs.records import JobRecord, PipelineRecord, RepoRecord, Version

MASTER = "master"
"""The branch of the output of a pipeline."""


@dataclass(frozen=True)
class JobsLists:
    """Implements `Lists`. `projects` are those of objects; others are known by their records. `id` is the engine's."""

    listing: Listing
    projects: frozenset[str]
    blocked: Mapping[PipelineRef, str]
    """Why a pipeline makes no progress."""
    id: str

    def engine(self) -> str:
        return self.id

    def server_time(self) -> datetime:
        """Return the time of this process, which is that of all records."""
        return datetime.now(UTC)

    def list_projects(self) -> Sequence[str]:
        return sorted(self.projects.union(stored.record.ref.project for stored in self.listing.all))

    def list_repos(self, projects: Sequence[str]) -> Sequence[RepoInfo]:
        return [repo_info(stored.record) for stored in self.listing.all if stored.record.ref.project in projects]

    def list_pipelines(self, projects: Sequence[str]) -> Sequence[PipelineInfo]:
        found = (stored.record for ref, stored in self.listing.pipelines.items() if ref.project in projects)
        return [self._blocked(record) for record in found]

    def list_jobs(self, project: str, limit: int) -> Sequence[JobInfo]:
        if project in self.listing.unread:
            raise self.listing.unread[project]
        records = (stored.record for ref, stored in self.listing.pipelines.items() if ref.project == project)
        jobs = [job_info(record, job) for record in records for job in record.jobs]
        return sorted(jobs, key=_created, reverse=True)[:limit]

    def _blocked(self, record: PipelineRecord) -> PipelineInfo:
        """Return a pipeline, with why its job does not start, or does not continue after a lost worker."""
        info, reason = pipeline_info(record), self.blocked.get(record.ref, "")
        if not reason or record.stopped:
            return info
        waits = all(job.state.waiting for job in record.unfinished)
        return replace(info, state=PipelineState.CRASHING if waits else info.state, reason=reason)


def _created(job: JobInfo) -> datetime:
    return job.created or datetime.min.replace(tzinfo=UTC)


def repo_info(record: RepoRecord | PipelineRecord) -> RepoInfo:
    """Return a repo, or the output repo of a pipeline."""
    if isinstance(record, RepoRecord):
        newest = next(iter(record.branches.get(MASTER, ())), None)
        size = newest.size if newest else 0
        description, branches = record.description, tuple(record.branches)
    else:
        size = next((job.output.size for job in record.jobs if job.output), 0)
        description, branches = f"Output repo for pipeline {record.ref}.", (MASTER,)
    ref = RepoRef(record.ref.project, record.ref.name)
    return RepoInfo(ref, description, branches, size, namespace=ref.project)


def pipeline_info(record: PipelineRecord) -> PipelineInfo:
    spec = record.spec
    active = PipelineState.RUNNING if record.unfinished else PipelineState.STANDBY
    return PipelineInfo(
        ref=record.ref,
        version=record.version,
        state=PipelineState.PAUSED if record.stopped else active,
        reason="",
        stopped=record.stopped,
        spec=spec,
        inputs=tuple(branch for _name, branch in spec.input.branches),
    )


def job_info(record: PipelineRecord, job: JobRecord) -> JobInfo:
    done = job.state is JobState.SUCCESS
    return JobInfo(
        ref=JobRef(record.ref, job.id),
        version=job.version,
        state=job.state,
        reason=job.reason,
        created=job.created,
        started=job.started,
        finished=job.finished,
        data_total=job.total,
        data_processed=job.total - job.skipped if done else 0,
        data_skipped=job.skipped,
        queued=job.queued,
        released=job.released,
    )


def commit_of_job(record: PipelineRecord, job: JobRecord) -> CommitInfo:
    """Return the commit that a job writes, which has its id."""
    return CommitInfo(
        repo=record.ref.output,
        id=job.id,
        finished=job.state.final,
        finished_at=job.finished,
        error="" if job.state is JobState.SUCCESS or not job.state.final else job.reason or job.state.name,
        size_bytes=job.output.size if job.output else 0,
        provenance=tuple((each.repo, each.version) for each in job.inputs),
    )


def commit_of_version(repo: RepoRef, version: Version) -> CommitInfo:
    made_from = ((name.rpartition("/"), commit) for name, commit in version.made_from)
    return CommitInfo(
        repo=repo,
        id=version.id,
        finished=True,
        finished_at=version.finished,
        size_bytes=version.size,
        provenance=tuple((RepoRef(project, name), commit) for (project, _, name), commit in made_from),
    )
