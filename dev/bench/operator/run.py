"""One contender from its first start to a restart with nothing to do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from dev.bench.operator.cluster import Cluster, Requests, Watch
from dev.bench.operator.contenders import OURS, Contender
from dev.bench.operator.process import Usage, until_quiet, usage
from dev.paths import ROOT
from dev.processes import Program, free_port
from dev.stack import ControlPlane

NAMESPACE = "bench"
SERVER, STUB = "API server", "stub of pachd"
_CHANGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of the measurements."""

    objects: int
    changes: int
    idle: float
    start_only: bool = False
    core: int | None = None
    """Which the contender has for itself."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The resources used and requests made between two moments."""

    seconds: float
    usage: Usage
    """CPU within the stretch, memory at its end."""
    requests: Requests
    pachd: dict[str, int]
    """Calls by method."""
    around: dict[str, float]
    """CPU seconds of the API server with etcd, and of pachd's stub."""


@dataclass
class Figures:
    """The figures of one program; those that it did not reach are absent."""

    handled: int = 0
    first: Stretch | None = None
    idle: Stretch | None = None
    restart: Stretch | None = None
    changes: list[float] = field(default_factory=list)
    """Seconds from a changed spec to its status; for the operator, of a change that concerns no pipeline."""
    updates: list[float] = field(default_factory=list)
    """The same for a change that updates a pipeline."""
    creations: list[float] = field(default_factory=list)
    """Seconds from a new object to both its pipelines; without Pachyderm, to its status."""


@dataclass
class Pachd:
    """The stub, and what it counted."""

    address: str
    pid: int

    def _ask(self, method: str) -> bytes:
        with grpc.insecure_channel(self.address) as channel:
            answer: bytes = channel.unary_unary(f"/bench/{method}")(b"", wait_for_ready=True, timeout=60)
            return answer

    def calls(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(self._ask("Stats"))["calls"]
        return found

    def written(self) -> dict[str, float]:
        found: dict[str, float] = json.loads(self._ask("Stats"))["written"]
        return found


async def measure(
    contender: Contender, sizes: Sizes, root: Path, limit: float, found: Figures, say: Callable[[str], None]
) -> None:
    """Measure in a control plane of its own, which is deleted afterwards; `found` receives the figures as they are
    measured.
    """
    say(f"# {contender.name}: making {sizes.objects} objects")
    with ControlPlane(root / "controlplane") as plane, _stub(root) as pachd:
        plane.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests" / "crd.yaml"))
        plane.wait_for_definitions()
        plane.kubectl("create", "namespace", NAMESPACE)
        async with Cluster.open(plane, NAMESPACE) as cluster:
            await cluster.create([_name(number) for number in range(sizes.objects)])
            watch = Watch(cluster, contender.reported)
            following = asyncio.create_task(watch.run())
            try:
                await _Measurement(contender, sizes, root, limit, cluster, watch, pachd, say).run(found)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


@contextmanager
def _stub(root: Path) -> Iterator[Pachd]:
    address = f"127.0.0.1:{free_port()}"
    with Program(
        "stub of pachd", [sys.executable, "-m", "dev.bench.operator.stub", address], root / "stub.log"
    ) as stub:
        stub.start()
        found = Pachd(address, stub.pid)
        found.calls()
        yield found


@dataclass
class _Measurement:
    contender: Contender
    sizes: Sizes
    root: Path
    limit: float
    cluster: Cluster
    watch: Watch
    pachd: Pachd
    say: Callable[[str], None]

    async def run(self, found: Figures) -> None:
        with self._program() as program:
            before = await self._start(program)
            done = await self.watch.until(lambda: len(self.watch.reported_at) >= self.sizes.objects, self.limit)
            found.first = await self._since(before, program)
            found.handled = len(self.watch.reported_at)
            self._say(f"{found.handled} handled", found.first)
            if not done:
                self.say(f"# {self.contender.name}: cut off")
            if self.sizes.start_only or not done:
                return
            await until_quiet(program.pid, 60)
            before = await self._mark(program)
            await asyncio.sleep(self.sizes.idle)
            found.idle = await self._since(before, program)
            self._say("idle", found.idle)
            found.changes = await self._changes(lambda number: {"deletionPolicy": ("Retain", "Orphan")[number % 2]}, 0)
            if self.contender is OURS:
                found.updates = await self._changes(lambda number: {"generation": {"words": 500 + number}}, 1)
            found.creations = await self._creations()
            await until_quiet(program.pid, 60)
        with self._program() as program:
            before = await self._start(program)
            quiet = await until_quiet(program.pid, self.limit)
            found.restart = await self._since(before, program, quiet)
            self._say("started again", found.restart)

    def _say(self, what: str, stretch: Stretch) -> None:
        used, asked = stretch.usage, stretch.requests
        self.say(
            f"# {self.contender.name}: {what} in {stretch.seconds:.1f} s, {used.cpu:.1f} s of CPU, {used.rss:.0f} MiB, "
            f"{asked.writes} writes, {sum(stretch.pachd.values())} calls to pachd"
        )

    def _program(self) -> Program:
        return self.contender.start(self.root, self.cluster.plane.kubeconfig, NAMESPACE, self.pachd.address)

    async def _start(self, program: Program) -> Mark:
        requests = await self.cluster.requests()
        mark = Mark(time.monotonic(), 0.0, requests, self.pachd.calls(), self._around())
        program.start()
        if self.sizes.core is not None:
            os.sched_setaffinity(program.pid, {self.sizes.core})  # before it has any thread
        return mark

    def _around(self) -> dict[str, float]:
        server = sum(usage(program.pid).cpu for program in self.cluster.plane.programs)
        return {SERVER: server, STUB: usage(self.pachd.pid).cpu}

    async def _mark(self, program: Program) -> Mark:
        requests = await self.cluster.requests()
        return Mark(time.monotonic(), usage(program.pid).cpu, requests, self.pachd.calls(), self._around())

    async def _since(self, before: Mark, program: Program, seconds: float | None = None) -> Stretch:
        ended = time.monotonic()
        if not program.running:
            raise RuntimeError(f"{program.name} ended by itself:\n{program.tail()}")
        used = usage(program.pid)
        calls = {name: count - before.pachd.get(name, 0) for name, count in self.pachd.calls().items()}
        around = {name: cpu - before.around[name] for name, cpu in self._around().items()}
        requests = (await self.cluster.requests()).since(before.requests)
        return Stretch(
            ended - before.moment if seconds is None else seconds,
            Usage(used.cpu - before.cpu, used.rss, used.peak),
            requests,
            {name: count for name, count in calls.items() if count},
            around,
        )

    async def _changes(self, spec: Any, lane: int) -> list[float]:
        """One after the other, each another object."""
        found = []
        for number in range(min(self.sizes.changes, self.sizes.objects // 2)):
            name = _name(2 * number + lane)
            began = time.monotonic()
            key = name, await self.cluster.change(name, spec(number))
            if not await self.watch.until(lambda key=key: key in self.watch.reported_at, _CHANGE_SECONDS):
                raise RuntimeError(f"{self.contender.name}: {name} has no new status after {_CHANGE_SECONDS:.0f} s")
            found.append(self.watch.reported_at[key] - began)
        return found

    async def _creations(self) -> list[float]:
        found = []
        for number in range(min(self.sizes.changes, self.sizes.objects) // 4):
            name = f"late-{number}"
            began = time.monotonic()
            await self.cluster.create([name])
            if not await self.watch.until(lambda name=name: (name, 1) in self.watch.reported_at, _CHANGE_SECONDS):
                raise RuntimeError(f"{self.contender.name}: {name} has no status after {_CHANGE_SECONDS:.0f} s")
            written = [at for each, at in self.pachd.written().items() if f"-{name}-" in f"-{each}-"]
            found.append((max(written) if written else self.watch.reported_at[name, 1]) - began)
        return found


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to measure from."""

    moment: float
    cpu: float
    requests: Requests
    pachd: dict[str, int]
    around: dict[str, float]


def _name(number: int) -> str:
    return f"model-{number:05}"
