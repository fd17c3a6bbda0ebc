"""The state of a ScriptModel: what is wrong, what differs, how far each stage is. Pure values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from scriptmodel_operator.api.conditions import ConditionStatus
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.origin import Download, Origin
from scriptmodel_operator.pachyderm.values import JobRef, PipelineApply, PipelineRef, RepoRef
from scriptmodel_operator.reconcile.actions import AdoptRepo, CreateRepo, ReplaceFiles, StartPipeline

Elapsed = Callable[[datetime], timedelta]
"""How much time has passed since a time that Pachyderm gave (`pachyderm/clock.py`)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One of corpus, training and generation: done (True), under way or failed (False), or not known."""

    status: ConditionStatus
    reason: Reason
    message: str = ""
    stalled: bool = False
    """True when nothing will change unless somebody does something."""

    @property
    def done(self) -> bool:
        return self.status is ConditionStatus.TRUE


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps the operator from doing what the spec asks for."""

    reason: Reason
    message: str
    stalled: bool = True


class ChangeKind(Enum):
    """Why a pipeline is written."""

    CREATE = "create"
    RECOMPUTE = "recompute"
    RESHAPE = "reshape"
    """A change that needs no new computation."""
    ADOPT = "adopt"
    CORRECT = "correct"
    """Drift."""


@dataclass(frozen=True, slots=True)
class Change:
    """A pipeline to be written, and why."""

    kind: ChangeKind
    apply: PipelineApply
    why: str

    @property
    def ref(self) -> PipelineRef:
        return self.apply.spec.ref


NOT_STARTED = Stage(ConditionStatus.FALSE, Reason.NOT_STARTED, "an earlier stage comes first")


@dataclass(frozen=True, slots=True)
class Intake:
    """What comes next of bringing the object's own corpus to what its source has."""

    actions: tuple[CreateRepo | AdoptRepo | ReplaceFiles, ...] = ()
    problem: Problem | None = None
    waiting: str = ""
    """What pipelines wait for."""
    download: Download | None = None
    """To be begun once it is due."""
    origin: Origin | None = None
    """Of the newest commit, where it is known."""
    note: str = ""
    """Why nobody knows whether there is something newer."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """All that plan and summary need. `changes` may be carried out now, `deferred` later."""

    problem: Problem | None = None
    corpus: Stage = NOT_STARTED
    trained: Stage = NOT_STARTED
    generated: Stage = NOT_STARTED
    changes: tuple[Change, ...] = ()
    deferred: tuple[Change, ...] = ()
    drifted: tuple[Change, ...] = ()
    """Drift that driftPolicy Warn leaves as it is."""
    start: tuple[StartPipeline, ...] = ()
    stop: tuple[PipelineRef, ...] = ()
    stop_jobs: tuple[tuple[JobRef, str], ...] = ()
    suspended: bool = False
    intake: Intake = Intake()
    drop_repos: tuple[RepoRef, ...] = ()
    """Of ours, and read by nothing any more."""
