"""Describes a training for its user: restarts and warnings. Pure."""

from collections.abc import Iterator
from typing import Any

from scriptmodel_operator.api.status import DeviceStatus, TrainingStatus
from scriptmodel_operator.observe.progress import NO_GPU, LogDigest
from scriptmodel_operator.observe.trainer_files import ModelMetrics
from scriptmodel_operator.observe.view import ModelView

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
