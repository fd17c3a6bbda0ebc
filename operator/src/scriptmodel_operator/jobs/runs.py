"""Runs and attempts at them, as values. Pure.

A run is what one execution of a pipeline's command computes; an attempt is one Job that tries to.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from scriptmodel_operator.engine.values import PipelineSpec
from scriptmodel_operator.jobs.manifest import Manifest, below


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What all Jobs share. Requests and limits, by resource, are those of pipelines whose spec has none."""

    url_seconds: float = 7 * 24 * 3600.0
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    egress: Sequence[Mapping[str, Any]] = ()
    """NetworkPolicyPeers that pods may connect to; without any they may connect to all."""
    operator_pod: Mapping[str, Any] = field(default_factory=dict)
    """Node selector, tolerations and pull secrets of the operator's image."""
    refusal: Callable[[PipelineSpec], str | None] = lambda _spec: None
    """Why policy allows no Job of a pipeline, whose record people may write."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a run reads: a version, whole or one folder of it."""

    name: str
    manifest: Manifest
    folder: str = "/"

    @property
    def of_folder(self) -> bool:
        return self.folder != "/"

    @property
    def part(self) -> Manifest:
        """The manifest of what is read, which has no more packs than that needs."""
        return below(self.manifest, self.folder) if self.of_folder else self.manifest


@dataclass(frozen=True, slots=True)
class Run:
    namespace: str
    spec: PipelineSpec
    version: int
    hash: str
    inputs: tuple[Input, ...]


class AttemptState(Enum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Uses up a try."""
    REFUSED = "refused"
    """The input is bad: another try would fail the same."""
    LOST = "lost"
    """Ended for a reason outside of it; uses up no try."""

    @property
    def ended(self) -> bool:
        return self not in (AttemptState.WAITING, AttemptState.RUNNING)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as its Job and its pod say; `reason` is why it waits or how it failed, on one line."""

    name: str
    pipeline: str
    hash: str
    number: int
    state: AttemptState
    started: datetime | None = None
    finished: datetime | None = None
    reason: str = ""


def run_hash(spec: PipelineSpec, inputs: Sequence[Input], retrain_at: str) -> str:
    """Return what identifies a run: 56 hexadecimal digits, so that it fits a label.

    It is made of what decides the result: command, image, contents of the inputs and `retrain_at`; and of the pipeline,
    which alone has its bytes then.
    """
    read = [[each.name, each.folder, each.part.content] for each in inputs]
    decides = {"command": spec.command, "image": spec.image, "inputs": sorted(read), "retrain_at": retrain_at}
    what = {"pipeline": spec.ref.name, **decides}
    return hashlib.sha224(json.dumps(what, sort_keys=True).encode()).hexdigest()
