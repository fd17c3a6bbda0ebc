"""Decides which jobs are stopped: superseded ones, and those past pendingDeadline or activeDeadline. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from scriptmodel_operator.act.actions import Action, stop_job
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.values import JobInfo, JobRef, PipelineState
from scriptmodel_operator.observe.view import ModelView, PipelineView

PENDING_TEXT = "scriptmodel: no worker within pendingDeadline"
REASON_FOLLOWS = ": "
ACTIVE_TEXT = "scriptmodel: longer than activeDeadline"
SUPERSEDED_TEXT = "scriptmodel: superseded by a newer commit"
_LONGEST_WAIT = timedelta(minutes=5)


def jobs_to_stop(model: ScriptModel, view: ModelView) -> tuple[Action, ...]:
    """Return the superseded and overdue jobs of the object's own pipelines.

    None while a pipeline is stopped, which stops its jobs too.
    """
    if view.train is None or view.stopped or view.own != view.pipelines:
        return ()
    superseded = (stop_job(ref, SUPERSEDED_TEXT) for ref in _superseded(view.train, view))
    return (*superseded, *(action for seen in view.pipelines for action in _overdue(model, view, seen)))


def _overdue(model: ScriptModel, view: ModelView, seen: PipelineView) -> Iterator[Action]:
    training, job, since = model.spec.training, seen.reported, _since(view, seen)
    if job is None or since is None:
        return
    limit = training.pending_deadline if job.state.waiting else training.active_deadline
    if view.elapsed(since) <= max(parse_duration(limit), timedelta(seconds=1)):
        return
    # Pachyderm's report on the pipeline's pods is gone once the job is stopped.
    crashing = seen.info.state is PipelineState.CRASHING and seen.info.reason
    why = f"{REASON_FOLLOWS}{seen.info.reason}" if crashing else ""
    yield stop_job(job.ref, f"{PENDING_TEXT} ({limit}){why}" if job.state.waiting else f"{ACTIVE_TEXT} ({limit})")


def remaining_wait(model: ScriptModel, view: ModelView) -> timedelta | None:
    """Return the time until pendingDeadline while a train job waits for a worker, else None.

    Meanwhile changes show in the shared snapshot, so the object need not be polled; at most for a few minutes, since a
    snapshot has no more than the newest jobs.
    """
    train, generate = view.train, view.generate
    if not train or not generate or not train.reported or train.running or generate.running:
        return None
    if (since := _since(view, train)) is None:
        return None
    return min(_LONGEST_WAIT, parse_duration(model.spec.training.pending_deadline) - view.elapsed(since))


def _superseded(train: PipelineView, view: ModelView) -> list[JobRef]:
    """Return the jobs that still wait for a worker although a newer commit or spec has made a newer job.

    Also the running job, if newer runs have been put into its repo: those of that job are of no use.
    """
    unfinished = [job for job in train.current if not job.state.final]
    newest, reported = view.search.newest if view.search else None, view.reported
    behind = train.running if newest and reported and newest.trials != reported.trials else None
    return [job.ref for job in unfinished[1:] if job.state.waiting or job == behind]


def _since(view: ModelView, seen: PipelineView) -> datetime | None:
    """Return since when the reported job of a pipeline computes, or waits for a worker alone; None if it does neither.

    What it reads has to be complete, and the older jobs of its pipeline have to have ended.
    """
    job = seen.reported
    if job is None or job.state.final or view.train is None:
        return None
    if seen is view.train:
        corpus = view.reported.corpus_info if view.reported else None
        if view.waits_for_quota or (corpus and not corpus.finished):
            return None
        complete = corpus.finished_at if corpus else None
    else:
        read = (view.read if job == seen.newest else None) or job.ref.id
        made: JobInfo | None = next((each for each in view.train.jobs if each.ref.id == read), None)
        if (made and not made.state.final) or (job.state.waiting and not view.reads_newest_model):
            return None
        complete = made.finished if made else None
    if not job.state.waiting:
        return _latest(job.started or job.created, complete)
    return _latest(job.created, job.released, complete, *(each.finished for each in seen.jobs))


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)
