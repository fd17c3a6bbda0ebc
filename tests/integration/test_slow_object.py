"""An object whose calls hang delays only itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dev.stack import Localpach, Operator
from tests.chaos.faults import Calls
from tests.chaos.pachyderm_proxy import PachydermProxy
from tests.integration.cluster import Cluster
from tests.integration.pachyderm import Pachyderm


class TarPit(PachydermProxy):
    """Never answers a call whose request names `stuck`."""

    def __init__(self, target: str, stuck: str) -> None:
        super().__init__(target, Calls())
        self._stuck = stuck.encode()
        self.caught = asyncio.Event()

    async def pass_on(self, details: Any, requests: AsyncIterator[bytes], context: Any) -> None:
        first = await anext(aiter(requests))
        if self._stuck in first:
            self.caught.set()
            await asyncio.Event().wait()
        await super().pass_on(details, _again(first, requests), context)


async def _again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in rest:
        yield each


async def test_one_slow_object_delays_no_other(
    cluster: Cluster,
    pachyderm: Pachyderm,
    localpach: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    tmp_path: Path,
) -> None:
    stuck, quick = f"stuck-{cluster.namespace}", f"quick-{cluster.namespace}"
    for repo in (stuck, quick):
        await asyncio.to_thread(pachyderm.create_repo, repo)
        await asyncio.to_thread(pachyderm.put, repo, {})
    options = ["--poll-interval=0.5", f"--namespace={cluster.namespace}", "--workers=2"]
    async with TarPit(localpach.address, stuck) as proxy:
        with Operator(tmp_path, operator_kubeconfig, proxy.address, options=options):
            await asyncio.to_thread(cluster.apply, "slow", {"corpus": {"repo": {"name": stuck}}})
            await asyncio.wait_for(proxy.caught.wait(), 60)
            for number in range(3):
                name = f"quick-{number}"
                await asyncio.to_thread(cluster.apply, name, {"corpus": {"repo": {"name": quick}}})
                await asyncio.to_thread(cluster.reason, name, "CorpusEmpty", 60)
            found = await asyncio.to_thread(cluster.reason, "slow", "EngineUnavailable", 60)
            assert "Deadline Exceeded" in str(found["status"]["conditions"])
