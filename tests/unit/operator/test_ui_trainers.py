"""The trainer behind the pages of `scriptmodel ui`, and how the pages end."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from yarl import URL

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.local.programs import child
from tests.unit.operator.browsing import MODEL, SECONDS, Browser, browsing
from tests.unit.operator.connecting import kubeconfig
from tests.unit.operator.open_logs import eventually
from tests.unit.operator.world import World, trained_world


async def writing(browser: Browser) -> str:
    """Return the address that leads to the trainer's page of the model."""
    found = re.search(r'href="([^"]+/write)">Write with it', await browser.page(MODEL))
    assert found
    return found[1]


FAKE_TRAINER = """#!/bin/sh
printf 'http://127.0.0.1:1/?code=%s\\n' first "$(ls "$2")"
cat
"""


async def test_the_trainer_is_started_once_and_entered_by_its_newest_address(tmp_path: Path) -> None:
    world = world_with_trainer(tmp_path, FAKE_TRAINER)
    async with browsing(world, trainer=tmp_path) as browser:
        address = await writing(browser)
        starting = await browser.get(address)
        assert (starting.status, starting.headers["Refresh"]) == (202, "1")
        assert "One moment" in await starting.text()
        for _ in range(2):
            page = await arrived(browser, address)
            assert (page.status, page.headers["Location"]) == (303, "http://127.0.0.1:1/?code=model.json")
        (process,) = trainers()
        os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while (await browser.get(address)).status != 202:
            assert time.monotonic() < deadline, "one that has ended is started again"
        assert (await arrived(browser, address)).status == 303
        assert trainers() != [process]
    assert trainers() == []


async def arrived(browser: Browser, address: str) -> ClientResponse:
    """Return the answer once the trainer has started, or could not."""
    deadline = time.monotonic() + SECONDS
    while (page := await browser.get(address)).status == 202:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return page


def trainers() -> list[int]:
    """Return the trainers that this process has started."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()
    return [int(each) for each in children if "scriptmodel-trainer" in Path(f"/proc/{each}/cmdline").read_text()]


@pytest.mark.parametrize(
    ("seconds", "last", "message"),
    [(0.2, "exec sleep 60", "did not start within 0.2 seconds: loading"), (60, "exit 2", "ended: loading")],
)
async def test_a_trainer_that_gives_no_address_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float, last: str, message: str
) -> None:
    monkeypatch.setattr("scriptmodel_cli.ui.trainers._START_SECONDS", seconds)
    monkeypatch.setattr("scriptmodel_cli.ui.trainers.child", loading)
    world = world_with_trainer(tmp_path, f"#!/bin/sh\necho loading >&2\n{last}\n")
    async with browsing(world, trainer=tmp_path) as browser:
        await browser.page(await writing(browser), f"scriptmodel-trainer {message}")


@contextmanager
def loading(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program whose time to start begins once it is loading."""
    with child(command, log) as process:
        eventually(lambda: "loading" in log.read_text())
        yield process


def world_with_trainer(environment: Path, program: str) -> World:
    """Return a trained world whose model can be fetched, and write the program that stands for the trainer."""
    trainer = environment / "bin" / "scriptmodel-trainer"
    trainer.parent.mkdir()
    trainer.write_text(program)
    trainer.chmod(0o755)
    world = trained_world()
    model = world.model.status["lineage"]["model"].partition("@")[2]
    world.pachyderm.files[world.train.output, model] = {"/model.json": b"{}"}
    return world


async def test_a_page_says_how_to_get_the_trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scriptmodel_cli.local.programs.shutil.which", lambda _name: None)
    monkeypatch.setattr("scriptmodel_cli.local.programs.sys.prefix", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    async with browsing(trained_world()) as browser:
        await browser.page(await writing(browser), "scriptmodel-trainer was not found", "add --trainer T")


@asynccontextmanager
async def pages(folder: Path, server: str) -> AsyncIterator[tuple[Process, str]]:
    """Run the pages of an API server; yields their process and address."""
    config = kubeconfig(folder / "config", cluster={"server": server})
    command = [OPERATOR_ENV / "bin" / "scriptmodel", "ui", "--no-browser", f"--kubeconfig={config}"]
    running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
    assert running.stdout
    try:
        yield running, (await running.stdout.readline()).decode().strip()
    finally:
        if running.returncode is None:
            running.kill()


async def test_the_pages_end_with_their_terminal(tmp_path: Path) -> None:
    async with pages(tmp_path, "http://127.0.0.1:1") as (running, address):
        assert address.startswith("http://127.0.0.1:")
        running.send_signal(signal.SIGHUP)
        assert await asyncio.wait_for(running.wait(), SECONDS) == 0


async def test_the_pages_end_while_one_waits_for_an_api_server_that_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with (
            pages(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}") as (running, address),
            ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
        ):
            async with browser.get(address) as entered:
                inside = URL(address).join(URL(entered.headers["Refresh"].partition("url=")[2]))
            reading = asyncio.create_task(browser.get(inside))
            connection, _ = await asyncio.wait_for(asyncio.to_thread(silent.accept), SECONDS)
            running.send_signal(signal.SIGINT)
            with connection:
                assert await asyncio.wait_for(running.wait(), SECONDS) == 0
            await asyncio.wait([reading])
            assert reading.exception()
