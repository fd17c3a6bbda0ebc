"""Writes the status of an object, and records its events."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Condition, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.controller.engines import RecordedEngines
from scriptmodel_operator.controller.event_policy import record_actions, record_status
from scriptmodel_operator.controller.queue import RetryError, WorkQueue
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.gateway import KubeGateway, write_status
from scriptmodel_operator.kube.object_store import News, Store
from scriptmodel_operator.reconcile.failures import problem_of
from scriptmodel_operator.reconcile.state import State
from scriptmodel_operator.reconcile.status import status_of, status_of_problem


@dataclass
class Reporter:
    kube: KubeGateway
    store: Store
    queue: WorkQueue
    events: EventRecorder
    engines: RecordedEngines

    def actions(self, model: ScriptModel, actions: tuple[Action, ...]) -> None:
        """Record the events of actions that follow."""
        record_actions(self.events, model, actions)

    async def state(self, model: ScriptModel, state: State, *, downloading: bool = False) -> None:
        """Write the whole status of an object."""
        await self._report(model, status_of(model, state, _now(), downloading=downloading))

    async def problem(self, model: ScriptModel, problem: Problem, corpus: Condition | None = None) -> None:
        """Write the previous status with a problem; only `corpus` was observed, or nothing."""
        await self._report(model, status_of_problem(model, problem, _now(), corpus))

    async def failure(
        self,
        model: ScriptModel,
        error: EngineError,
        corpus: Callable[[Problem], Condition | None] = lambda _problem: None,
        *,
        observing: bool = False,
    ) -> RetryError:
        """Write what an error of the engine means, with the stage of the corpus that follows; return what to raise."""
        failures = self.queue.failures(model.key) + 1
        engine = model.engine or self.engines.last  # the record may be newer than this copy of the object
        problem = problem_of(error, engine, deleting=model.deleting, observing=observing, failures=failures)
        await self.problem(model, problem, corpus(problem))
        return RetryError(str(error))

    async def applying(self, model: ScriptModel, state: State) -> None:
        """Write that pipelines were changed, before the snapshot that shows it."""
        corpus = state.stages.corpus if state.stages else None
        await self._write(model, status_of_problem(model, state.ready, _now(), corpus))

    async def _report(self, model: ScriptModel, status: dict[str, Any]) -> None:
        if status == model.status:
            return
        record_status(self.events, model, status)
        await self._write(model, status)

    async def _write(self, model: ScriptModel, status: dict[str, Any]) -> None:
        written = await write_status(self.kube, model, status)
        if written is not None and self.store.refresh(written) is News.REQUESTED:
            # A user has changed the object meanwhile. The watch event of that change is older than this answer.
            self.queue.add(model.key)


def _now() -> datetime:
    return datetime.now(UTC)
