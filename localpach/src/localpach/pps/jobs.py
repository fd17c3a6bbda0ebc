"""Jobs: their state transitions."""

from localpach.errors import NotFoundError
from localpach.messages import FINAL, META, USER, changed, key, pfs, pps, repo_of, shown
from localpach.pfs import commits
from localpach.pfs.files import Files
from localpach.state import State, Txn, owned


def get(state: State, ref: pps.Job, prefix: str = "") -> pps.JobInfo:
    found = state.jobs.get(key(ref))
    if found is None:
        raise NotFoundError(f"{prefix}jobs {shown(ref)} not found")
    return found


def create(txn: Txn, pipeline: pps.PipelineInfo, output: pfs.Commit) -> None:
    """Create a job for an open output commit, unless it exists."""
    job = pps.Job(pipeline=pipeline.pipeline, id=output.id)
    made = pps.JobInfo(job=job, pipeline_version=pipeline.version, output_commit=output, state=pps.JOB_CREATED)
    made.created.CopyFrom(txn.now)
    txn.jobs.setdefault(key(job), made)


def set_state(txn: Txn, job: pps.JobInfo, state: int, reason: str = "") -> None:
    """Set the state of a job that has not ended."""
    made = changed(job, state=state, reason=reason)
    if state in (pps.JOB_RUNNING, *FINAL) and not made.HasField("started"):
        made.started.CopyFrom(txn.now)
    if state in FINAL:
        made.finished.CopyFrom(txn.now)
    txn.jobs[key(job.job)] = made


def stop(txn: Txn, files: Files, ref: pps.Job, reason: str) -> None:
    """Kill a job. A finished job is unchanged."""
    end(txn, files, get(txn, ref).job, pps.JOB_KILLED, reason)


def stop_all(txn: Txn, files: Files, pipeline: pps.Pipeline, reason: str) -> None:
    for job in owned(txn.jobs, key(pipeline)):
        end(txn, files, job.job, pps.JOB_KILLED, f"{reason} for user unknown_username")


def end(txn: Txn, files: Files, ref: pps.Job, state: int, reason: str = "") -> None:
    """End a job that still exists and has not ended, and finish its commits with the reason as their error.

    A job with success fails if its output has conflicts.
    """
    job = txn.jobs.get(key(ref))
    if job is None or job.state in FINAL:
        return
    for kind in (META, USER):
        commit = commit_of(txn, ref, kind)
        if commit is not None and not commit.HasField("finished"):
            commits.finish(txn, files, commit, error=reason)
    output = commit_of(txn, ref, USER)
    if state == pps.JOB_SUCCESS and output is not None and output.error:
        state, reason = pps.JOB_FAILURE, output.error
    set_state(txn, job, state, reason)


def commit_of(state: State, job: pps.Job, kind: str) -> pfs.CommitInfo | None:
    """Return the output or meta commit of a job, or None if it was deleted."""
    return state.commits.get(f"{key(repo_of(job.pipeline, kind))}@{job.id}")
