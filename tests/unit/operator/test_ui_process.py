"""How `scriptmodel ui` writes with a model of the cluster, and how its pages end."""

import asyncio
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar
from click.testing import CliRunner
from yarl import URL

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.main import main
from scriptmodel_cli.session import Session
from tests.unit.operator.browsing import SECONDS
from tests.unit.operator.connecting import kubeconfig
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import World, trained_world


@pytest.mark.parametrize(("world", "said"), [(trained_world(), "model.json"), (World(), "has no model yet")])
def test_the_newest_model_is_fetched_for_the_trainers_page(
    world: World, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = tmp_path / "bin" / "scriptmodel-trainer"
    trainer.parent.mkdir()
    trainer.write_text(f'#!/bin/sh\necho "$*" "$(ls "$2")" > {tmp_path}/said\n')
    trainer.chmod(0o755)
    if lineage := (world.model.status or {}).get("lineage"):
        world.pachyderm.files[world.train.output, lineage["model"].partition("@")[2]] = {"/model.json": b"{}"}
    world.pachyderm.close = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(Session, "get", lambda *_: as_object(world))
    monkeypatch.setattr("scriptmodel_operator.pachyderm.adapter.PachydermGateway", lambda *_: world.pachyderm)
    done = CliRunner().invoke(main, ["ui", "--pachd=nowhere:1", "--model=thrones", f"--trainer={tmp_path}"])
    heard = tmp_path / "said"
    assert said in (heard.read_text() if heard.exists() else done.stderr)


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
