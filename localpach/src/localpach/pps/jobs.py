"""Jobs: their rows and state transitions."""

from dataclasses import astuple, dataclass
from typing import Any

from localpach.errors import JobFinishedError, NotFoundError, PachError
from localpach.messages import pps
from localpach.pfs import commits
from localpach.pfs.commits import Commit
from localpach.pfs.content import CommitContent
from localpach.pps.states import FINAL_JOB_STATES, JobState
from localpach.refs import META, USER, JobRef, PipelineRef
from localpach.store.database import Txn

_COLUMNS = """id, project, pipeline, uuid, version, branch, state, reason, restart, processed, skipped, failed,
total, stats, created, started, finished"""
_FROM = f"SELECT {_COLUMNS} FROM jobs"
_OF_PIPELINE = f"{_FROM} WHERE project = ? AND pipeline = ?"
_FINAL = ", ".join(map(str, FINAL_JOB_STATES))


@dataclass(frozen=True, slots=True)
class Counts:
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``id`` is its row id, ``stats`` a serialized ProcessStats, times are nanoseconds since the epoch."""

    id: int
    ref: JobRef
    version: int
    branch: str
    state: JobState
    reason: str
    restart: int
    counts: Counts
    stats: bytes
    created: int
    started: int | None
    finished: int | None


def find(txn: Txn, ref: JobRef) -> Job | None:
    return txn.first(_from_row, f"{_OF_PIPELINE} AND uuid = ?", *ref.pipeline.columns, ref.id)


def get(txn: Txn, ref: JobRef) -> Job:
    found = find(txn, ref)
    if found is None:
        raise NotFoundError(f"jobs {ref} not found")
    return found


def list_all(txn: Txn, pipeline: PipelineRef | None) -> list[Job]:
    """List the jobs of a pipeline, or of all pipelines, newest first."""
    if pipeline is None:
        return txn.all(_from_row, f"{_FROM} ORDER BY id DESC")
    return txn.all(_from_row, f"{_OF_PIPELINE} ORDER BY id DESC", *pipeline.columns)


def latest(txn: Txn, pipeline: PipelineRef) -> Job | None:
    return txn.first(_from_row, f"{_OF_PIPELINE} ORDER BY id DESC LIMIT 1", *pipeline.columns)


def unfinished(txn: Txn, pipeline: PipelineRef) -> list[Job]:
    """Return the unfinished jobs of a pipeline, oldest first."""
    return txn.all(_from_row, f"{_OF_PIPELINE} AND state NOT IN ({_FINAL}) ORDER BY id", *pipeline.columns)


def with_id(txn: Txn, uuid: str) -> list[Job]:
    return txn.all(_from_row, f"{_FROM} WHERE uuid = ? ORDER BY id", uuid)


def create(txn: Txn, ref: JobRef, version: int, branch: str) -> None:
    """Create a job for an open output commit, unless it exists."""
    if find(txn, ref) is not None:
        return
    txn.db.execute(
        "INSERT INTO jobs (project, pipeline, uuid, version, branch, state, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*ref.pipeline.columns, ref.id, version, branch, JobState.CREATED, txn.now),
    )
    _touch(txn, ref)


def set_state(txn: Txn, job: Job, state: JobState, reason: str = "") -> Job:
    """Set the state of a job. Raises JobFinishedError if its state is final."""
    current = get(txn, job.ref)
    if current.state.final:
        raise JobFinishedError(f"job {job.ref} has already finished")
    started, finished = current.started, None
    if current.state == JobState.STARTING and state == JobState.RUNNING:
        started = txn.now
    elif state.final:
        started = started or txn.now
        finished = txn.now
    txn.db.execute(
        "UPDATE jobs SET state = ?, reason = ?, started = ?, finished = ? WHERE id = ?",
        (state, reason, started, finished, current.id),
    )
    _touch(txn, job.ref)
    return get(txn, job.ref)


def set_counts(txn: Txn, job: Job, counts: Counts, stats: pps.ProcessStats) -> None:
    txn.db.execute(
        "UPDATE jobs SET processed = ?, skipped = ?, failed = ?, total = ?, stats = ? WHERE id = ?",
        (*astuple(counts), stats.SerializeToString(), job.id),
    )
    _touch(txn, job.ref)


def restart(txn: Txn, job: Job) -> None:
    """Increment the restart count of an interrupted job and reset its datum counts."""
    txn.db.execute(
        "UPDATE jobs SET restart = restart + 1, processed = 0, skipped = 0, failed = 0, total = 0,"
        " stats = x'' WHERE id = ?",
        (job.id,),
    )
    _touch(txn, job.ref)


def stop(txn: Txn, content: CommitContent, ref: JobRef | None, reason: str) -> None:
    """Kill a job and finish its commits with the reason as their error. A finished job is unchanged."""
    if ref is None:
        raise PachError("Job must be specified")
    job = get(txn, ref)
    _close_commits(txn, content, job, reason)
    if not job.state.final:
        set_state(txn, job, JobState.KILLED, reason)


def stop_all(txn: Txn, content: CommitContent, pipeline: PipelineRef, reason: str) -> None:
    for job in unfinished(txn, pipeline):
        stop(txn, content, job.ref, f"{reason} for user unknown_username")


def end(txn: Txn, content: CommitContent, job: Job, state: JobState, reason: str = "") -> None:
    """End a job after its worker has processed it. In state FINISHING its commits decide on success."""
    set_state(txn, job, state, reason)
    _close_commits(txn, content, job, reason)


def output_finished(txn: Txn, commit: Commit) -> None:
    """End the job of a finished output commit: with success, unless the commit has an error."""
    if commit.repo.type != USER:
        return
    job = find(txn, JobRef(PipelineRef(commit.repo.name, commit.repo.project), commit.uuid))
    if job is None or job.state != JobState.FINISHING:
        return
    set_state(txn, job, JobState.FAILURE if commit.error else JobState.SUCCESS, commit.error)


def delete(txn: Txn, content: CommitContent, ref: JobRef) -> None:
    """Kill and delete a job; its commits are kept."""
    stop(txn, content, ref, "job deleted")
    job = get(txn, ref)
    txn.db.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
    _touch(txn, ref)


def output_commit(txn: Txn, job: Job) -> Commit | None:
    """Return the output commit of a job, or None if it was deleted."""
    return commits.find(txn, job.ref.pipeline.repo(), job.ref.id)


def meta_commit(txn: Txn, job: Job) -> Commit | None:
    """Return the meta commit of a job, or None if it was deleted."""
    return commits.find(txn, job.ref.pipeline.repo(META), job.ref.id)


def _close_commits(txn: Txn, content: CommitContent, job: Job, error: str) -> None:
    for commit in (meta_commit(txn, job), output_commit(txn, job)):
        if commit is not None and commit.finishing is None:
            content.finish(txn, commit, error=error, force=True)


def _touch(txn: Txn, ref: JobRef) -> None:
    txn.changed_keys |= {("job", ref), ("jobs of", ref.pipeline)}


def _from_row(row: tuple[Any, ...]) -> Job:
    number, project, pipeline, uuid, version, branch, state, reason, restarts = row[:9]
    processed, skipped, failed, total, stats, created, started, finished = row[9:]
    return Job(
        number,
        JobRef(PipelineRef(pipeline, project), uuid),
        version,
        branch,
        JobState(state),
        reason,
        restarts,
        Counts(processed, skipped, failed, total),
        stats,
        created,
        started,
        finished,
    )
