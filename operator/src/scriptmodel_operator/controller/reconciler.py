"""Reconciles one ScriptModel: observe, decide, act and requeue, until no action is left and its status is written.

Start reading here. `observing.py` reads what the object has in the engine, `reconcile/assess.py` decides its state and
the actions that follow, `act/actions.py` carries them out, and `reporter.py` writes the status of the state. No
step keeps in memory what the next one needs: an operator that is killed between any two calls continues later.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scriptmodel_operator.act.actions import Action, execute
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import (
    InvalidSpecError,
    ScriptModel,
    in_namespace,
    parse_for_deletion,
    parse_object,
)
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.engines import RecordedEngines
from scriptmodel_operator.controller.observing import Observing
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.controller.reporter import Reporter
from scriptmodel_operator.desired.policy import refusal
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.source import next_check
from scriptmodel_operator.kube.errors import KubeError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import remove_finalizer
from scriptmodel_operator.kube.object_store import Store, Stored
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.reconcile.assess import corpus_after_failure
from scriptmodel_operator.reconcile.failures import DELETING, invalid_spec
from scriptmodel_operator.reconcile.repos import plan_deletion
from scriptmodel_operator.reconcile.state import ON_CHANGE, Next, State, requeue_after

MAX_ROUNDS = 5
"""Number of rounds of actions without a status in between; after that, one round in a poll interval."""

log = logging.getLogger(__name__)


@dataclass
class Reconciler:
    """The reconciler of this process. It keeps no state of objects but how many rounds it acted for each."""

    config: OperatorConfig
    store: Store
    engines: RecordedEngines
    observing: Observing
    reporter: Reporter
    downloads: Downloads
    metrics: Metrics
    _rounds: dict[Key, int] = field(default_factory=dict, init=False)
    """Rounds of actions for an object since nothing was left to do, at most `MAX_ROUNDS`."""

    async def reconcile(self, key: Key) -> float | None:
        """Return the seconds until the next reconcile, None if only a change requires one.

        Raises RetryError once the failure is in the object's status.
        """
        self.observing.snapshots.forget(key)
        stored = self.store.get(key)
        if stored is None:
            self._rounds.pop(key, None)
            self.observing.forget(key)
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
                self.observing.snapshots.wait(key, following.snapshot)
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
                await self.reporter.problem(model, invalid_spec(unknown or str(error), deleting=model.deleting))
                return ON_CHANGE
        model = in_namespace(model) if self.config.policy.namespaced else model
        if model.deleting:
            return await self._delete(model, raw, requested) if FINALIZER in model.finalizers else ON_CHANGE
        try:
            found = await self.observing.observe(model, requested)
        except EngineError as error:
            raise await self.reporter.failure(model, error, observing=True) from error
        return await self._settle(model, found)

    async def _settle(self, model: ScriptModel, found: State) -> Next:
        """Act, and continue with the snapshot that shows the outcome; write the status once no action is left."""
        rounds = self._rounds.pop(model.key, 0)
        if found.actions and rounds < MAX_ROUNDS:
            following = await self._carry_out(model, found)
            self._rounds[model.key] = rounds + 1
            return following
        if found.actions:
            self._rounds[model.key] = MAX_ROUNDS - 1
        if found.stages is None and not found.actions:
            self.downloads.forget(model.uid)
            await self.reporter.state(model, found)
            # Who may read a repo changes in the engine.
            return ON_CHANGE if refusal(model, self.config.policy) else Next(self.config.poll_interval)
        return await self._report(model, found)

    async def _carry_out(self, model: ScriptModel, found: State) -> Next:
        """Carry out the actions, and report what was changed before the snapshot that shows it, which may take a while.

        Nothing is reported of a new object before that snapshot, which saves a write for each of thousands.
        """
        try:
            acted = await self._act(model, found.actions)
        except EngineError as error:
            raise await self.reporter.failure(model, error, partial(corpus_after_failure, found)) from error
        if found.difference.now and model.status:
            await self.reporter.applying(model, found)
        return Next(snapshot=acted)

    async def _report(self, model: ScriptModel, state: State) -> Next:
        """Write the status of an object for which nothing is left to do now, and start a download that is due."""
        if state.source.download is not None:
            self.downloads.start(model.uid, state.source.download)
        downloading = self.downloads.in_progress(model.uid)
        await self.reporter.state(model, state, downloading=downloading)
        poll, due = self.config.poll_interval, next_check(self.downloads, model, self.config.source_interval)
        return Next(requeue_after(state, model, poll_interval=poll, source_due=due))

    async def _act(self, model: ScriptModel, actions: tuple[Action, ...]) -> float:
        """Carry out actions on the engine that the object is recorded on; return when (monotonic seconds)."""
        self.engines.check(model, await self.engines.present())
        log.info("%s: %s", model, "; ".join(action.text for action in actions), extra={"object": model.key})
        self.reporter.actions(model, actions)
        try:
            await self.engines.calls.run(execute, self.engines.gateway, actions)
        finally:
            # A failed call may have taken effect: no older snapshot is trusted.
            acted = self.observing.acted(model.key)
        return acted

    async def _delete(self, model: ScriptModel, raw: Mapping[str, Any], requested: float) -> Next:
        self.downloads.forget(model.uid)
        if model.spec.deletion_policy != "Orphan":  # which needs no engine
            try:
                blocked = await self._remove(model, requested)
            except EngineError as error:
                if not (self.config.policy.namespaced and await self.observing.kube.is_ending(model.namespace)):
                    raise await self.reporter.failure(model, error) from error
                log.warning("%s: released, as its namespace ends; its data in the bucket is kept: %s", model, error)
                blocked = None
            if blocked is not None:
                await self.reporter.problem(model, blocked)
                return Next(self.config.poll_interval)
        await remove_finalizer(self.observing.kube, raw)
        log.info("%s: released", model, extra={"object": model.key})
        return ON_CHANGE

    async def _remove(self, model: ScriptModel, requested: float) -> Problem | None:
        """Delete the pipelines and repos of the object. Return what blocks that, or None once nothing is left."""
        for _ in range(MAX_ROUNDS):
            actions = plan_deletion(model, await self.observing.owned(model, requested))
            if isinstance(actions, Problem):
                return actions
            if not actions:
                return None
            await self._act(model, actions)
        return DELETING
