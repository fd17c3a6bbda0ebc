"""The pages of `scriptmodel ui`: who is let in, what they show, what is sent again, and how they end."""

import asyncio
import json
import re
import signal
import socket
import stat
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from yarl import URL

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.main import main
from scriptmodel_cli.session import Session
from scriptmodel_cli.web.entrance import Entrance
from scriptmodel_cli.web.gate import Gate
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import commit_of
from tests.unit.operator.browsing import HOSTILE, MODEL, SECONDS, browsing
from tests.unit.operator.connecting import kubeconfig
from tests.unit.operator.terminal import as_object, training_world
from tests.unit.operator.world import World, trained_world


async def test_an_address_that_is_shown_lets_one_browser_in() -> None:
    async with browsing(trained_world()) as browser:
        pages, (note,) = browser.entrance.pages, browser.notes  # which is shown when the address before is used
        address = note.removeprefix("A browser has entered; the address for another one: http://stage")
        assert address.startswith("/?code=")
        browser.client.session.cookie_jar.clear()
        entered = await browser.client.get(address)
        assert (entered.status, entered.headers["Refresh"]) == (200, f"0; url={pages}/")
        name, *flags = entered.headers["Set-Cookie"].split("; ")
        assert name.startswith(f"scriptmodel-{browser.port}=")
        assert {"HttpOnly", "SameSite=Strict", f"Path={pages}/"} <= set(flags)
        assert (await browser.get("/")).status == 200
        assert (await browser.client.get(address)).status == 401


async def test_neither_the_cookie_nor_the_path_of_the_pages_lets_anybody_in_alone() -> None:
    async with browsing(trained_world()) as browser:
        client, cookie = browser.client, {"Cookie": f"scriptmodel-{browser.port}={browser.entrance.cookie}"}
        client.session.cookie_jar.clear()  # as of whoever gets it at another port of this machine
        for path in ("/", MODEL, "/static/page.js", "/nowhere", f"/{'x' * 22}/"):
            assert (await client.get(path, headers=cookie)).status == 401, path
            assert (await browser.get(path)).status == 401, path
            assert (await client.post(path, headers=cookie)).status == 401, path
        assert (await browser.get("/", **cookie)).status == 200
        for code in ("", browser.entrance.cookie, browser.entrance.pages[1:], "%ff"):
            assert (await client.get(URL(f"/?code={code}", encoded=True))).status == 401, code


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", "http://127.0.0.1", 405),
        ("models.example", "https://models.example", 405),  # behind a proxy that speaks TLS
        ("127.0.0.1", "http://evil.example", 403),
        ("127.0.0.1", "http://127.0.0.1:1", 403),
        ("127.0.0.1", "null", 403),
    ],
)
async def test_a_page_of_another_site_may_not_ask(host: str, origin: str, status: int) -> None:
    async with browsing(trained_world()) as browser:
        at = f"{browser.entrance.pages}/"
        assert (await browser.client.post(at, headers={"Host": host, "Origin": origin})).status == status


def test_a_browser_is_led_in_by_a_private_file_that_is_gone_afterwards() -> None:
    entrance = Entrance(lambda _note: None)
    entrance.origin = "http://127.0.0.1:1"
    with closing(entrance):
        file = entrance.file()
        assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)] == [0o600, 0o700]
        code = re.search(r"url=http://127.0.0.1:1/\?code=([\w-]{22})\"", file.read_text())
        assert code
        assert entrance.enter(code[1])
        assert not file.parent.exists()
        assert not entrance.enter(code[1])
        unused = entrance.file()
    assert not unused.parent.exists()


async def test_pages_run_no_foreign_code() -> None:
    world = trained_world()
    found = as_object(world)
    found["status"]["conditions"][0]["message"] = HOSTILE
    found["status"]["script"]["excerpt"] = f"[ X ]: {HOSTILE}"
    found["spec"]["generation"]["prompt"] = HOSTILE
    async with browsing(world, found) as browser:
        for path in ("/", MODEL):
            page = await browser.page(path, "&lt;script&gt;alert(1)")
            assert "<script>" not in page
            assert " style=" not in page
            assert "\x1b" not in page
            policy = (await browser.get(path)).headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'self'; frame-ancestors 'none'")


async def test_a_list_shows_state_progress_and_the_beginning_of_the_script() -> None:
    training = as_object(training_world())
    training["metadata"] |= {"name": "again", "uid": "uid-2"}
    async with browsing(trained_world(), training) as browser:
        page = await browser.page("/", "You know nothing .")
        assert "2 ScriptModels" in page
        assert "https://cluster" in page
        assert '<progress max="100" value="62"' in page
        assert "epoch 3/4, 1m40s to go" in page


async def test_a_model_in_training_shows_its_curve_log_and_advice() -> None:
    async with browsing(training_world()) as browser:
        page = await browser.page(MODEL, "Epoch 2 is done")
        assert ">200</text>" in page  # the last value of its line
        assert "<td>400</td>" in page  # the table beside the chart
        assert "epoch 3/4 · 1m40s to go" in page
        assert "scriptmodel status thrones -n ml -w" in page
        assert "The train job is running." in page


async def test_lineage_leads_to_commits_and_their_files() -> None:
    world = trained_world()
    (repo, model), (scripts, script) = (commit_of(world.model.status["lineage"][kind]) for kind in ("model", "script"))
    commit, read = f"/commits/{repo}/{model}", f"/commits/{scripts}/{script}/file?path=/new_script.html"
    world.pachyderm.files[scripts, script]["/new_script.html"] = b"<h1>Thrones</h1>"
    world.pachyderm.files[repo, model]["/report.html"] = b"<script>alert(1)</script>"
    async with browsing(world) as browser:
        assert f'href="{browser.entrance.pages}{commit}"' in await browser.page(MODEL)
        assert 'download="report.html"' in await browser.page(commit, "/report.html</a>")
        report = await browser.get(f"{commit}/file?path=/report.html")
        assert report.content_type == "text/html"
        assert report.headers["Content-Security-Policy"].startswith("sandbox;")
        assert f'href="{browser.entrance.pages}{read}">Read the script' in await browser.page(MODEL)
        assert await (await browser.get(read)).text() == "<h1>Thrones</h1>"
        assert (await browser.get(f"{commit}/file?path=/nowhere")).status == 404
        assert "There is no page" in await (await browser.get("/nowhere")).text()
        assert (await browser.get("/commits/a/b/..%2f..%2f/file?path=/x")).status == 404


async def test_pages_work_without_pachyderm() -> None:
    world = trained_world()
    world.pachyderm.read_file = world.pachyderm.walk_files = away  # type: ignore[method-assign,assignment]
    async with browsing(world) as browser:
        assert "You know nothing ." in await browser.page("/")
        assert "You know nothing ." in await browser.page(MODEL)
        answer = await browser.get("/commits/default/plays/1")
        assert (answer.status, "pachd is away" in await answer.text()) == (502, True)


def away(*_args: object) -> Any:
    raise UnavailableError("reading", "pachd is away")


async def test_an_open_page_is_sent_what_changed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptmodel_cli.ui.reads._OBJECTS_SECONDS", 0.05)
    first, second = as_object(training_world()), as_object(training_world())
    second["metadata"] |= {"name": "again", "uid": "uid-2"}
    async with browsing(first, second) as browser:
        assert '<main id="main" tabindex="-1" data-live>' in await browser.page("/", "again")
        stream = await browser.follow("/")
        await next_message(stream)
        changed = json.loads(json.dumps(second))
        changed["status"]["training"]["progressPercent"] = 77
        browser.api.objects = [first, changed]
        assert 'value="77"' in await next_message(stream)
        new = [json.loads(json.dumps(second)) for _ in range(2)]
        for number, each in enumerate(new):
            each["metadata"] |= {"name": f"new-{number}", "uid": f"uid-new-{number}"}
        browser.api.objects = [*new, changed, first]
        text = await next_message(stream)
        assert re.findall(r'id="row-([^"]+)"', text) == ["uid-2", "uid-new-0", "uid-new-1", "uid-1"]
        assert "4 ScriptModels" in text
        browser.api.objects = [*new, changed]
        assert "uid-1" not in await next_message(stream)
        browser.api.status = 503
        text = await next_message(stream)
        assert "out of date: listing ScriptModels: " in text
        assert "&lt;script&gt;" in text
        assert "new-1" in text
        browser.api.status = 0
        assert "out of date" not in await next_message(stream)


async def next_message(stream: ClientResponse) -> str:
    while True:
        line = (await asyncio.wait_for(stream.content.readline(), SECONDS)).decode()
        if line.startswith("data: "):
            return str(json.loads(line.removeprefix("data: ")))


@pytest.mark.parametrize(
    ("port", "headers", "status"),
    [
        (80, {"Host": "127.0.0.1"}, 404),  # as a browser writes it
        (80, {"Host": "localhost:80"}, 404),
        (80, {"Host": "localhost", "Origin": "http://localhost"}, 404),
        (8080, {"Host": "127.0.0.1"}, 403),
        (8080, {"Host": "evil.example:8080"}, 403),  # a name that leads here
        (8080, {"Host": "127.0.0.1:8080", "Origin": "http://evil.example"}, 403),
        (8080, {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:1"}, 403),
    ],
)
async def test_only_its_own_pages_may_ask_a_server_without_a_token(
    port: int, headers: dict[str, str], status: int
) -> None:
    app = web.Application(middlewares=[Gate(port).checks()])
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/", headers=headers)).status == status


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
    world.pachyderm.close = lambda: None  # type: ignore[method-assign]  # the command closes it, the test reads on
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
