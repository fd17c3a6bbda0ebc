"""The state of a Pachyderm in memory; time moves only when a test says so.

It follows the recorded behaviour of Pachyderm 2.7: every update creates a version and a job and kills the running job,
and a commit creates jobs with its own id.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scriptmodel_operator.api.marks import naming
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import (
    BranchRef,
    CommitInfo,
    JobInfo,
    JobRef,
    JobState,
    PipelineApply,
    PipelineInfo,
    PipelineRef,
    PipelineState,
    RepoInfo,
    RepoRef,
)
from tests.unit.operator.pipeline_specs import changed

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = {
    "schema": 1,
    "epochs": [{"epoch": 1, "words_per_second": 5000.0}],
    "perplexity": {"train": 150.0, "valid": 170.0, "test": 160.0},
    "seconds": 12.5,
}
Body = bytes | EngineError
"""What a web server answers: a file, or what Pachyderm makes of anything else."""
SCRIPT = b"[ JON ]: You know nothing .\n"


@dataclass
class PachydermState:
    """What a Pachyderm holds, what a test changes about it, and how commits and jobs follow from each other."""

    engine_id: str = "localpach/a"
    projects: set[str] = field(default_factory=lambda: {"default"})
    pipeline_limit: int = 16
    calls: list[str] = field(default_factory=list)
    """The name of every call that writes, in order."""
    repos: dict[RepoRef, RepoInfo] = field(default_factory=dict)
    heads: dict[BranchRef, str] = field(default_factory=dict)
    commits: dict[tuple[RepoRef, str], CommitInfo] = field(default_factory=dict)
    files: dict[tuple[RepoRef, str], dict[str, bytes]] = field(default_factory=dict)
    pipelines: dict[PipelineRef, list[PipelineInfo]] = field(default_factory=dict)
    jobs: dict[JobRef, JobInfo] = field(default_factory=dict)
    logs: dict[JobRef, list[str]] = field(default_factory=dict)
    verdicts: dict[JobRef, str] = field(default_factory=dict)
    """How the process of a job ended, in the worker's words."""
    now: datetime = EPOCH
    fault: Callable[[str], EngineError | None] = lambda _call: None
    log_source: Callable[[JobRef, bool], LogStream] | None = None
    reprocessed: dict[PipelineRef, bool] = field(default_factory=dict)
    """Whether the newest version of a pipeline computes everything again."""
    finishes_at_once: bool = True
    """A real server shows a commit for a moment between its end and its check."""
    metrics: dict[str, Any] = field(default_factory=lambda: dict(METRICS))
    """What the trainer writes next."""
    leaves_open: bool = False
    """Commits are begun and not ended."""
    web: dict[str, Body | Callable[[Callable[[], bool]], Body]] = field(default_factory=dict)
    """Answers of web servers by URL; a function receives whether the call is cancelled."""
    fetched: list[str] = field(default_factory=list)
    """The URLs that were fetched, in order."""
    listing: str = ""
    """That of the bucket of a user."""
    listed: list[tuple[str, str, str]] = field(default_factory=list)
    """Address, Secret and known listing of each check of such a bucket."""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # --- what a test does

    def put(self, branch: BranchRef, files: dict[str, bytes]) -> str:
        """One commit with these files, and the jobs that it causes. A new repo is for the namespace of the tests."""
        known = self.repos.setdefault(branch.repo, RepoInfo(branch.repo, naming("ml")))
        if branch.name not in known.branches:
            self.repos[branch.repo] = replace(known, branches=(*known.branches, branch.name))
        commit = self._new_id()
        self._commit(branch, commit, files, finished=self.finishes_at_once and not self.leaves_open)
        self._cascade(branch, commit)
        return commit

    def finish(self, branch: BranchRef) -> None:
        """The server is done with the newest commit of a branch."""
        head = branch.repo, self.heads[branch]
        self.commits[head] = replace(self.commits[head], finished=True, finishing=False, finished_at=self.now)

    def succeed(self, ref: PipelineRef, *, skipped: bool = False) -> JobInfo:
        """The oldest unfinished job of a pipeline ends well and has what the trainer would write.

        With `skipped`, an earlier job wrote it already.
        """
        job = self.oldest_unfinished(ref)
        output = ref.output
        source = self.commits[output, job.ref.id].provenance[0]
        data = self.files.get(source, {})
        words = b"".join(data.values())
        result = {"/metrics.json": json.dumps(self.metrics).encode(), "/model.json": words}
        if "generate" in self.pipelines[ref][-1].spec.command:
            generation = {"schema": 1, "samples": [{"file": "new_script.txt", "words": 5}]}
            result = {"/new_script.txt": SCRIPT, "/generation.json": json.dumps(generation).encode()}
        ended = self._end(job, JobState.SUCCESS, "", result if data else {}, total=int(bool(data)))
        if skipped:
            ended = self.jobs[job.ref] = replace(ended, data_processed=0, data_skipped=ended.data_total)
        return ended

    def write(self, ref: PipelineRef, files: dict[str, bytes], *, total: int, skipped: int = 0) -> None:
        """Let the oldest unfinished job of a pipeline end well with these files."""
        ended = self._end(self.oldest_unfinished(ref), JobState.SUCCESS, "", files, total=total)
        self.jobs[ended.ref] = replace(ended, data_processed=total - skipped, data_skipped=skipped)

    def drop(self, commit: str) -> None:
        """Delete all commits of that id, as another user would; the jobs stay, and branches return to their previous
        commits.
        """
        self.commits = {key: info for key, info in self.commits.items() if info.id != commit}
        for branch, head in self.heads.items():
            if head == commit:
                left = [info.id for info in self.commits.values() if info.repo == branch.repo]
                self.heads[branch] = left[-1]

    def fail(self, ref: PipelineRef, lines: Iterable[str] = (), verdict: str = "") -> JobInfo:
        """The oldest unfinished job fails after having printed `lines`; jobs below it cannot run."""
        job = self.oldest_unfinished(ref)
        self.logs[job.ref] = list(lines)
        self.verdicts[job.ref] = verdict
        failed = self._end(job, JobState.FAILURE, "datum 1 failed", {}, total=1)
        self._cannot_run(job.ref)
        return failed

    def run(self, ref: PipelineRef, lines: Iterable[str] = ()) -> JobInfo:
        """Let a worker run the oldest unfinished job of a pipeline, which prints `lines`."""
        job = self.oldest_unfinished(ref)
        running = replace(job, state=JobState.RUNNING, started=job.started or self.now)
        self.jobs[job.ref] = running
        self.logs.setdefault(job.ref, []).extend(lines)
        return running

    def set_state(self, ref: PipelineRef, state: PipelineState, reason: str = "") -> None:
        self._change(ref, state=state, reason=reason)

    def edit(self, ref: PipelineRef, **changes: object) -> None:
        """Update a pipeline as another user would; the annotations stay, as with `pachctl edit pipeline`."""
        info = self.pipelines[ref][-1]
        self._write(PipelineApply(changed(info.spec, **changes), update=True))

    def inherit(self, ref: PipelineRef, **changes: object) -> None:
        """The administrator changes defaults and has pipelines made anew: what was submitted stays (2.8 and later)."""
        info = self.pipelines[ref][-1]
        submitted = info.submitted or info.spec
        self._write(PipelineApply(changed(info.spec, **changes), update=True))
        self._change(ref, submitted=submitted)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # --- commits and jobs

    def _size(self, repo: RepoRef, head: str | None) -> int:
        """Return the size of the newest commit that finished without an error, like a real server."""
        commits = list(self.commits.values())  # another thread may add one
        ids = [info.id for info in commits if info.repo == repo and info.finished and not info.error]
        newest = head if head in ids else next(reversed(ids), "")
        return self.commits[repo, newest].size_bytes if newest else 0

    def _checked(self, call: str) -> None:
        error = self.fault(call)
        if error is not None:
            raise error

    def _new_id(self) -> str:
        return f"{next(self._ids):08x}{0:024x}"  # as of real ids, eight digits tell them apart

    def _check(self, applied: PipelineApply, together: set[PipelineRef]) -> None:
        ref, source = applied.spec.ref, applied.spec.input.branch.repo
        if not applied.update and ref in self.pipelines:
            raise EngineError("creating", f"pipeline {ref} already exists", "ALREADY_EXISTS")
        if ref not in self.pipelines and ref.output in self.repos:
            raise RefusedError("creating", "a repo with the same name already exists", "UNKNOWN")
        if source not in self.repos and source not in {each.output for each in together}:
            raise NotFoundError("creating", f"repo {source} not found", "NOT_FOUND")

    def _write(self, applied: PipelineApply, job: str = "") -> None:
        spec = applied.spec
        versions = self.pipelines.get(spec.ref, [])
        self._kill(spec.ref, "all jobs killed because pipeline was updated", besides=job)
        self.reprocessed[spec.ref] = applied.reprocess
        stopped = versions[-1].stopped if versions else False
        info = PipelineInfo(
            ref=spec.ref,
            version=len(versions) + 1,
            state=PipelineState.PAUSED if stopped else PipelineState.RUNNING,
            reason="",
            stopped=stopped,
            spec=spec,
            inputs=tuple(branch for _name, branch in spec.input.branches),
        )
        self.pipelines[spec.ref] = [*versions, info]  # whoever reads meanwhile sees no pipeline without a version
        description = f"Output repo for pipeline {spec.ref}."
        output = RepoInfo(spec.ref.output, description, branches=("master",))
        self.repos.setdefault(spec.ref.output, output)
        if not stopped:
            self._new_job(spec.ref, job or self._new_id())

    def _new_job(self, ref: PipelineRef, job_id: str) -> None:
        """A job, its open output commit, and the jobs of the pipelines below it."""
        job = JobRef(ref, job_id)
        branches = self.pipelines[ref][-1].inputs
        provenance = tuple((each.repo, self.heads.get(each) or self._empty_head(each)) for each in branches)
        if job in self.jobs:  # all pipelines of a transaction: one job each, of the newest version
            self.jobs[job] = replace(self.jobs[job], version=self.pipelines[ref][-1].version)
            output = ref.output, job_id
            self.commits[output] = replace(self.commits[output], provenance=provenance)
            return
        self.jobs[job] = JobInfo(job, self.pipelines[ref][-1].version, JobState.CREATED, created=self.now)
        output = BranchRef(ref.output, "master")
        self._commit(output, job_id, {}, finished=False, provenance=provenance)
        self._cascade(output, job_id)

    def _empty_head(self, branch: BranchRef) -> str:
        commit = self._new_id()
        self._commit(branch, commit, {}, finished=True)
        return commit

    def _cascade(self, branch: BranchRef, commit: str) -> None:
        for versions in list(self.pipelines.values()):
            info = versions[-1]
            if branch in info.inputs and not info.stopped:
                self._new_job(info.ref, commit)

    def _commit(
        self,
        branch: BranchRef,
        commit: str,
        files: dict[str, bytes],
        *,
        finished: bool,
        provenance: tuple[tuple[RepoRef, str], ...] = (),
    ) -> None:
        size = sum(map(len, files.values()))
        info = CommitInfo(
            branch.repo,
            commit,
            finished,
            finishing=not (finished or self.leaves_open or provenance),
            finished_at=self.now if finished else None,
            size_bytes=size,
            provenance=provenance,
        )
        self.commits[branch.repo, commit] = info
        self.files[branch.repo, commit] = files
        self.heads[branch] = commit

    def _end(self, job: JobInfo, state: JobState, reason: str, files: dict[str, bytes], *, total: int) -> JobInfo:
        ended = replace(
            job,
            state=state,
            reason=reason,
            started=job.started or self.now,
            finished=self.now,
            data_total=total,
            data_processed=total if state is JobState.SUCCESS else 0,
        )
        self.jobs[job.ref] = ended
        key = (job.ref.pipeline.output, job.ref.id)
        self.files[key] = files
        error = "" if state is JobState.SUCCESS else reason
        size = sum(map(len, files.values()))
        self.commits[key] = replace(
            self.commits[key], finished=True, finished_at=self.now, error=error, size_bytes=size
        )
        return ended

    def _kill(self, ref: PipelineRef, reason: str, besides: str = "") -> None:
        for job in list(self.jobs.values()):
            if job.ref.pipeline == ref and not job.state.final and job.ref.id != besides:
                self._end(job, JobState.KILLED, f"{reason} for user unknown_username", {}, total=0)
                self._cannot_run(job.ref)

    def _cannot_run(self, failed: JobRef) -> None:
        """End the jobs that read the output of a job without a result."""
        for below in list(self.jobs.values()):
            output = self.commits[below.ref.pipeline.output, below.ref.id]
            versions = self.pipelines.get(below.ref.pipeline)
            name = versions[-1].spec.input.name if versions else ""
            reason = f"unrunnable because the following upstream pipelines failed: {name}"
            if (failed.pipeline.output, failed.id) in output.provenance and not below.state.final:
                self._end(below, JobState.UNRUNNABLE, reason, {}, total=0)

    def _change(self, ref: PipelineRef, **changes: object) -> None:
        if ref in self.pipelines:
            self.pipelines[ref][-1] = replace(self.pipelines[ref][-1], **changes)  # type: ignore[arg-type]  # by name

    def oldest_unfinished(self, ref: PipelineRef) -> JobInfo:
        return next(job for job in self.jobs.values() if job.ref.pipeline == ref and not job.state.final)
