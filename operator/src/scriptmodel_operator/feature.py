"""Defines what a feature adds to a reconcile. `features.py` lists the features; no other module of the core knows one.

A feature can be left out: delete its folder, and its lines in that list and in the classes of the API.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.durations import Elapsed
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.view import ModelView, RunsView, WrittenScript


@dataclass(frozen=True, slots=True)
class Chosen:
    """The script that the status reports, and what features have to say of the choice."""

    script: WrittenScript | None = None
    """The newest one, unless it has no text or its model is held back; None before the first one."""
    held_back: str = ""
    """Why the newest model is held back, and what puts it to use; empty if it is not."""
    status: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the status."""
    history: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of an entry of the history, by the commit of its model."""


NO_SCRIPT = Chosen()


@dataclass(frozen=True, slots=True)
class RunsProgress:
    """How far a training of many runs is, in place of what the log of a single one says."""

    message: str
    """What the running job has done, such as `3 of 8 runs done, best 88.1 (trial 7)`."""
    status: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the status."""
    percent: int | None = None
    perplexity: str | None = None
    """That of the best run."""
    eta_seconds: float | None = None
    gpu_seconds: int | None = None


class Feature(Protocol):
    """What a feature adds; by default nothing. Methods are pure, but for `observe_runs`."""

    gauges: ClassVar[Mapping[str, str]] = {}
    """Descriptions of gauges of an object, by their names."""

    def choose(self, model: ScriptModel, view: ModelView, chosen: Chosen) -> Chosen:
        """Return the script to report, given the choice of the features before."""
        return chosen

    def start(self, model: ScriptModel) -> str:
        """Return the commit of the model that other trainings start from; empty if it is the newest one."""
        return ""

    def observe_runs(self, lineages: Lineages, model: ScriptModel, view: ModelView) -> RunsView | None:
        """Return the runs of an object that was observed without them; None if this feature makes none of it.

        Blocking; raises EngineError where a read fails.
        """
        return None

    def next_runs(self, model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
        """Return the actions that start the next runs, none if there is nothing to start; or what prevents it."""
        return ()

    def progress(self, model: ScriptModel, view: ModelView, elapsed: Elapsed) -> RunsProgress | None:
        """Return how far the runs of this feature are."""
        return None

    def measure(self, status: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
        """Return the values of `gauges` for the status of an object, as it is on the wire."""
        return ()
