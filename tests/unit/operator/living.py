"""Lives whole lives of ScriptModels, and compares the operator's calls, statuses and events with a recording.

A change that is to keep all behaviour keeps the recordings. After one that is meant, renew them and review their diff:

    RENEW=1 .venv/operator/bin/pytest tests/unit/operator -k recorded
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.app import Parts
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError, RefusedError, UnavailableError
from tests.unit.operator.controlling import KEY, FakeKube, controller, raw_object
from tests.unit.operator.taping import Tape, first_difference
from tests.unit.operator.world import SPEC, World

BROKEN = UnavailableError("calling Pachyderm", "the stream was reset")
UNKNOWN = RefusedError("calling Pachyderm", "something else went wrong", "UNKNOWN")


@dataclass
class Life:
    """One object from its creation on, reconciled as the queue and the ticker would."""

    tape: Tape
    found: Parts
    kube: FakeKube
    requeued: asyncio.Event

    @property
    def world(self) -> World:
        """The object and its Pachyderm, for the functions that let jobs end."""
        return World(pachyderm=self.tape.pachyderm, model=parse_object(self.kube.raw))

    def edit(self, spec: dict[str, Any], **metadata: Any) -> None:
        """Write another spec, and lay metadata over the object's, as a user."""
        known = self.kube.raw["metadata"]
        generation = known["generation"] + (spec != self.kube.raw["spec"] or "deletionTimestamp" in metadata)
        annotations = {**known.get("annotations", {}), **metadata.pop("annotations", {})}
        metadata = {**known, **metadata, "generation": generation, "annotations": annotations}
        self.kube.raw = {**self.kube.raw, "spec": spec, "metadata": metadata}
        self.found.reconciler.store.put(self.kube._changed())

    async def then(self, title: str, spec: dict[str, Any] | None = None, **metadata: Any) -> None:
        """Reconcile until nothing is left to do, half a minute later, with a newer snapshot."""
        tape, failures, uid = (
            self.tape,
            self.found.reconciler.reporter.queue._failures,
            self.kube.raw["metadata"]["uid"],
        )
        tape.write(title)
        tape.pachyderm.advance(30)
        if spec is not None or metadata:
            self.edit(self.kube.raw["spec"] if spec is None else {**SPEC, **spec}, **metadata)
        await self.poll()
        for _ in range(20):
            self.requeued.clear()
            failed, after = True, None
            with suppress(RetryError):
                failed, after = False, await self.found.reconciler.reconcile(KEY)
            if self.found.snapshots._waiting or self.found.downloads.in_progress(uid):
                await self.requeued.wait()
            await self.found.events.drain()
            while tape.events:
                tape.write(tape.events.pop(0))
            failures[KEY] = failures.get(KEY, 0) + 1 if failed else 0
            if failed:
                tape.write("  retry")
                tape.pachyderm.advance(30)
                await self.poll()
            elif not self.requeued.is_set():
                tape.write(f"  requeue {'on change' if after is None else f'after {after:.0f} s'}")
                assert not tape.faults
                return
        raise AssertionError(f"does not settle: {title}")

    async def poll(self) -> None:
        with suppress(EngineError):  # the next reconcile reports it
            await self.found.snapshots.latest(time.monotonic())

    async def end_jobs(self, title: str, end: Callable[[World], None] = World.end_jobs) -> None:
        end(self.world)
        await self.then(title)

    async def delete(self, title: str) -> None:
        await self.then(title, deletionTimestamp="now")
        left = sorted(f"{kind} {ref}" for kind in ("pipelines", "repos") for ref in getattr(self.tape.pachyderm, kind))
        self.tape.write(f"  remain: {', '.join(left)}")


@asynccontextmanager
async def living(tape: Tape, spec: dict[str, Any]) -> AsyncIterator[Life]:
    raw, policy = raw_object({**SPEC, **spec}), Policy(downloads=("example.com",))
    async with controller(raw, tape.over, policy=policy) as (found, kube, _pachyderm):
        found.clock._monotonic = tape.monotonic  # it has the function of the time when it was imported
        requeued = asyncio.Event()
        found.snapshots._requeue = found.downloads._requeue = lambda _key: requeued.set()
        yield Life(tape, found, kube, requeued)


async def check_recording(
    recording: Path, monkeypatch: pytest.MonkeyPatch, *lives: Callable[[Tape], Awaitable[None]]
) -> None:
    """Fail unless the lives, one after the other, are those of the recording."""
    tape = Tape()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", time.monotonic)  # only the operator's time is virtual
    monkeypatch.setattr(time, "monotonic", tape.monotonic)
    try:
        for live in lives:
            await live(tape)
        if os.environ.get("RENEW"):
            recording.write_text("\n".join([*tape.lines, ""]))
    finally:  # what differs first is mostly the cause of a life that did not get to its end
        if found := first_difference(recording.read_text().splitlines(), tape.lines):
            pytest.fail(f"not as recorded; {__doc__}\n{found}")
