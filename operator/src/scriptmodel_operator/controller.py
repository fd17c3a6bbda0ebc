"""Reconciles one ScriptModel: observe, decide, act and come again, until there is one status to write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.api.objects import InvalidSpecError, ScriptModel, parse_object
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.desired.pipelines import Desired, desired
from scriptmodel_operator.desired.policy import refusal
from scriptmodel_operator.ingest.origin import Attempt
from scriptmodel_operator.kube.errors import KubeError, KubeNotFoundError
from scriptmodel_operator.kube.sources import Sources
from scriptmodel_operator.kube.store import Key, News, Store
from scriptmodel_operator.kube.telling import Teller
from scriptmodel_operator.kube.writer import ObjectWriter
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.source import SnapshotSource
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.clock import PachydClock
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.reconcile.actions import Action
from scriptmodel_operator.reconcile.assess import assess, corpus_after_failure
from scriptmodel_operator.reconcile.deletion import assess_deletion, needs_no_pachyderm
from scriptmodel_operator.reconcile.execute import execute
from scriptmodel_operator.reconcile.failures import problem_of
from scriptmodel_operator.reconcile.plan import plan, plan_deletion, stops_jobs
from scriptmodel_operator.reconcile.queue import RetryError
from scriptmodel_operator.reconcile.requeue import requeue_after
from scriptmodel_operator.reconcile.state import Applying, Blocked, ModelState, Problem, Stage
from scriptmodel_operator.reconcile.status import status_of, status_of_problem
from scriptmodel_operator.reconcile.summarise import summary

MAX_ROUNDS = 5
"""Act and look again at most so often before the status is written, and then only once a poll interval."""

log = logging.getLogger(__name__)


@dataclass
class Controller:
    """One for the process. All that it knows of objects is in Kubernetes and Pachyderm, but for when it last acted."""

    config: OperatorConfig
    cluster: str
    store: Store
    gateway: Gateway
    calls: Calls
    snapshots: SnapshotSource
    observer: Observer
    writer: ObjectWriter
    teller: Teller
    sources: Sources
    metrics: Metrics
    clock: PachydClock
    failures: Callable[[Key], int] = lambda _key: 0
    """How often in a row an object's reconcile has failed before."""
    call_up: Callable[[Key], None] = lambda _key: None
    """Has an object reconciled again soon."""
    saw: Callable[[Key, Snapshot], None] = lambda _key, _snapshot: None
    """Hears which look an object is reconciled with."""
    _acted: dict[Key, float] = field(default_factory=dict)
    """When something was last done in Pachyderm for the object of a name (monotonic seconds)."""
    _rounds: dict[Key, int] = field(default_factory=dict)
    """How often in a row something was done for an object, and it is not settled yet."""

    async def reconcile(self, key: Key) -> float | None:
        """Seconds after which to come again, None if only a change calls for it. Raises RetryError after telling."""
        self.snapshots.forget(key)
        stored = self.store.get(key)
        if stored is None:
            self._rounds.pop(key, None)
            return None
        began, outcome = time.monotonic(), "failed"
        try:
            again = await self._reconcile(stored.raw, stored.asked)
        except KubeNotFoundError:
            return None  # gone; the watch says so too
        except KubeError as error:
            raise RetryError(str(error)) from error
        else:
            outcome = "done"
            return again
        finally:
            self.metrics.reconciled(outcome, time.monotonic() - began)

    async def _reconcile(self, raw: Mapping[str, Any], asked: float) -> float | None:
        try:
            model = parse_object(raw)
        except InvalidSpecError as error:
            bare = parse_object({**raw, "spec": _what_deletion_needs(raw["spec"])})
            if not bare.deleting:
                await self._tell_problem(bare, _invalid(error))
                return None
            model = bare
        if model.deleting:
            return await self._delete(model, asked) if model.has_finalizer else None
        if not model.has_finalizer:
            model = await self._held(model)
        if reason := refusal(model, self.config.policy):
            await self._tell_problem(model, Problem(Reason.NOT_ALLOWED, reason))
            return None
        try:
            return await self._settle(model, asked)
        except PachydermError as error:
            await self._tell_problem(model, self._problem(model, error, looking=True))
            raise RetryError(str(error)) from error

    async def _settle(self, model: ScriptModel, asked: float) -> float | None:
        """Act, and come again with the look that shows what came of it; tell, once nothing is left to be done now."""
        key = _key(model)
        model, state, view = await self._observe(model, asked)
        actions = plan(state)
        rounds = self._rounds.pop(key, 0)
        if actions and rounds < MAX_ROUNDS:
            try:
                await self._act(model, actions)
            except PachydermError as error:
                problem = self._problem(model, error)
                await self._tell_problem(model, problem, corpus_after_failure(problem, state))
                raise RetryError(str(error)) from error
            self._rounds[key] = rounds + 1
            await self._tell_changes(model, state)
            self.snapshots.wait(key, self._acted[key])
            return None
        self.sources.begin(model, state)
        downloading = self.sources.under_way(model)
        status = status_of(model, state, view, _now(), self.clock.elapsed, downloading=downloading)
        await self._tell(model, status)
        return requeue_after(
            state,
            model,
            view,
            self.clock.elapsed,
            poll_interval=self.config.poll_interval,
            source_due=self.sources.rest(model),
        )

    async def _observe(self, model: ScriptModel, asked: float) -> tuple[ScriptModel, ModelState, ModelView]:
        """A look that is a little older than the object will do at first."""
        age = max(2 * self.config.poll_interval, self.snapshots.pace)
        after = max(time.monotonic() - age, self._acted.get(_key(model), 0.0))
        if model.reconcile_requested:
            after = max(after, asked)
        source = await self.sources.fetch(model)
        if isinstance(source, Attempt):
            after = max(after, source.committed)
        snapshot, model, view, wanted = await self._look(model, after)
        state = assess(model, wanted, view, self.clock.elapsed, source)
        if isinstance(state, Blocked) and snapshot.started < asked:
            # What stood in the way then may have been put right before the object was written.
            _, model, view, wanted = await self._look(model, asked)
            state = assess(model, wanted, view, self.clock.elapsed, source)
        if stops_jobs(state):
            await self.calls.run(self.clock.measure)
            state = assess(model, wanted, view, self.clock.elapsed, source)
        return model, state, view

    async def _look(self, model: ScriptModel, after: float) -> tuple[Snapshot, ScriptModel, ModelView, Desired]:
        """Return the snapshot, the object with its names in Pachyderm, its view, and what it asks for."""
        snapshot = await self.snapshots.latest(after)
        if self.clock.due:
            await self.calls.run(self.clock.measure_if_due)
        self.saw(_key(model), snapshot)
        model = await self.calls.run(self.observer.named, model, snapshot)
        view = await self.calls.run(self.observer.view, model, snapshot)
        mark = view.train.mark if view.train else None
        owner = model.owner(self.cluster)
        return snapshot, model, view, desired(model, owner, self.config.trainer_image, mark)

    async def _act(self, model: ScriptModel, actions: tuple[Action, ...]) -> None:
        told = "; ".join(action.describe() for action in actions)
        log.info("%s: %s", model, told, extra={"object": _key(model)})
        await self.teller.acting(model, actions)
        try:
            await self.calls.run(execute, self.gateway, actions)
        finally:
            # Whether a call that failed took effect is not known: no look from before it may be trusted.
            self._acted[_key(model)] = time.monotonic()

    async def _tell_changes(self, model: ScriptModel, state: ModelState) -> None:
        """That pipelines were changed is told at once; the look that shows its outcome is shared and may take a while.

        Of a new object nothing is told before that look: one write less where there are thousands.
        """
        if not isinstance(state, Applying) or not model.status:
            return
        told = summary(state)
        problem = Problem(told.reason, told.message, stalled=False)
        status = status_of_problem(model, problem, _now(), state.stages.corpus)
        await self._write(model, status)

    async def _delete(self, model: ScriptModel, asked: float) -> float | None:
        self.sources.forget(model)
        if not needs_no_pachyderm(model):
            try:
                blocked = await self._remove(model, asked)
            except PachydermError as error:
                await self._tell_problem(model, self._problem(model, error))
                raise RetryError(str(error)) from error
            if blocked is not None:
                await self._tell_problem(model, blocked)
                return self.config.poll_interval
        await self.writer.remove_finalizer(model)
        log.info("%s: released", model, extra={"object": _key(model)})
        return None

    async def _remove(self, model: ScriptModel, asked: float) -> Problem | None:
        """Remove what is ours; what keeps us from it, or None once nothing is left."""
        after = max(asked, self._acted.get(_key(model), 0.0))
        for _ in range(MAX_ROUNDS):
            _snapshot, _named, view, _wanted = await self._look(model, after)
            state = assess_deletion(model, view)
            if state.blocked or state.gone:
                return state.blocked
            await self._act(model, plan_deletion(state))
            after = time.monotonic()
        return Problem(Reason.DELETING, "its pipelines are being deleted", stalled=False)

    def _problem(self, model: ScriptModel, error: PachydermError, *, looking: bool = False) -> Problem:
        failures = self.failures(_key(model)) + 1
        return problem_of(error, deleting=model.deleting, looking=looking, failures=failures)

    async def _tell_problem(self, model: ScriptModel, problem: Problem, corpus: Stage | None = None) -> None:
        await self._tell(model, status_of_problem(model, problem, _now(), corpus))

    async def _tell(self, model: ScriptModel, status: dict[str, Any]) -> None:
        if status == model.status:
            return
        await self.teller.told(model, status)
        await self._write(model, status)

    async def _write(self, model: ScriptModel, status: dict[str, Any]) -> None:
        written = await self.writer.write_status(model, status)
        if written is not None and self.store.refresh(written) is News.ASKED:
            # The user has changed the object meanwhile. What the watch says of that is older than this answer.
            self.call_up(_key(model))

    async def _held(self, model: ScriptModel) -> ScriptModel:
        """With the finalizer, and nothing else changed: the write names the version that it is for."""
        written = await self.writer.add_finalizer(model)
        if written is None:
            return model
        self.store.refresh(written)
        metadata = written["metadata"]
        version, finalizers = metadata["resourceVersion"], metadata.get("finalizers") or ()
        return replace(model, resource_version=version, finalizers=tuple(finalizers))


def _key(model: ScriptModel) -> Key:
    return model.namespace, model.name


def _what_deletion_needs(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Of a spec that cannot be read whole. An object must be deletable whatever is in its spec."""
    return {"corpus": {}, **{key: spec[key] for key in ("pachyderm", "deletionPolicy") if key in spec}}


def _invalid(error: InvalidSpecError) -> Problem:
    text = f"{error}: the CustomResourceDefinition and the operator are of different versions; upgrade the older"
    return Problem(Reason.INVALID_SPEC, text)


def _now() -> datetime:
    return datetime.now(UTC)
