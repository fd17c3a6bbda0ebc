"""A Chromium, and the pages of the trainer in it."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from dev.paths import TRAINER_ENV
from dev.programs.debian import need

TRAINER = TRAINER_ENV / "bin" / "scriptmodel-trainer"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    need({"chromium": "chromium"})
    async with async_playwright() as playwright:
        # As root, as in a container of CI, Chromium starts without its sandbox only.
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        await browser.close()


@asynccontextmanager
async def trainer_page(model: Path) -> AsyncIterator[Page]:
    """Serve the page of a model directory, and open it."""
    serve = [TRAINER, "ui", model, "--no-browser"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        async with chromium() as browser:
            shown = await browser.new_page()
            await shown.goto(address)
            yield shown
        server.terminate()
