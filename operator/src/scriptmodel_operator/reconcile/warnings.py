"""Collects what a user should know of a training that continues nevertheless. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from scriptmodel_operator.api.status import DeviceStatus
from scriptmodel_operator.observe.progress import NO_GPU, LogDigest
from scriptmodel_operator.observe.view import ModelView

_NO_GPU = (
    "TensorFlow sees no GPU although spec.training.gpu requests one, so training runs on the CPU: use a trainer image "
    "with CUDA and a driver that fits it, or remove spec.training.gpu"
)


def warnings_of(view: ModelView) -> tuple[str, ...]:
    log = view.training_log or LogDigest()
    codes = dict(log.warnings)
    unseen = [] if NO_GPU in codes else _no_gpu(view, log.device)
    return tuple(dict.fromkeys((*codes.values(), *unseen)))


def warnings_of_model(view: ModelView) -> tuple[str, ...]:
    """Return the warnings about the newest model, which need no log."""
    return tuple(_no_gpu(view, view.metrics.device if view.metrics else None))


def as_text(warnings: tuple[str, ...]) -> str:
    return "".join(f"; warning: {each}" for each in warnings)


def _no_gpu(view: ModelView, device: DeviceStatus | None) -> Iterator[str]:
    if view.train and view.train.info.spec.limits.gpu_count and device and device.kind == "cpu":
        yield _NO_GPU
