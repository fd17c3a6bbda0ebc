"""The pages of `scriptmodel ui`: who is let in, what pages show, and what is sent again."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from dev.paths import OPERATOR_ENV
from scriptmodel_cli.local.programs import child
from scriptmodel_cli.session import Session
from scriptmodel_cli.training import training
from scriptmodel_cli.ui.model import Model
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.scripts import parts_of
from scriptmodel_cli.ui.server import application
from scriptmodel_cli.web.charts import Chart, Series, spark
from scriptmodel_cli.web.gate import Gate
from scriptmodel_cli.web.scripts import colours_of
from scriptmodel_operator.api.identity import PLURAL, VERSION
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.errors import UnavailableError
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.search_worlds import RANDOM, search, search_world, select
from tests.unit.operator.terminal import as_object, event, training_world
from tests.unit.operator.world import World, trained_world

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
MODEL = "/models/ml/thrones"
SECONDS = 60


class Pachd(Session):
    """A session whose Pachyderm is a fake; `down` is why it is unavailable."""

    fake: FakePachyderm
    down = ""

    @contextmanager
    def pachyderm(self, _purpose: str) -> Iterator[Any]:
        yield self.fake


class Api:
    """An API server with some ScriptModels; it refuses requests with `status`, if set, or for a path."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.objects, self.status, self.forbidden = objects, 0, "-"
        self.configmaps: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if self.status or request.path.endswith(self.forbidden):
            return web.json_response({"message": HOSTILE}, status=self.status or 403)
        if request.path.endswith("/scriptmodels"):
            return web.json_response({"items": self.objects})
        return web.json_response({"items": self.configmaps if "configmaps" in request.path else []})


class Browser:
    """A client that has the cookie, and the API server and the reads behind it."""

    def __init__(self, client: TestClient[Any, Any], api: Api, reads: Reads, gate: Gate) -> None:
        self.client, self.api, self.reads, self.gate = client, api, reads, gate

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers=headers, allow_redirects=False)

    async def page(self, path: str, *words: str) -> str:
        """Return a page once it shows all words, since what it reads comes later."""
        deadline = time.monotonic() + SECONDS
        while True:
            text = await (await self.get(path)).text()
            if all(word in text for word in words):
                return text
            assert time.monotonic() < deadline, f"no {words} in {text}"
            await asyncio.sleep(0.02)

    async def follow(self, path: str) -> ClientResponse:
        """Follow a page as a browser does."""
        return await self.get(path, Accept="text/event-stream")


@asynccontextmanager
async def browsing(*worlds: World | dict[str, Any], trainer: Path | None = None) -> AsyncIterator[Browser]:
    """Serve pages about some objects, of which the first one has the Pachyderm."""
    objects = [each if isinstance(each, dict) else as_object(each) for each in worlds]
    for each in objects:
        each["metadata"].setdefault("resourceVersion", "1")
    session = Pachd()
    session.fake = next((each.pachyderm for each in worlds if isinstance(each, World)), FakePachyderm())
    api, served = Api(objects), web.Application()
    served.router.add_get("/{path:.*}", api.answer)
    async with TestServer(served) as server:
        client = KubeClient(lambda: kopf.ConnectionInfo(server=str(server.make_url("/"))), UNLIMITED)
        reads = Reads(session, client, "default")
        listener = socket.create_server(("127.0.0.1", 0))
        gate = Gate("127.0.0.1", listener.getsockname()[1], "", "t" * 24)
        app = application(reads, "https://cluster", trainer, gate)
        async with TestClient(TestServer(app, port=gate.port, socket_factory=lambda *_: listener)) as browser:
            await browser.get("/", params={"token": "t" * 24})
            yield Browser(browser, api, reads, gate)


async def test_nobody_enters_without_the_token_or_from_another_site() -> None:
    async with browsing(trained_world()) as browser:
        entered = await browser.get(f"/?token={browser.gate.token}")
        assert (entered.status, entered.headers["Location"]) == (302, "/")
        assert "HttpOnly" in entered.headers["Set-Cookie"]
        assert (await browser.get("/")).status == 200
        assert (await browser.get("/", Host="evil.example:80")).status == 403
        assert (await browser.get("/", Origin="http://evil.example")).status == 403
        assert (await browser.client.post("/")).status == 403
        browser.client.session.cookie_jar.clear()
        for path in ("/", MODEL, "/static/page.js", "/?token=wrong", "/nowhere"):
            assert (await browser.get(path)).status == 401, path


async def test_pages_run_no_foreign_code() -> None:
    world = trained_world()
    found = as_object(world)
    script = world.model.status["lineage"]["script"]["commit"]
    world.pachyderm.files[world.generate.output, script]["/new_script.txt"] = f"[ {HOSTILE} ]: {HOSTILE}".encode()
    found["status"]["conditions"][0]["message"] = HOSTILE
    found["status"]["script"]["excerpt"] = f"[ X ]: {HOSTILE}"
    found["spec"]["generation"]["prompt"] = HOSTILE
    async with browsing(world, found) as browser:
        for path in ("/", MODEL, f"{MODEL}/script", "/compare?a=ml/thrones&b=ml/thrones"):
            page = await browser.page(path, "&lt;script&gt;alert(1)")
            assert "<script>" not in page
            assert " style=" not in page
            assert "\x1b" not in page
            policy = (await browser.get(path)).headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'self'; frame-ancestors 'none'")


async def test_a_list_shows_state_progress_curve_and_the_last_lines_of_the_script() -> None:
    world = trained_world()
    metrics = {"epochs": [{"epoch": n, "train_perplexity": 9, "valid_perplexity": 8 - n} for n in (1, 2)]}
    model = world.model.status["lineage"]["model"]["commit"]
    world.pachyderm.files[world.train.output, model]["/metrics.json"] = json.dumps(metrics).encode()
    training = as_object(training_world())
    training["metadata"] |= {"name": "again", "uid": "uid-2"}
    async with browsing(world, training) as browser:
        page = await browser.page("/", "<polyline", "You know nothing .")
        assert "2 ScriptModels" in page
        assert "https://cluster" in page
        assert '<progress max="100" value="62"' in page
        assert "epoch 3/4, 1m40s to go" in page
        assert re.search(r">JON</p>\s+<p", page)  # a space between them on one line


async def test_a_model_in_training_shows_its_curve_log_and_advice() -> None:
    async with browsing(training_world()) as browser:
        page = await browser.page(MODEL, "epoch 2 done: train 300.0, valid 200.2")
        assert "validation, epoch 2: 200" in page
        assert "<td>400</td>" in page  # the table beside the chart
        assert "epoch 3/4 · 1m40s to go" in page
        assert "scriptmodel status thrones -n ml -w" in page
        assert "The train job is running." in page


async def test_a_model_shows_the_log_of_its_script_and_the_judge_beside_held_out_text() -> None:
    world = trained_world()
    job = world.pachyderm.list_pipeline_jobs(world.generate, 1)[0]
    world.pachyderm.logs[job.ref] = [event(event="written", file="new_script.txt", words=60)]
    found = as_object(world)
    found["status"]["script"]["score"] = {"verdict": "good", "overall": "0.61", "order": "0.72"}
    async with browsing(world, found) as browser:
        page = await browser.page(MODEL, "Log of generate", "new_script.txt")
        assert "<td>0.72<meter" in page
        assert "Low if words come in no order." in page


async def test_lineage_leads_to_commits_and_their_files() -> None:
    world = trained_world()
    model = world.model.status["lineage"]["model"]
    commit = f"/commits/{model['project']}/{model['repo']}/{model['commit']}"
    world.pachyderm.files[world.train.output, model["commit"]]["/report.html"] = b"<script>alert(1)</script>"
    async with browsing(world) as browser:
        assert f'href="{commit}"' in await browser.page(MODEL)
        assert 'download="report.html"' in await browser.page(commit, "/report.html</a>")
        report = await browser.get(f"{commit}/file?path=/report.html")
        assert report.content_type == "text/html"
        assert report.headers["Content-Security-Policy"].startswith("sandbox;")
        assert (await browser.get(f"{commit}/file?path=/nowhere")).status == 404
        assert "There is no page" in await (await browser.get("/nowhere")).text()
        for odd in (
            "/commits/a/b/..%2f..%2f/file?path=/x",
            "/commits/%2e%2e/b/c/write/x",
            "/commits/a%2fb/c/d/write/x",
        ):
            assert (await browser.client.get(URL(odd, encoded=True))).status == 404, odd


async def test_a_script_has_its_samples_formats_and_cast() -> None:
    world = trained_world()
    script = world.model.status["lineage"]["script"]["commit"]
    files = world.pachyderm.files[world.generate.output, script]
    files |= {"/new_script.2.txt": b"[ ARYA ]: Not today .", "/new_script.2.fountain": b"ARYA"}
    async with browsing(world) as browser:
        page = await browser.page(f"{MODEL}/script?sample=0", "Not today .", "You know nothing .")
        assert "Side by side" in page
        second = await browser.page(f"{MODEL}/script?sample=2", "Not today .")
        assert "You know nothing" not in second
        href = re.search(r'href="([^"]+2\.fountain)"', second)
        assert href
        assert await (await browser.get(href[1].replace("&amp;", "&"))).text() == "ARYA"


async def test_pages_work_without_pachyderm() -> None:
    world = trained_world()
    world.pachyderm.read_file = world.pachyderm.walk_files = away  # type: ignore[method-assign,assignment]
    async with browsing(world) as browser:
        assert "You know nothing ." in await browser.page("/")
        page = await browser.page(f"{MODEL}/script", "pachd is away")
        assert "You know nothing ." in page
        for other in ("commit=deadbeef", "sample=2"):  # the excerpt is that of the newest script's first sample
            assert "You know nothing ." not in await browser.page(f"{MODEL}/script?{other}", "pachd is away")


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


async def test_the_open_page_of_a_deleted_object_says_so() -> None:
    async with browsing(training_world()) as browser:
        stream = await browser.follow(MODEL)
        browser.api.objects = []
        while "There is no ScriptModel ml/thrones" not in await next_message(stream):
            pass


async def test_who_may_not_list_all_namespaces_sees_their_own() -> None:
    async with browsing(training_world()) as browser:
        browser.api.forbidden = f"/{VERSION}/{PLURAL}"
        browser.reads._kept.clear()
        await browser.page("/", "in namespace default", "thrones")


async def test_a_page_keeps_what_it_shows_until_the_next_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptmodel_cli.ui.reads._OBJECTS_SECONDS", 0.01)
    found = as_object(training_world())
    async with browsing(training_world()) as browser:
        await browser.page(MODEL, "epoch 2 done: train 300.0, valid 200.2")
        found["status"]["training"]["completionTime"] = "2026-01-01T00:00:00Z"
        browser.api.objects = [found]
        while re.search(r"\d[hms] so far", text := await (await browser.get(MODEL)).text()):
            assert "epoch 2 done: train 300.0, valid 200.2" in text
        assert "epoch 2 done: train 300.0, valid 200.2" in text


async def next_message(stream: ClientResponse) -> str:
    while True:
        line = (await asyncio.wait_for(stream.content.readline(), SECONDS)).decode()
        if line.startswith("data: "):
            return str(json.loads(line.removeprefix("data: ")))


async def test_a_page_says_that_its_operator_uses_another_pachyderm() -> None:
    async with browsing(training_world()) as browser:
        browser.api.configmaps = [
            {"metadata": {"name": name}, "data": {"pachd": f"pachd.{name}:30650", "watchNamespaces": where}}
            for name, where in (("one", "default"), ("two", "ml"))
        ]
        await browser.page(MODEL, "another Pachyderm, at pachd.two:30650", "scriptmodel ui -n ml")
        browser.reads._own = "ml"
        assert browser.reads.other_pachd(Model(as_object(training_world()))) == ""


async def test_two_models_are_compared_by_settings_and_on_one_axis() -> None:
    other = as_object(training_world())
    other["metadata"] |= {"name": "again", "uid": "uid-2"}
    other["spec"]["model"]["preset"] = "small"
    async with browsing(training_world(), other) as browser:
        page = await browser.page("/compare?a=ml/again&b=ml/thrones", "thrones, validation, epoch 2: 200")
        assert "1 of " in page
        assert "<td>small</td><td>test</td>" in page


async def test_two_models_of_one_history_are_compared_with_their_whole_scripts() -> None:
    world = trained_world()
    old = world.model.status["lineage"]["model"]["commit"]
    world.pachyderm.put(world.corpus, {"/more.txt": b"more"})
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    new = world.model.status["lineage"]["model"]["commit"]
    for commit, dropout in ((old, 0.125), (new, 0.25)):
        epochs = [{"epoch": 1, "train_perplexity": 9, "valid_perplexity": 1 / dropout}]
        world.pachyderm.files[world.train.output, commit] |= {
            "/metrics.json": json.dumps({"epochs": epochs}).encode(),
            "/model.json": json.dumps({"preset": "test", "parameters": {"dropout": dropout}}).encode(),
        }
    line = "[ ARYA ]: An older line .\n"
    record = {"samples": [{"file": "new_script.txt", "words": 1234, "score": {"verdict": "a loop"}}]}
    world.pachyderm.files[world.generate.output, old] = {
        "/new_script.txt": line.encode() * 99,
        "/generation.json": json.dumps(record).encode(),
    }
    async with browsing(world) as browser:
        assert f"/compare?a=ml/thrones&amp;b=ml/thrones@{old}" in await browser.page(MODEL, old[:8])
        page = await browser.page(f"/compare?a=ml/thrones&b=ml/thrones@{old}", "You know nothing .")
        assert page.count("An older line .") == 99
        assert "<td>0.25</td><td>0.125</td>" in page
        assert "1,234 words, judged a loop" in page
        both = await (await browser.get(f"/compare?a=ml/thrones@{old}&b=ml/thrones@{new}")).text()
        assert both.count('<option value="ml/thrones@') == 4
        assert f"thrones ({old[:8]}), validation, epoch 1: 8" in page


async def test_the_trials_of_a_search_are_a_table_that_is_sorted_by_any_column() -> None:
    world = search_world(RANDOM)
    search(world, {"0001": "diverged", "0002": 1.5, "0003": 1.25})
    best = world.model.status["lineage"]["model"]["commit"]
    metrics = {"epochs": [{"epoch": 1, "train_perplexity": 9, "valid_perplexity": 8}]}
    files = world.pachyderm.files[select(world).output, best]
    files |= {"/metrics.json": json.dumps(metrics).encode(), "/train.log.jsonl": event(event="start").encode()}
    async with browsing(world) as browser:
        page = await browser.page(MODEL, "random: 2 complete, 1 failed")
        assert re.findall(r"<tr><th scope=.row.>(\d)</th><td>([a-z]+)</td>", page) == [
            ("3", "complete"),
            ("2", "complete"),
            ("1", "failed"),
        ]
        assert 'href="?sort=dropout#search"' in page
        assert "The report of the best model" in page
        await browser.page(MODEL, "validation, epoch 1: 8")  # the curve of the best one
        page = await browser.page(f"{MODEL}?sort=-trial", "random: 2 complete, 1 failed")
        assert [number for number, _ in re.findall(r"<tr><th scope=.row.>(\d)</th><td>([a-z]+)</td>", page)] == [
            "3",
            "2",
            "1",
        ]
        world.pachyderm.read_files = away  # type: ignore[method-assign]  # fails from now on
        browser.reads._kept.clear()
        assert "<td>diverged</td>" in await browser.page(MODEL, "Only the ten best are shown: ")


async def writing(browser: Browser) -> str:
    """Return the address below which the trainer's pages of the model are."""
    found = re.search(r'href="([^"]+/write)/1/write">Write with it', await browser.page(MODEL))
    assert found
    return found[1]


FAKE_TRAINER = """#!/usr/bin/env python3
import http.server, os, sys, threading
options = dict(each.split("=", 1) for each in sys.argv if "=" in each)
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
        assert "Set-Cookie" not in page.headers
        origin = {"Origin": f"http://127.0.0.1:{browser.gate.port}"}
        written = await browser.client.post(f"{base}/1/v1/completions", data=b"abc", headers=origin)
        assert await written.text() == "cba"
        ended = await browser.client.post(f"{base}/1/end", headers=origin)
        assert (ended.status, "starts again" in await ended.text()) == (502, True)
        assert (await browser.get(address)).status == 202


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
        deadline = time.monotonic() + SECONDS
        while "loading" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield process


def world_with_trainer(environment: Path, program: str) -> World:
    """Return a trained world whose model can be fetched, and write the program that stands for the trainer."""
    trainer = environment / "bin" / "scriptmodel-trainer"
    trainer.parent.mkdir()
    trainer.write_text(program)
    trainer.chmod(0o755)
    world = trained_world()
    model = world.model.status["lineage"]["model"]["commit"]
    world.pachyderm.files[world.train.output, model] = {"/model.json": b"{}"}
    return world


async def test_a_page_says_how_to_get_the_trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("scriptmodel_cli.local.programs.shutil.which", lambda _name: None)
    monkeypatch.setattr("scriptmodel_cli.local.programs.sys.prefix", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    async with browsing(trained_world()) as browser:
        base = await writing(browser)
        await browser.page(f"{base}/1/write", "scriptmodel-trainer was not found", "add --trainer T")


def test_long_curves_are_thinned() -> None:
    assert spark([1.0]) == ""
    assert len(spark([1.0] * 5000).split()) <= 240
    line = Series("a", "a", [2.0] * 4999 + [1.0])
    points = Chart("t", [line]).points(line)
    assert (len(points) <= 240, points[-1]) == (True, (5000, 1.0))


def test_a_log_is_digested_to_the_newest_attempt() -> None:
    world = training_world()
    job = world.pachyderm.list_pipeline_jobs(world.train, 1)[0]
    world.pachyderm.logs[job.ref] = [
        event(event="epoch", epoch=1, train_perplexity=9, valid_perplexity=8),
        event(event="start", epochs=2),
        event(event="epoch", epoch=1, train_perplexity=5, valid_perplexity=4),
        event(event="progress", epoch=2, fraction=0.5, perplexity=3),
        "not an event",
    ]
    found = training(world.pachyderm, as_object(world))
    assert [each[:3] for each in found.curve.epochs] == [(1, 5, 4)]
    assert found.curve.running == ((1.5, 3),)
    assert found.lines[-1] == "not an event"


def test_a_script_is_set_with_headings_asides_and_colours_by_speaker() -> None:
    parts = parts_of(
        "{{ ACT I }}\n{{ A hall. }}\n[ JON SNOW ]: [ aside ] No . [ Exit ]\n[ ARYA ]: Ay .\n    No .\n[ ARYA ]:\n"
    )
    assert [part.kind for part in parts] == ["heading", "direction", "speech", "speech", "speech", "speech"]
    assert [*parts[2].spoken()] == [("aside", True), ("No .", False), ("Exit", True)]
    assert (parts[4].name, [*parts[4].spoken()]) == ("", [("No .", False)])  # a line of verse
    assert [*parts[5].spoken()] == [("...", False)]
    assert colours_of(parts) == {"ARYA": "s0", "JON SNOW": "s1"}


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
    assert await asyncio.wait_for(running.wait(), 30) == 0
