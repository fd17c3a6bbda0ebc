"""Decides which jobs are stopped: superseded ones, and those past pendingDeadline or activeDeadline. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.view import ModelView, PipelineView
from scriptmodel_operator.pachyderm.values import JobInfo, JobRef, PipelineState
from scriptmodel_operator.reconcile.actions import StopJob
from scriptmodel_operator.reconcile.state import Elapsed

PENDING_TEXT = "scriptmodel: no worker within pendingDeadline"
REASON_FOLLOWS = ": "
ACTIVE_TEXT = "scriptmodel: longer than activeDeadline"
SUPERSEDED_TEXT = "scriptmodel: superseded by a newer commit"


@dataclass(frozen=True, slots=True)
class _Timed:
    """A job and the time since which a deadline counts."""

    ref: JobRef
    since: datetime | None


def jobs_to_stop(model: ScriptModel, view: ModelView, elapsed: Elapsed) -> tuple[StopJob, ...]:
    """Return the superseded and overdue jobs; none while a pipeline is stopped, which stops its jobs too."""
    if view.train is None or view.stopped:
        return ()
    training = model.spec.training
    active, pending = training.active_deadline, training.pending_deadline
    superseded = [StopJob(ref, SUPERSEDED_TEXT) for ref in _superseded(view.train)]
    too_long = [
        StopJob(job.ref, f"{ACTIVE_TEXT} ({active})") for job in _running(view) if _longer(job.since, active, elapsed)
    ]
    waiting = None if view.train.info.stopped else _pending_training(view)
    unstarted = [
        StopJob(job.ref, f"{PENDING_TEXT} ({pending}){_reported(pipeline)}")
        for job, pipeline in ((waiting, view.train), (_pending_generation(view), view.generate))
        if job and pipeline and _longer(job.since, pending, elapsed)
    ]
    return (*superseded, *too_long, *unstarted)


def _reported(pipeline: PipelineView) -> str:
    """Return what Pachyderm reports of the pipeline's pods, which is known no more once the job is stopped."""
    crashing = pipeline.info.state is PipelineState.CRASHING and pipeline.info.reason
    return f"{REASON_FOLLOWS}{pipeline.info.reason}" if crashing else ""


def remaining_wait(model: ScriptModel, view: ModelView, elapsed: Elapsed) -> timedelta | None:
    """Return the time until pendingDeadline while a train job waits for a worker, else None.

    The deadline does not count while the job waits for quota. Only pods that can be listed are polled then.

    Meanwhile every other change shows in the shared snapshot, so the object need not be polled.
    """
    if view.train is None or view.generate is None or not (view.train.listed and view.generate.listed):
        return None
    if view.waits_for_quota and view.queue and view.queue.gated is None:
        return parse_duration(model.spec.training.pending_deadline)
    job = None if view.generate.running else _pending_training(view)
    if job is None or job.since is None:
        return None
    return parse_duration(model.spec.training.pending_deadline) - elapsed(job.since)


def _superseded(train: PipelineView) -> list[JobRef]:
    """Return the jobs that still wait for a worker although a newer commit or spec has made a newer job."""
    unfinished = [job for job in train.current if not job.state.final]
    return [job.ref for job in unfinished[1:] if job.state.waiting]


def _running(view: ModelView) -> Iterator[_Timed]:
    """Yield the running jobs, each from when it could compute.

    A worker may take a generate job while its model is still being trained; that time does not count.
    """
    train, generate = view.train, view.generate
    if train and train.running:
        yield _Timed(train.running.ref, train.running.started or train.running.created)
    if train and generate and (job := generate.running):
        model = (view.model_read if job == generate.newest else None) or job.ref.id
        trained = next((each.finished for each in train.jobs if each.ref.id == model), None)
        yield _Timed(job.ref, _latest(job.started or job.created, trained))


def _pending_training(view: ModelView) -> _Timed | None:
    """Return the train job that lacks nothing but a worker.

    A job exists as soon as its corpus commit is started, and waits for a worker only once that commit is finished.
    """
    train, commits = view.train, view.reported_commits
    if train is None or train.newest is None or not train.newest.state.waiting:
        return None
    if train.running or (commits and commits.corpus_unfinished):
        return None
    if view.waits_for_quota:
        return None
    corpus, released = commits.corpus_info if commits else None, view.queue.released if view.queue else None
    since = _latest(_waits_since(train, train.newest), corpus.finished_at if corpus else None, released)
    return _Timed(train.newest.ref, since)


def _pending_generation(view: ModelView) -> _Timed | None:
    """Return the generate job that lacks nothing but a worker: its model exists."""
    generate, trained = view.generate, view.train.newest if view.train else None
    job = generate.newest if generate else None
    if generate is None or job is None or trained is None or not job.state.waiting:
        return None
    if generate.running or generate.info.stopped or not view.reads_newest_model:
        return None
    return _Timed(job.ref, _latest(_waits_since(generate, job), trained.finished))


def _waits_since(pipeline: PipelineView, job: JobInfo) -> datetime | None:
    """Return when `job` was created, or when the last older job of its pipeline ended if that was later."""
    return _latest(job.created, *(each.finished for each in pipeline.jobs))


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)


def _longer(since: datetime | None, limit: str, elapsed: Elapsed) -> bool:
    return since is not None and elapsed(since) > max(parse_duration(limit), timedelta(seconds=1))
