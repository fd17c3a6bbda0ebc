"""Jobs: their state transitions."""

from dataclasses import replace

from localpach.errors import NotFoundError, PachError
from localpach.pfs import commits
from localpach.pfs.files import Files
from localpach.refs import META, USER, CommitKey, JobRef, PipelineRef
from localpach.state import Commit, Job, State, Txn
from localpach.states import JobState


def get(state: State, ref: JobRef) -> Job:
    found = state.jobs.get(ref)
    if found is None:
        raise NotFoundError(f"jobs {ref} not found")
    return found


def list_all(state: State, pipeline: PipelineRef | None) -> list[Job]:
    """List the jobs of a pipeline, or of all pipelines, newest first."""
    return [each for each in reversed(state.jobs.values()) if pipeline in (None, each.key.pipeline)]


def create(txn: Txn, ref: JobRef, version: int, branch: str) -> None:
    """Create a job for an open output commit, unless it exists."""
    txn.jobs.setdefault(ref, Job(ref, version, branch, JobState.CREATED, txn.now))


def set_state(txn: Txn, job: Job, state: JobState, reason: str = "") -> None:
    """Set the state of a job that has not ended."""
    started, finished = job.started, 0
    if state == JobState.RUNNING or state.final:
        started = started or txn.now
    if state.final:
        finished = txn.now
    txn.jobs[job.key] = replace(job, state=state, reason=reason, started=started, finished=finished)


def stop(txn: Txn, files: Files, ref: JobRef | None, reason: str) -> None:
    """Kill a job and finish its commits with the reason as their error. A finished job is unchanged."""
    if ref is None:
        raise PachError("Job must be specified")
    job = get(txn, ref)
    _close_commits(txn, files, job, reason)
    if not job.state.final:
        set_state(txn, job, JobState.KILLED, reason)


def stop_all(txn: Txn, files: Files, pipeline: PipelineRef, reason: str) -> None:
    for job in list_all(txn, pipeline):
        if not job.state.final:
            stop(txn, files, job.key, f"{reason} for user unknown_username")


def end(txn: Txn, files: Files, job: Job, state: JobState, reason: str = "") -> None:
    """End a job and finish its commits. A job with success fails if its output has conflicts."""
    _close_commits(txn, files, job, reason)
    output = commit_of(txn, job, USER)
    if state == JobState.SUCCESS and output is not None and output.error:
        state, reason = JobState.FAILURE, output.error
    set_state(txn, job, state, reason)


def commit_of(state: State, job: Job, kind: str) -> Commit | None:
    """Return the output or meta commit of a job, or None if it was deleted."""
    return state.commits.get(CommitKey(job.key.pipeline.repo(kind), job.key.id))


def _close_commits(txn: Txn, files: Files, job: Job, error: str) -> None:
    for kind in (META, USER):
        commit = commit_of(txn, job, kind)
        if commit is not None and not commit.finished:
            commits.finish(txn, files, commit, error=error)
