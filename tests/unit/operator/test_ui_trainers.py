"""The trainer behind the pages of `scriptmodel ui`, and how the pages end."""

import asyncio
import json
import re
import signal
import subprocess
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.local.programs import child
from tests.unit.operator.browsing import MODEL, SECONDS, Browser, browsing
from tests.unit.operator.open_logs import eventually
from tests.unit.operator.world import World, trained_world


async def writing(browser: Browser) -> str:
    """Return the address below which the trainer's pages of the model are."""
    found = re.search(r'href="([^"]+/write)/1/write">Write with it', await browser.page(MODEL))
    assert found
    return found[1]


FAKE_TRAINER = """#!/usr/bin/env python3
import http.server, os, sys, threading
words = [*sys.argv, *open(sys.argv[3][1:]).read().split()]
options = dict(each.split("=", 1) for each in words if "=" in each)
token, base = open(options["--token-file"]).read(), options["--base-path"]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = " ".join([self.path, os.listdir(sys.argv[2])[0], str(self.headers.get("Cookie"))]).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer " + token else 401)
        self.send_header("Set-Cookie", "x=1"); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        if self.path.endswith("/end"):
            os._exit(1)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.end_headers(); self.wfile.write(body[::-1])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}{base}/", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"""


async def test_the_trainer_is_started_once_with_the_fetched_model_and_shown(tmp_path: Path) -> None:
    world = world_with_trainer(tmp_path, FAKE_TRAINER)
    async with browsing(world, trainer=tmp_path) as browser:
        base = await writing(browser)
        address = f"{base}/1/write?x=%20"
        starting = await browser.get(address)
        assert (starting.status, starting.headers["Refresh"]) == (202, "1")
        assert "One moment" in await starting.text()
        deadline = time.monotonic() + SECONDS
        while (page := await browser.get(address)).status == 202:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (page.status, await page.text()) == (200, f"{base}/1/write?x=%20 model.json None")
        (words,) = trainers_words()
        assert browser.entrance.pages not in words, "whoever reads it needs only the cookie"
        assert "Set-Cookie" not in page.headers
        origin = {"Origin": f"http://127.0.0.1:{browser.port}"}
        written = await browser.client.post(f"{base}/1/v1/completions", data=b"abc", headers=origin)
        assert await written.text() == "cba"
        ended = await browser.client.post(f"{base}/1/end", headers=origin)
        assert (ended.status, "starts again" in await ended.text()) == (502, True)
        assert (await browser.get(address)).status == 202


def trainers_words() -> list[str]:
    """Return the arguments of the trainers that this process has started, as every user of the machine reads them."""
    children = Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()
    commands = [Path(f"/proc/{each}/cmdline").read_text().replace("\0", " ") for each in children]
    return [command for command in commands if "scriptmodel-trainer ui" in command]


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
        await browser.page(f"{await writing(browser)}/1/write", f"scriptmodel-trainer {message}")


@contextmanager
def loading(command: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
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
        base = await writing(browser)
        await browser.page(f"{base}/1/write", "scriptmodel-trainer was not found", "add --trainer T")


async def test_the_pages_end_with_their_terminal(tmp_path: Path) -> None:
    config = tmp_path / "config"
    context = {"name": "here", "context": {"cluster": "here"}}
    cluster = {"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}
    config.write_text(json.dumps({"current-context": "here", "contexts": [context], "clusters": [cluster]}))
    command = [OPERATOR_ENV / "bin" / "scriptmodel", "ui", "--no-browser", f"--kubeconfig={config}"]
    running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
    assert running.stdout
    assert (await running.stdout.readline()).startswith(b"http://127.0.0.1:")
    running.send_signal(signal.SIGHUP)
    assert await asyncio.wait_for(running.wait(), SECONDS) == 0
