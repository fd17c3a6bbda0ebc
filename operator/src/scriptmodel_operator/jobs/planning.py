"""Decides which jobs a pipeline needs for the newest versions of its inputs, and which runs they have."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from scriptmodel_operator.api.marks import mark_of, naming
from scriptmodel_operator.engine.errors import RefusedError, allowing
from scriptmodel_operator.engine.values import TRIAL_INPUT, BranchRef, JobState, PipelineRef, PipelineSpec, RepoRef
from scriptmodel_operator.jobs.config_maps import Listing
from scriptmodel_operator.jobs.records import InputRecord, JobRecord, PipelineRecord, RunRecord, Version
from scriptmodel_operator.jobs.runs import Attempt, Input, run_hash
from scriptmodel_operator.jobs.store import Versions

UPDATED = "the pipeline was updated"
STOPPED = "the pipeline was stopped"
SUPERSEDED = "a newer version of an input replaced the one that it was to read"

MayRead = Callable[[str, RepoRef], bool]
"""Whether a namespace may read a repo of another one, whatever its description says."""


@dataclass
class Round:
    """What is known of the namespaces during one call of `settle`."""

    listing: Listing
    attempts: dict[str, Sequence[Attempt]] = field(default_factory=dict)
    """The attempts of a namespace, once they were listed."""

    def newest(self, branch: BranchRef) -> Version | None:
        """Return the newest good version of a branch."""
        pipeline = self.listing.pipelines.get(PipelineRef(branch.repo.project, branch.repo.name))
        if pipeline is not None:
            return next((job.output for job in pipeline.record.jobs if job.good), None)
        repo = self.listing.repos.get(branch.repo)
        return next(iter(repo.record.branches.get(branch.name, ())), None) if repo else None

    def attempts_at(self, record: PipelineRecord, job: JobRecord) -> dict[str, Attempt]:
        """Return the newest attempts at the active runs of a job, by folder, but for those without a Job."""
        known = {(each.pipeline, each.hash, each.number): each for each in self.attempts[record.ref.project]}
        keys = {run.folder: (record.ref.name, run.hash, run.attempt) for run in job.runs if run.state.active}
        return {folder: known[key] for folder, key in keys.items() if key in known}


class Planning:
    """Blocking."""

    def __init__(self, versions: Versions, may_read: MayRead) -> None:
        self._versions = versions
        self._may_read = may_read

    def with_job(self, record: PipelineRecord, now: Round) -> PipelineRecord:
        """Return the record with a job for the newest versions of its inputs, if they have none yet."""
        if record.stopped:
            return record
        at = datetime.now(UTC)
        for job in record.unfinished:
            if job.version != record.version:
                record = record.killed(UPDATED, at, job.id)
        inputs = tuple(self._inputs(record.spec, now))
        versions = [now.newest(branch) for _name, branch in record.spec.input.branches]
        newest = next(iter(record.jobs), None)
        known = newest and (newest.version, newest.inputs) == (record.version, inputs) and newest.reason != STOPPED
        if known or not all(versions):
            return record
        for job in record.unfinished:
            if job.state is JobState.CREATED and not any(run.attempt for run in job.runs):
                record = record.killed(SUPERSEDED, at, job.id)
        job = JobRecord(uuid.uuid4().hex, record.version, at, inputs)
        if not all(version and version.size for version in versions):
            return record.with_job(replace(job.end(JobState.SUCCESS, "", at), started=at))
        runs = tuple(self._runs(record, job, now))
        return record.with_job(replace(job, runs=runs, total=len(runs)))

    def _inputs(self, spec: PipelineSpec, now: Round) -> Iterator[InputRecord]:
        for name, branch in spec.input.branches:
            if version := now.newest(branch):
                self._check_readable(spec.ref.project, branch.repo, now)
                yield InputRecord(name, branch.repo, version.id, version.manifest)

    def _check_readable(self, namespace: str, repo: RepoRef, now: Round) -> None:
        """Raise RefusedError for what a namespace may not read, whoever wrote that into its records."""
        if repo.project in now.listing.unread:
            raise now.listing.unread[repo.project]
        found = now.listing.repos.get(repo)
        named = found is not None and naming(namespace) in found.record.description
        if repo.project != namespace and not named and not self._may_read(namespace, repo):
            why = f"namespace {namespace!r} may not: {allowing('repo', f'{namespace}={repo}')}"
            raise RefusedError(f"reading repo {repo}", why)

    def _runs(self, record: PipelineRecord, job: JobRecord, now: Round) -> Iterator[RunRecord]:
        """Yield the runs of a job: one, or one for each folder of the trials."""
        trials = next((each for each in job.inputs if each.name == TRIAL_INPUT), None)
        folders = ["/"]
        if trials is not None:
            paths = (file.path.split("/") for file in self._versions.load(trials.repo.project, trials.manifest).files)
            folders = sorted({f"/{parts[1]}" for parts in paths if len(parts) > 2})
        mark = mark_of(record.spec.annotations)
        done = any(each.version == record.version and each.state is JobState.SUCCESS for each in record.jobs)
        again = record.again and not done
        for folder in folders:
            found = run_hash(record.spec, self.read(record, job, folder, now), mark.retrain_at if mark else "")
            result = self._versions.result(record.ref.project, found) if again else None
            yield RunRecord(folder, found, after=result.attempt if result else 0)

    def read(self, record: PipelineRecord, job: JobRecord, folder: str, now: Round) -> tuple[Input, ...]:
        for each in job.inputs:
            self._check_readable(record.ref.project, each.repo, now)
        return tuple(
            Input(
                each.name,
                self._versions.load(each.repo.project, each.manifest),
                folder if each.name == TRIAL_INPUT else "/",
            )
            for each in job.inputs
        )
