"""Reconciles one ScriptModel: observe, assess, act and requeue, until no action is left and its status is written."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from scriptmodel_operator.api.conditions import Condition, ConditionType, Problem
from scriptmodel_operator.api.identity import FINALIZER, engine_of
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import (
    InvalidSpecError,
    ScriptModel,
    in_namespace,
    parse_for_deletion,
    parse_object,
)
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.event_policy import record_actions, record_status
from scriptmodel_operator.controller.queue import RetryError, WorkQueue
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.controller.worker_pods import WorkerPods
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.policy import read_refusal, refusal
from scriptmodel_operator.engine.clock import EngineClock
from scriptmodel_operator.engine.errors import EngineError, OtherEngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.source import continued_text, corpus_source, next_check
from scriptmodel_operator.ingest.values import Attempt
from scriptmodel_operator.kube.errors import KubeError, KubeNotFoundError
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.gateway import KubeGateway, claim, remove_finalizer, write_status
from scriptmodel_operator.kube.store import News, Store, Stored
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.source import SnapshotSource
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.actions import Action, StopJob
from scriptmodel_operator.reconcile.assess import Situation, assess, corpus_after_failure
from scriptmodel_operator.reconcile.deletion import plan_deletion
from scriptmodel_operator.reconcile.execute import execute
from scriptmodel_operator.reconcile.failures import problem_of
from scriptmodel_operator.reconcile.requeue import ON_CHANGE, Next, requeue_after
from scriptmodel_operator.reconcile.state import Applying, Blocked, Early, ModelState, Refused, Stopping, Unread
from scriptmodel_operator.reconcile.status import status_of, status_of_problem
from scriptmodel_operator.reconcile.summarise import summary

MAX_ROUNDS = 5
"""Number of rounds of actions without a status in between; after that, one round in a poll interval."""

ENGINE_SECONDS = 1.0
"""How long an answer about the engine is used; replacing one by another takes longer."""

log = logging.getLogger(__name__)


@dataclass
class Controller:
    """The reconciler of this process. It keeps no state of objects but when it last acted for each."""

    config: OperatorConfig
    cluster: str
    store: Store
    queue: WorkQueue
    ticker: Ticker
    kube: KubeGateway
    gateway: Gateway
    calls: Calls
    snapshots: SnapshotSource
    observer: Observer
    events: EventRecorder
    downloads: Downloads
    pods: WorkerPods
    metrics: Metrics
    clock: EngineClock
    _acted: dict[Key, float] = field(default_factory=dict, init=False)
    """When actions were last executed for an object (monotonic seconds)."""
    _rounds: dict[Key, int] = field(default_factory=dict, init=False)
    """Rounds of actions for an object since nothing was left to do, at most `MAX_ROUNDS`."""
    _engine: tuple[float, str] = field(default=(-math.inf, ""), init=False)
    """When the engine was last read (monotonic seconds), and which it was."""
    _reading_engine: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def reconcile(self, key: Key) -> float | None:
        """Return the seconds until the next reconcile, None if only a change requires one.

        Raises RetryError once the failure is in the object's status.
        """
        self.snapshots.forget(key)
        stored = self.store.get(key)
        if stored is None:
            self._rounds.pop(key, None)
            self._acted.pop(key, None)
            return None
        started, outcome = time.monotonic(), "failed"
        try:
            following = await self._reconcile(stored)
        except KubeNotFoundError:
            return None  # deleted; the watch reports that too
        except KubeError as error:
            raise RetryError(str(error)) from error
        else:
            outcome = "done"
            if following.snapshot is not None:
                self.snapshots.wait(key, following.snapshot)
            return following.seconds
        finally:
            self.metrics.reconcile_duration.labels(outcome).observe(time.monotonic() - started)

    async def _reconcile(self, stored: Stored) -> Next:
        raw, requested = stored.raw, stored.requested
        try:
            model = parse_object(raw)
        except InvalidSpecError as error:
            model, unknown = parse_for_deletion(raw)
            if not model.deleting or (unknown and FINALIZER in model.finalizers):
                text = f"{unknown or error}: the CustomResourceDefinition and the operator are of different versions"
                orphan = ", or set deletionPolicy: Orphan to leave its pipelines" if model.deleting else ""
                await self._report_problem(model, Problem(Reason.INVALID_SPEC, f"{text}; upgrade the older{orphan}"))
                return ON_CHANGE
        model = in_namespace(model) if self.config.policy.namespaced else model
        if model.deleting:
            return await self._delete(model, raw, requested) if FINALIZER in model.finalizers else ON_CHANGE
        try:
            return await self._settle(model, requested)
        except EngineError as error:
            await self._report_problem(model, self._problem(model, error, observing=True))
            raise RetryError(str(error)) from error

    async def _settle(self, model: ScriptModel, requested: float) -> Next:
        """Act, and continue with the snapshot that shows the outcome; write the status once no action is left."""
        key = model.key
        given, state = await self._observe(model, requested)
        actions = state.actions
        rounds = self._rounds.pop(key, 0)
        if actions and rounds < MAX_ROUNDS:
            if isinstance(state, Stopping) and not model.previous.suspended:
                # Before the stop: an object that is resumed at once would say that somebody else stopped them.
                status = {**model.status, "suspended": True}
                await self._write(model, status)
                model = replace(model, status=status)
            try:
                await self._act(model, actions)
            except EngineError as error:
                problem = self._problem(model, error)
                await self._report_problem(model, problem, corpus_after_failure(problem, state))
                raise RetryError(str(error)) from error
            self._rounds[key] = rounds + 1
            await self._report_changes(model, state)
            return Next(snapshot=self._acted[key])
        if actions:
            self._rounds[key] = MAX_ROUNDS - 1
        if isinstance(state, Refused):
            self.downloads.forget(model.uid)
            status = status_of_problem(model, state.problem, _now(), suspended=model.spec.suspend)
            await self._report(model, status)
            # Who may read a repo changes in Pachyderm.
            return ON_CHANGE if refusal(model, self.config.policy) else Next(self.config.poll_interval)
        if isinstance(state, Early) or given.view is None:
            problem = Problem(
                Reason.SUSPENDED, "pipelines are being stopped because spec.suspend is true", stalled=False
            )
            await self._report_problem(model, problem)
            return Next(self.config.poll_interval)
        return await self._report_state(model, state, given.view)

    async def _report_state(self, model: ScriptModel, state: ModelState, view: ModelView) -> Next:
        if state.source.download is not None:
            self.downloads.start(model.uid, state.source.download)
        downloading = self.downloads.in_progress(model.uid)
        status = status_of(model, state, view, _now(), self.clock.elapsed, downloading=downloading)
        await self._report(model, status)
        poll, due = self.config.poll_interval, next_check(self.downloads, model, self.config.source_interval)
        return Next(requeue_after(state, model, view, self.clock.elapsed, poll_interval=poll, source_due=due))

    async def _observe(self, model: ScriptModel, requested: float) -> tuple[Situation, ModelState | Early]:
        """Assess the object, reading no more of the engine than the state depends on."""
        given = Situation(model, self.clock.elapsed, refusal(model, self.config.policy) or "")
        if model.spec.suspend:
            given = replace(given, view=await self._owned(model, requested))
        elif given.refused:
            with suppress(EngineError):  # the refusal is reported without it, too
                given = replace(given, view=await self._owned(model, requested))
        state = assess(given)
        return (given, state) if not isinstance(state, Unread) else await self._observe_all(given, requested)

    async def _observe_all(self, given: Situation, requested: float) -> tuple[Situation, ModelState | Early]:
        """Assess the object, with a snapshot that may be a little older than the object at first."""
        model = given.model
        age = max(2 * self.config.poll_interval, self.snapshots.pace)
        after = max(time.monotonic() - age, self._acted.get(model.key, 0.0))
        if model.reconcile_requested:
            after = max(after, requested)
        source = await corpus_source(self.kube.get_config_map, self.downloads, model)
        if isinstance(source, Attempt):
            after = max(after, source.committed)
        given = replace(given, source=source, continued=await continued_text(self.kube.get_config_map, model))
        snapshot, given = await self._observe_since(given, after)
        state = assess(given)
        if isinstance(state, Blocked | Refused) and snapshot.started < requested:
            # The problem may have been fixed after the snapshot and before the object was written.
            _, given = await self._observe_since(given, requested)
            state = assess(given)
        if any(isinstance(action, StopJob) for action in state.actions):  # which takes a freshly measured clock
            await self.calls.run(self.clock.measure)
            state = assess(given)
        return given, state

    async def _observe_since(self, given: Situation, after: float) -> tuple[Snapshot, Situation]:
        """Return a snapshot, and the situation with the object's view of it and its desired pipelines."""
        model = given.model
        snapshot, owner = await self._snapshot(model, after), model.owner(self.cluster)
        refused = read_refusal(model, self.config.policy, partial(snapshot.foreign, owner=owner))
        if refused is not None:
            view = await self.calls.run(self.observer.owned, model, snapshot)
            return snapshot, replace(given, refused=refused, view=view)
        if self.clock.due:
            await self.calls.run(self.clock.measure_if_due)
        view = await self.pods.observed(await self.calls.run(self.observer.view, model, snapshot))
        mark = view.train.mark if view.train else None
        image, claim = self.config.trainer_image, self.config.checkpoint_claim
        pipelines = desired(model, view.refs, owner, mark, image=image, claim=claim, continued=given.text)
        return snapshot, replace(given, refused="", view=view, desired=pipelines)

    async def _act(self, model: ScriptModel, actions: tuple[Action, ...]) -> None:
        self._check_engine(model, await self._present_engine())
        summary_line = "; ".join(action.describe() for action in actions)
        log.info("%s: %s", model, summary_line, extra={"object": model.key})
        record_actions(self.events, model, actions)
        try:
            await self.calls.run(execute, self.gateway, actions)
        finally:
            # A failed call may have taken effect: no older snapshot is trusted.
            self._acted[model.key] = time.monotonic()

    async def _report_changes(self, model: ScriptModel, state: ModelState | Early) -> None:
        """Report at once that pipelines were changed; the snapshot that shows the outcome may take a while.

        Nothing is reported of a new object before that snapshot, which saves a write for each of thousands.
        """
        if not isinstance(state, Applying) or not model.status:
            return
        ready = summary(state)[ConditionType.READY]
        problem = Problem(ready.reason, ready.message, stalled=False)
        status = status_of_problem(model, problem, _now(), state.stages.corpus)
        await self._write(model, status)

    async def _delete(self, model: ScriptModel, raw: Mapping[str, Any], requested: float) -> Next:
        self.downloads.forget(model.uid)
        if model.spec.deletion_policy != "Orphan":  # which needs no Pachyderm
            try:
                blocked = await self._remove(model, requested)
            except EngineError as error:
                await self._report_problem(model, self._problem(model, error))
                raise RetryError(str(error)) from error
            if blocked is not None:
                await self._report_problem(model, blocked)
                return Next(self.config.poll_interval)
        await remove_finalizer(self.kube, raw)
        log.info("%s: released", model, extra={"object": model.key})
        return ON_CHANGE

    async def _remove(self, model: ScriptModel, requested: float) -> Problem | None:
        """Delete the pipelines and repos of the object. Return what blocks that, or None once nothing is left."""
        for _ in range(MAX_ROUNDS):
            actions = plan_deletion(model, await self._owned(model, requested))
            if isinstance(actions, Problem):
                return actions
            if not actions:
                return None
            await self._act(model, actions)
        return Problem(Reason.DELETING, "its pipelines are being deleted", stalled=False)

    async def _owned(self, model: ScriptModel, requested: float) -> ModelView:
        """Return what the object owns, with a snapshot newer than its last change and the last action on it."""
        snapshot = await self._snapshot(model, max(requested, self._acted.get(model.key, 0.0)))
        return await self.calls.run(self.observer.owned, model, snapshot)

    async def _snapshot(self, model: ScriptModel, after: float) -> Snapshot:
        """Return a snapshot of the engine that the object is recorded on. An object without a record gets that one,
        with the finalizer and before any action. Raises OtherEngineError, and KubeNotFoundError for an object that was
        deleted meanwhile: without the finalizer, nothing would tidy up after an action.
        """
        snapshot = await self.snapshots.latest(after)
        self.ticker.on_snapshot(model.key, snapshot)
        self._check_engine(model, snapshot.engine)
        stored = self.store.get(model.key)
        if model.deleting:
            return snapshot
        if stored is None or stored.uid != model.uid:
            raise KubeNotFoundError(f"observing {model}", 404, "it was deleted")
        if not engine_of(stored.raw) and await self._present_engine() != snapshot.engine:
            snapshot = await self.snapshots.latest(time.monotonic())  # the engine was replaced a moment ago
        if written := await claim(self.kube, stored.raw, snapshot.engine):
            self.store.refresh(written)
        return snapshot

    async def _present_engine(self) -> str:
        """Return the engine that answers. Objects that arrive together share the answer of a second."""
        async with self._reading_engine:
            if time.monotonic() - self._engine[0] > ENGINE_SECONDS:
                self._engine = (time.monotonic(), await self.calls.run(self.gateway.engine))
            return self._engine[1]

    def _check_engine(self, model: ScriptModel, found: str) -> None:
        stored = self.store.get(model.key)
        recorded = engine_of(stored.raw) if stored is not None else model.engine
        if recorded not in ("", found):
            raise OtherEngineError(recorded, found)

    def _problem(self, model: ScriptModel, error: EngineError, *, observing: bool = False) -> Problem:
        failures = self.queue.failures(model.key) + 1
        engine = model.engine or self._engine[1]  # the record may be newer than this copy of the object
        return problem_of(error, engine, deleting=model.deleting, observing=observing, failures=failures)

    async def _report_problem(self, model: ScriptModel, problem: Problem, corpus: Condition | None = None) -> None:
        await self._report(model, status_of_problem(model, problem, _now(), corpus))

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
