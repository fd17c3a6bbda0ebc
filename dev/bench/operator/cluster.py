"""The benchmark's access to the API server: creates objects, watches for reported statuses, counts requests."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from dev.bench.operator.objects import path, scriptmodel
from dev.bench.operator.plain import lines
from dev.stack import ControlPlane

_AT_ONCE = 16
_READINGS, _BETWEEN_SECONDS = 10, 0.2
_WRITES = ("POST", "PUT", "PATCH", "DELETE", "APPLY")
_COUNTED = re.compile(r"apiserver_request_total\{([^}]*)\} ([0-9.e+]+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Requests:
    """About ScriptModels and events, since the server's start."""

    reads: int
    writes: int
    refused: int
    """Answered with a status of 400 or more."""

    def since(self, before: Requests) -> Requests:
        return Requests(self.reads - before.reads, self.writes - before.writes, self.refused - before.refused)


@dataclass
class Cluster:
    """One namespace of a running control plane."""

    plane: ControlPlane
    namespace: str
    session: aiohttp.ClientSession

    @classmethod
    @asynccontextmanager
    async def open(cls, plane: ControlPlane, namespace: str) -> AsyncIterator[Self]:
        context = ssl.create_default_context(cafile=str(plane.root / "pki" / "apiserver.crt"))
        async with aiohttp.ClientSession(
            plane.server,
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Authorization": f"Bearer {plane.token}"},
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session:
            yield cls(plane, namespace, session)

    async def create(self, names: list[str]) -> None:
        """Many at a time."""

        async def one(name: str) -> None:
            async with self.session.post(path(self.namespace), json=scriptmodel(name)) as answer:
                await answer.read()
                answer.raise_for_status()

        await _each(one, names)

    async def change(self, name: str, spec: dict[str, Any]) -> int:
        """The generation that the changed spec made."""
        found = await self._patch(path(self.namespace, name), {"spec": spec})
        return int(found["metadata"]["generation"])

    async def _patch(self, target: str, patch: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self.session.patch(target, data=json.dumps(patch), headers=headers) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def requests(self) -> Requests:
        """The counts once two readings agree, or after two seconds: the server counts a request only after it has
        answered it and sent its watch event.
        """
        found = await self._counted()
        for _ in range(_READINGS):
            await asyncio.sleep(_BETWEEN_SECONDS)
            previous, found = found, await self._counted()
            if found == previous:
                break
        return found

    async def _counted(self) -> Requests:
        async with self.session.get("/metrics") as answer:
            text = await answer.text()
        counts: Counter[str] = Counter()
        for labels, figure in _COUNTED.findall(text):
            found = dict(_LABEL.findall(labels))
            if found.get("resource") in ("scriptmodels", "events"):
                counts["writes" if found["verb"] in _WRITES else "reads"] += int(float(figure))
                counts["refused"] += int(float(figure)) if int(found["code"]) >= 400 else 0
        return Requests(counts["reads"], counts["writes"], counts["refused"])


async def _each(one: Callable[[str], Awaitable[None]], names: list[str]) -> None:
    left = iter(names)

    async def worker() -> None:
        for name in left:
            await one(name)

    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))


@dataclass
class Watch:
    """Watches the namespace; `reported_at` has the time at which each generation was first reported."""

    cluster: Cluster
    reported: Callable[[dict[str, Any]], bool]
    reported_at: dict[tuple[str, int], float] = field(default_factory=dict)
    """Monotonic seconds by name and generation."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled. A server that is short of time ends watches; a new one begins with all objects."""
        while True:
            async with self.cluster.session.get(path(self.cluster.namespace) + "?watch=true") as stream:
                stream.raise_for_status()
                async for event in lines(stream.content):
                    self._take(event["type"], event["object"])

    def _take(self, kind: str, found: dict[str, Any]) -> None:
        if kind in ("ADDED", "MODIFIED") and self.reported(found):
            key = found["metadata"]["name"], found["metadata"]["generation"]
            self.reported_at.setdefault(key, time.monotonic())
            self._news.set()

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Return whether the condition became true within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True
