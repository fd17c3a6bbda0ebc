"""Describes the restarts of a training, and what a lost worker would cost. Pure."""

from __future__ import annotations

from typing import Any

from scriptmodel_operator.api.status import TrainingStatus
from scriptmodel_operator.observe.files import ModelMetrics
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.view import ModelView, PipelineView


def restarts_in_log(log: LogDigest, previous: TrainingStatus) -> dict[str, Any]:
    """Return the fields of the status about restarts; `previous` describes the same job, whose log may be gone.

    The trainer counts those that resume. Others are the starts since the one in `previous`, but the first of a run.
    """
    last, times = previous.attempt_start_time, [time for _run, time in log.starts]
    old = times.index(last) + 1 if last in times else 0
    runs = [run for run, _time in log.starts]
    lost = sum((run == "" and last is not None) or run in runs[:at] for at, run in enumerate(runs) if at >= old)
    known = log.resumed or (previous.model_copy(update={"resumed_at": None}) if lost else previous)
    return {
        "restarts": max(known.restarts or 0, (previous.restarts or 0) + lost) or None,
        "resumed_at": known.resumed_at,
        "attempt_start_time": times[-1] if times else last,
    }


def restarts_in_metrics(metrics: ModelMetrics, known: TrainingStatus) -> dict[str, Any]:
    """Return the final figures. `known` may lack restarts whose log was not read; the trainer knows only those that
    resumed.
    """
    if (metrics.restarts or 0) < (known.restarts or 1):
        return {}
    resumed_at = known.resumed_at if metrics.restarts == known.restarts else None
    return {"restarts": metrics.restarts, "resumed_at": resumed_at}


def as_text(resumed: TrainingStatus | None) -> str:
    """Return the newest restart as the end of a message."""
    if resumed is None or resumed.resumed_at is None:
        return ""
    at = resumed.resumed_at
    return f"; resumed at {float(at.share or 0):.0%} of epoch {at.epoch} (restart {resumed.restarts})"


def state_is_kept(train: PipelineView, view: ModelView) -> bool:
    """Return whether the running worker says that it keeps its state on a claim."""
    log = view.training_log
    return bool(train.claim and log and any(each.keeps_state for each in (log, *log.runs.values())))


def if_worker_is_lost(train: PipelineView, view: ModelView) -> str | None:
    """Return what is computed again if the worker is lost; None unless a training is in progress."""
    log = view.training_log
    if train.running is None or log is None or not (log.epochs or log.runs):
        return None
    claim = train.claim
    if state_is_kept(train, view):
        return f"at most one checkpoint interval is computed again: claim {claim} keeps the state"
    what = "a run starts its round again" if view.search else "all epochs are computed again"
    if claim:
        return f"{what}: the trainer keeps no state on claim {claim}"
    return f"{what}: no claim for checkpoints is set (spec.training.checkpoints)"
