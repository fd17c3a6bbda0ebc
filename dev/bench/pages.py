"""How long the first page of `scriptmodel ui` takes with 500 objects beside 5, and whether its memory stays flat.

    python -m dev.bench.pages [--objects 500] [--seconds 60]

A stub replaces the API server, so that only the pages are measured. Each count is measured in turns, and the medians
are compared. Then one page stays open while the stub changes 20 objects a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from dev.paths import OPERATOR_ENV

FEW = 5
TURNS = 7
CHANGES = 20
"""Changed objects a second."""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


class Stub:
    """An API server with a number of ScriptModels, some of which change when `change` is called."""

    def __init__(self, count: int) -> None:
        self.objects = [_object(number) for number in range(count)]
        self._version = 1

    def change(self, number: int) -> None:
        found = self.objects[number % len(self.objects)]
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        found["status"]["training"]["progressPercent"] = self._version % 100

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("scriptmodels"):
            return web.json_response({"items": []})
        return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": self.objects})


def _object(number: int) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    condition = {"type": "Ready", "status": "True", "reason": "Generated", "message": "x", "lastTransitionTime": at}
    excerpt = "[ HAMLET ]: To be or not to be .\n[ OPHELIA ]: My lord ?\n"
    return {
        "metadata": {
            "namespace": "bench",
            "name": f"model-{number:04}",
            "uid": f"uid-{number}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": at,
        },
        "spec": {"model": {"preset": "small"}, "corpus": {"repo": {"name": "plays"}}},
        "status": {
            "observedGeneration": 1,
            "perplexity": "42.0",
            "conditions": [condition],
            "training": {"epochProgress": "3/3", "progressPercent": 100},
            "script": {"excerpt": excerpt, "sizeBytes": len(excerpt), "words": 12},
        },
    }


@asynccontextmanager
async def serving(count: int, browser: Browser) -> AsyncIterator[tuple[Stub, Page, int]]:
    """Run the stub and `scriptmodel ui`; yield the stub, a page that was let in, and the process id."""
    stub, app = Stub(count), web.Application()
    app.router.add_route("*", "/{path:.*}", stub.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        user = {"name": "u", "user": {"token": "t"}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        config = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
        kubeconfig.write_text(json.dumps(config))
        program = str(OPERATOR_ENV / "bin" / "scriptmodel")
        env = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        process = await asyncio.create_subprocess_exec(
            program, "ui", "--no-browser", "--pachd=127.0.0.1:1", env=env, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout
        address = (await process.stdout.readline()).decode().strip()
        page = await (await browser.new_context(bypass_csp=True)).new_page()  # waiting for a value evaluates text
        await page.goto(address)
        try:
            yield stub, page, process.pid
        finally:
            await page.context.close()
            process.terminate()
            await process.wait()
            await runner.cleanup()


async def first_paint(page: Page) -> float:
    """Return the milliseconds until the page shows something."""
    await page.reload()
    painted = await page.wait_for_function(_PAINT)
    return float(await painted.json_value())


def resident(pid: int) -> float:
    """Return the memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def soak(stub: Stub, page: Page, pid: int, seconds: int) -> None:
    """Print the memory of server and page as objects change under an open page."""
    session = await page.context.new_cdp_session(page)
    for step in range(seconds * CHANGES + 1):
        stub.change(step)
        if step % (seconds * CHANGES // 4) == 0:
            await session.send("HeapProfiler.collectGarbage")
            heap = (await session.send("Runtime.getHeapUsage"))["usedSize"] / 1e6
            print(f"after {step:5} changes: server {resident(pid):6.1f} MB, page {heap:5.1f} MB", flush=True)
        await asyncio.sleep(1 / CHANGES)


async def main(objects: int, seconds: int) -> None:
    """Measure both."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        async with serving(FEW, browser) as (_, few, _), serving(objects, browser) as (stub, many, pid):
            turns = [(await first_paint(few), await first_paint(many)) for _ in range(TURNS)]
            small, large = (statistics.median(turn[which] for turn in turns) for which in (0, 1))
            print(f"first paint, median of {TURNS}: {FEW} objects {small:.0f} ms, {objects} objects {large:.0f} ms")
            print(f"ratio {large / small:.2f}")
            await soak(stub, many, pid, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    asyncio.run(main(args.objects, args.seconds))
