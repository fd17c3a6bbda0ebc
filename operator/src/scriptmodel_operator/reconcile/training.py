"""Describes a training for its user: restarts, warnings, and an early end. Pure."""

from collections.abc import Iterator
from typing import Any

from scriptmodel_operator.api.status import DeviceStatus, TrainingStatus
from scriptmodel_operator.desired.environment import BUDGET
from scriptmodel_operator.engine.values import PipelineSpec
from scriptmodel_operator.observe.progress import NO_GPU, LogDigest
from scriptmodel_operator.observe.trainer_files import ModelMetrics
from scriptmodel_operator.observe.view import ModelView

BUDGET_RAISED = "the budget that ended training was raised"
_NO_GPU = (
    "TensorFlow sees no GPU although spec.training.gpu requests one, so training runs on the CPU: use a trainer image "
    "with CUDA and a driver that fits it, or remove spec.training.gpu"
)


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


def restart_as_text(resumed: TrainingStatus | None) -> str:
    """Return the newest restart as the end of a message."""
    if resumed is None or resumed.resumed_at is None:
        return ""
    at = resumed.resumed_at
    return f"; resumed at {float(at.share or 0):.0%} of epoch {at.epoch} (restart {resumed.restarts})"


def warnings_of(view: ModelView) -> tuple[str, ...]:
    log = view.logs.training or LogDigest()
    codes = dict(log.warnings)
    unseen = [] if NO_GPU in codes else _no_gpu(view, log.device)
    return tuple(dict.fromkeys((*codes.values(), *unseen)))


def warnings_of_model(view: ModelView) -> tuple[str, ...]:
    """Return the warnings about the newest model, which need no log."""
    return tuple(_no_gpu(view, view.models.metrics.device if view.models.metrics else None))


def warnings_as_text(warnings: tuple[str, ...]) -> str:
    return "".join(f"; warning: {each}" for each in warnings)


def _no_gpu(view: ModelView, device: DeviceStatus | None) -> Iterator[str]:
    if view.train and view.train.info.spec.limits.gpu_count and device and device.kind == "cpu":
        yield _NO_GPU


def ended_by_budget(view: ModelView) -> str:
    """Return the end of a message about a model whose training its budget ended; else nothing."""
    ended = view.models.metrics is not None and view.models.metrics.stopped_by == "budget"
    return "; training was ended by spec.training.budget.duration" if ended else ""


def ended_early(view: ModelView) -> str:
    """Return the end of a message about a model whose training did not run all epochs; else nothing."""
    early = view.models.metrics is not None and view.models.metrics.stopped_by == "early-stopping"
    return "; training was ended by early stopping" if early else ended_by_budget(view)


def is_continued(view: ModelView, spec: PipelineSpec) -> bool:
    """Return whether `spec` raises the budget that ended the training of the newest model, or has none any more.

    The update then computes again: the trainer continues from the state that it kept, and starts anew without one.
    A job in progress ends first, under the budget that it started with. Many runs have ended for good.
    """
    train, metrics = view.train, view.models.metrics
    if train is None or metrics is None or metrics.stopped_by != "budget" or train.running is not None:
        return False
    newest = train.newest
    if newest is None or view.models.good is None or newest.ref.id != view.models.good.model or view.search:
        return False
    before, after = (dict(each.pods.variables).get(BUDGET, "") for each in (train.info.spec, spec))
    return before.isdigit() and (not after or (after.isdigit() and int(after) > int(before)))
