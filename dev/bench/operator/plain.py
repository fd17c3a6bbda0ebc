"""The plain loop: only list, watch and patch with aiohttp. It shows the speed that the API server allows.

    python -m dev.bench.operator.plain KUBECONFIG NAMESPACE

Each object gets a finalizer and then a status of the operator's size; a changed spec gets a new status. It keeps only a
queue, checks nothing and retries nothing.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp

from dev.bench.operator.objects import FINALIZER, path, pending, status_of

WORKERS = 16


class Queue:
    """Yield each generation of an object once; other events are caused by our own writes."""

    def __init__(self) -> None:
        self.objects: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._seen: set[tuple[str, int]] = set()

    def add(self, found: dict[str, Any]) -> None:
        key = found["metadata"]["uid"], found["metadata"]["generation"]
        if pending(found) and key not in self._seen:
            self._seen.add(key)
            self.objects.put_nowait(found)


async def main(kubeconfig: Path, namespace: str) -> None:
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    queue = Queue()
    async with (
        aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"Authorization": f"Bearer {user['token']}"},
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(WORKERS):
            group.create_task(work(session, queue))
        while True:
            await follow(session, path(namespace), queue)


async def follow(session: aiohttp.ClientSession, target: str, queue: Queue) -> None:
    """List, then watch until the server ends it."""
    async with session.get(target) as answer:
        listed = await answer.json()
    for found in listed["items"]:
        queue.add(found)
    query = f"?watch=true&resourceVersion={listed['metadata']['resourceVersion']}"
    del listed
    async with session.get(target + query) as stream:
        async for event in lines(stream.content):
            if event["type"] in ("ADDED", "MODIFIED"):
                queue.add(event["object"])


async def work(session: aiohttp.ClientSession, queue: Queue) -> None:
    while True:
        found = await queue.objects.get()
        metadata = found["metadata"]
        target = path(metadata["namespace"], metadata["name"])
        if not metadata.get("finalizers"):
            await patch(session, target, {"metadata": {"finalizers": [FINALIZER]}})
        await patch(session, f"{target}/status", {"status": status_of(metadata["generation"])})


async def patch(session: aiohttp.ClientSession, target: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Content-Type": "application/merge-patch+json"}
    async with session.patch(target, data=json.dumps(body), headers=headers) as answer:
        answer.raise_for_status()
        found: dict[str, Any] = await answer.json()
        return found


async def lines(content: aiohttp.StreamReader) -> Any:
    rest = b""
    async for piece in content.iter_any():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield json.loads(line)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
