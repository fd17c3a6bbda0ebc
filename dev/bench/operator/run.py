"""One program from its first start to a restart with nothing to do, in a control plane of its own."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from dev.bench.operator.objects import CORPUS, PLAY, path, pending, scriptmodel
from dev.bench.operator.plain import lines, patch
from dev.paths import ROOT
from dev.processes import Program
from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server

NAMESPACE = "bench"
SECONDS = 900.0
"""The time limit of each step."""
_WRITES = re.compile(r'apiserver_request_total\{[^}]*resource="(?:scriptmodels|events)"[^}]*\} ([0-9.e+]+)')
_READS = re.compile(r'verb="(?:GET|LIST|WATCH)"')
_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_SHARE, _QUIET_SECONDS = 0.1, 3.0
"""A program that used less than this share of a core for so long has done what there was to do."""


@dataclass(frozen=True)
class Contender:
    """How to start a program, and whether an object is handled."""

    name: str
    start: Callable[[Path, Path, S3Server], Program]
    """From a folder, a kubeconfig and a bucket."""
    pipelines: int
    """How many pipelines the status of a handled object has."""


def _ours(root: Path, kubeconfig: Path, s3: S3Server) -> Program:
    storage = [f"--storage={s3.url}", f"--storage-endpoint={s3.endpoint}"]
    options = [*storage, "--namespace", NAMESPACE, "--log-level", "warning"]
    operator = Operator(root, kubeconfig, options=options, env=s3.credentials)
    return Program(operator.name, operator.command, operator.log, operator.env)  # which does not start by itself


def _loop(root: Path, kubeconfig: Path, _s3: S3Server) -> Program:
    command = [sys.executable, "-m", "dev.bench.operator.plain", str(kubeconfig), NAMESPACE]
    return Program("loop", command, root / "loop.log")


CONTENDERS = (Contender("operator", _ours, 2), Contender("plain loop", _loop, 0))


@dataclass
class Bench:
    """A control plane, a bucket, and what the API server has reported."""

    plane: ControlPlane
    session: aiohttp.ClientSession
    s3: S3Server
    handled: dict[tuple[str, int], float] = field(default_factory=dict)
    """Monotonic seconds by name and generation."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def open(cls, root: Path, pipelines: int) -> AsyncIterator[Bench]:
        """Start both, and follow the objects."""
        with ControlPlane(root / "controlplane") as plane, S3Server(root / "s3") as s3:
            plane.kubectl("apply", "--server-side", "-f", str(ROOT / "manifests" / "crd.yaml"))
            plane.wait_for_definitions()
            plane.kubectl("create", "namespace", NAMESPACE)
            play = f"--from-literal=play.txt={PLAY}"
            plane.kubectl("create", "configmap", CORPUS, f"--namespace={NAMESPACE}", play)
            context = ssl.create_default_context(cafile=str(plane.pki / "apiserver.crt"))
            async with aiohttp.ClientSession(
                plane.server,
                connector=aiohttp.TCPConnector(ssl=context, limit=16),
                headers={"Authorization": f"Bearer {plane.token}"},
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session:
                bench = cls(plane, session, s3)
                following = asyncio.create_task(bench.follow(pipelines))
                yield bench
                following.cancel()

    async def follow(self, pipelines: int) -> None:
        """Note when each generation is handled; a server that is short of time ends watches, or refuses them."""
        while True:
            async with self.session.get(path(NAMESPACE) + "?watch=true") as stream:
                if stream.status != 200:
                    await asyncio.sleep(0.1)
                    continue
                async for event in lines(stream.content):
                    found = event["object"]
                    if not pending(found) and len(found["status"].get("pipelines") or []) >= pipelines:
                        key = found["metadata"]["name"], found["metadata"]["generation"]
                        self.handled.setdefault(key, time.monotonic())
                        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def create(self, name: str) -> None:
        async with self.session.post(path(NAMESPACE), json=scriptmodel(name)) as answer:
            answer.raise_for_status()

    async def change(self, name: str) -> float:
        """Return the seconds from a changed spec, which concerns no pipeline, to its status."""
        started = time.monotonic()
        found = await patch(self.session, path(NAMESPACE, name), {"spec": {"deletionPolicy": "Retain"}})
        key = name, found["metadata"]["generation"]
        await self.until(lambda: key in self.handled)
        return self.handled[key] - started

    async def requests(self) -> int:
        """Return the writes of ScriptModels and events since the server's start."""
        async with self.session.get("/metrics") as answer:
            counted = _WRITES.finditer(await answer.text())
        return sum(int(float(each[1])) for each in counted if not _READS.search(each[0]))


async def measure(contender: Contender, objects: int, changes: int, root: Path) -> dict[str, float]:
    """Return the figures of a program, by their titles."""
    async with Bench.open(root, contender.pipelines) as bench:
        names = [f"model-{number:05}" for number in range(objects)]
        await asyncio.gather(*map(bench.create, names))
        writes = await bench.requests()
        with contender.start(root, bench.plane.kubeconfig, bench.s3) as program:
            started = time.monotonic()
            program.start()
            await bench.until(lambda: len(bench.handled) >= objects)
            figures = {"first start, s": time.monotonic() - started}
            await until_quiet(program)
            cpu, peak = usage(program)
            figures |= {"CPU of the first start, s": cpu, "peak memory, MiB": peak}
            figures["writes to the API server"] = await bench.requests() - writes
            took = sorted([await bench.change(name) for name in names[:changes]])
            for share in (50, 99):
                figures[f"changed spec to status, p{share}, ms"] = 1000 * took[len(took) * share // 100]
            await until_quiet(program)
        writes = await bench.requests()
        with contender.start(root, bench.plane.kubeconfig, bench.s3) as program:
            program.start()
            figures["restart with nothing to do, s"] = await until_quiet(program)
            figures["writes at the restart"] = await bench.requests() - writes
    return figures


def usage(program: Program) -> tuple[float, float]:
    """Return the CPU seconds of a running program, and its peak memory in MiB."""
    if not program.running:
        raise RuntimeError(f"{program.name} has ended:\n{program.tail()}")
    found = Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()
    peak = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{program.pid}/status").read_text())[0]
    return (int(found[11]) + int(found[12])) / _TICKS, int(peak) / 1024


async def until_quiet(program: Program) -> float:
    """Wait until a program is idle, and return the seconds until then."""
    started = busy = time.monotonic()
    before, _ = usage(program)
    while time.monotonic() < min(busy + _QUIET_SECONDS, started + SECONDS):
        await asyncio.sleep(0.5)
        now, _ = usage(program)
        if now - before > _QUIET_SHARE * 0.5:
            busy = time.monotonic()
        before = now
    return busy - started
