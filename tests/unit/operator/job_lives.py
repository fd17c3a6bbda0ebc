"""Lives of ScriptModels on the engine of Jobs, and faults that meet the calls of their operators."""

import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_operator.app import Parts
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.jobs.gateway import JobsGateway
from tests.unit.operator.controlling import FakeKube, controller_over, message, raw_object, reason, settled
from tests.unit.operator.job_worlds import JobWorld
from tests.unit.operator.world import SPEC

NAMESPACED = Policy(namespaced=True)


@dataclass
class Life:
    """An object in a namespace, which several controllers may reconcile in turn."""

    world: JobWorld = field(default_factory=JobWorld)
    kube: FakeKube = field(default_factory=lambda: FakeKube(raw_object(SPEC)))

    @asynccontextmanager
    async def operator(self, policy: Policy = NAMESPACED) -> AsyncIterator[Parts]:
        async with controller_over(self.kube, self.world.gateway(), self.kube.raw, policy=policy) as found:
            yield found

    def edit(self, spec: Mapping[str, Any] | None = None, **metadata: Any) -> None:
        known = self.kube.raw["metadata"]
        new = {**SPEC, **spec} if spec is not None else self.kube.raw["spec"]
        generation = known["generation"] + (new != self.kube.raw["spec"] or "deletionTimestamp" in metadata)
        self.kube.edit(new, **metadata, generation=generation)

    async def reconcile(self, found: Parts) -> None:
        found.reconciler.store.put(self.kube.raw)
        with suppress(EngineError):
            await found.snapshots.latest(time.monotonic())
        with suppress(RetryError):
            await settled(found)

    async def until_ready(self, found: Parts, outcomes: Mapping[str, float | str] | None = None) -> None:
        """Reconcile and run Jobs until nothing is left."""
        for _ in range(30):
            await self.reconcile(found)
            if not self.world.run(outcomes) and reason(self.kube) == "Generated":
                return
        raise AssertionError(f"does not settle: {message(self.kube)}")


NEVER = 1 << 30


@dataclass
class Killed:
    """Ends the process at a call: neither it, or `after` it, nor any later call takes effect."""

    at: int
    after: bool
    dead: bool = False
    _count: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, *_call: Any) -> EngineError | None:
        self.dead = self.dead or next(self._count) == self.at
        return UnavailableError("calling", "killed") if self.dead else None


@dataclass
class Joined(Killed):
    """Has another operator poll in the middle of a call of the first, before it or `after` it took effect."""

    world: JobWorld = field(default_factory=JobWorld)
    every: int = NEVER
    """Poll again after so many calls."""
    _other: JobsGateway | None = None
    _polls: bool = False

    def __call__(self, *_call: Any) -> EngineError | None:
        if not self._polls and (next(self._count) - self.at) % self.every == 0:
            self._polls = True
            self._other = self._other or self.world.gateway()
            with suppress(EngineError):
                self._other.settle(["ml"])
            self._polls = False
        return None


def arm(world: JobWorld, kill: Killed | None) -> None:
    """Let a fault meet the calls of an operator, or none."""
    world.cluster.fault = lambda _call, after: kill() if kill and after == kill.after else None
    world.bucket.fault = lambda _call: kill() if kill and not kill.after else None
    world.bucket.lost = lambda _call: kill() if kill and kill.after else None
