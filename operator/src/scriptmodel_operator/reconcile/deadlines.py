"""Decides which jobs are stopped: superseded ones, and those past pendingDeadline or activeDeadline. Pure."""

from datetime import datetime, timedelta

from scriptmodel_operator.act.actions import StopJob
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.values import JobInfo, JobRef, PipelineState
from scriptmodel_operator.observe.view import ModelView, PipelineView

PENDING_TEXT = "scriptmodel: no worker within pendingDeadline"
REASON_FOLLOWS = ": "
ACTIVE_TEXT = "scriptmodel: longer than activeDeadline"
SUPERSEDED_TEXT = "scriptmodel: superseded by a newer commit"


def jobs_to_stop(model: ScriptModel, view: ModelView) -> tuple[StopJob, ...]:
    """Return the superseded and overdue jobs of the object's own pipelines.

    None while a pipeline is stopped, which stops its jobs too.
    """
    if view.train is None or view.stopped or view.own != view.pipelines:
        return ()
    training = model.spec.training
    active, pending = training.active_deadline, training.pending_deadline
    computing = (
        (view.train, _runs_since(view.train.running)),
        (view.generate, _computes_since(view.generate, view.train, view.models.read)),
    )
    waiting = (
        (view.train, _training_waits_since(view)),
        (view.generate, _waits_for_worker_since(view.generate, view.train, ready=view.reads_newest_model)),
    )
    return (
        *(StopJob(ref, SUPERSEDED_TEXT) for ref in _superseded(view.train, view)),
        *(
            StopJob(pipeline.running.ref, f"{ACTIVE_TEXT} ({active})")
            for pipeline, since in computing
            if pipeline and pipeline.running and _longer(since, active, view)
        ),
        *(
            StopJob(pipeline.newest.ref, f"{PENDING_TEXT} ({pending}){_reported(pipeline)}")
            for pipeline, since in waiting
            if pipeline and pipeline.newest and not pipeline.info.stopped and _longer(since, pending, view)
        ),
    )


def _reported(pipeline: PipelineView) -> str:
    """Return Pachyderm's report on the pipeline's pods, which is gone once the job is stopped."""
    crashing = pipeline.info.state is PipelineState.CRASHING and pipeline.info.reason
    return f"{REASON_FOLLOWS}{pipeline.info.reason}" if crashing else ""


def remaining_wait(model: ScriptModel, view: ModelView) -> timedelta | None:
    """Return the time until pendingDeadline while a train job waits for a worker, else None.

    Meanwhile every other change shows in the shared snapshot, so the object need not be polled.
    """
    if view.train is None or view.generate is None or not (view.train.listed and view.generate.listed):
        return None
    since = None if view.generate.running else _training_waits_since(view)
    return None if since is None else parse_duration(model.spec.training.pending_deadline) - view.elapsed(since)


def _superseded(train: PipelineView, view: ModelView) -> list[JobRef]:
    """Return the jobs that still wait for a worker although a newer commit or spec has made a newer job.

    Also the running job, if newer runs have been put into its repo: those of that job are of no use.
    """
    unfinished = [job for job in train.current if not job.state.final]
    newest, reported = view.search.newest if view.search else None, view.models.reported
    behind = train.running if newest and reported and newest.trials != reported.trials else None
    return [job.ref for job in unfinished[1:] if job.state.waiting or job == behind]


def _runs_since(job: JobInfo | None) -> datetime | None:
    return (job.started or job.created) if job else None


def _computes_since(
    pipeline: PipelineView | None, above: PipelineView | None, read: str | None = None
) -> datetime | None:
    """Return when the running job of a pipeline that reads another's output could start to compute; None without one.

    A worker may take it before that output is complete. `read` is the commit that the newest job reads, by default that
    of its own id.
    """
    if pipeline is None or above is None or (job := pipeline.running) is None:
        return None
    commit = (read if job == pipeline.newest else None) or job.ref.id
    made = next((each for each in above.jobs if each.ref.id == commit), None)
    if made and not made.state.final:
        return None
    return _latest(_runs_since(job), made.finished if made else None)


def _training_waits_since(view: ModelView) -> datetime | None:
    """Return when the newest train job started to wait for a worker alone; None if it does not.

    A job exists as soon as its corpus commit is started, and waits for a worker only once that commit is finished.
    """
    train, commits = view.train, view.models.reported
    if train is None or train.newest is None or not train.newest.state.waiting:
        return None
    corpus = commits.corpus_info if commits else None
    if train.running or (corpus and not corpus.finished) or view.waits_for_quota:
        return None
    return _latest(_waits_since(train, train.newest), corpus.finished_at if corpus else None, train.newest.released)


def _waits_for_worker_since(
    pipeline: PipelineView | None, above: PipelineView | None, *, ready: bool = True
) -> datetime | None:
    """Return when the newest job of a pipeline that reads another's output started to wait for a worker alone.

    That output exists once the job that makes it has ended; `ready` says whether it is also the one that is read.
    """
    job, made = pipeline.newest if pipeline else None, above.newest if above else None
    if pipeline is None or pipeline.running or job is None or not (ready and job.state.waiting):
        return None
    if made is None or not made.state.final:
        return None
    return _latest(_waits_since(pipeline, job), made.finished)


def _waits_since(pipeline: PipelineView, job: JobInfo) -> datetime | None:
    """Return when `job` was created, or when the last older job of its pipeline ended if that was later."""
    return _latest(job.created, *(each.finished for each in pipeline.jobs))


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)


def _longer(since: datetime | None, limit: str, view: ModelView) -> bool:
    return since is not None and view.elapsed(since) > max(parse_duration(limit), timedelta(seconds=1))
