"""The pages of the trainer: what they show, and that neither files nor sites that are not trusted do anything there."""

import asyncio
import json
import os
import re
import shutil
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from aiohttp.web import HTTPFound
from jinja2 import DictLoader, Environment
from markup import Page
from serving import Server, started

from scriptmodel_trainer.artifacts.model_directory import MODEL
from scriptmodel_trainer.corpus.speeches import SPEECHES, Speech, StoredSpeeches
from scriptmodel_trainer.serving import pages
from scriptmodel_trainer.serving.model_folders import Folder
from scriptmodel_trainer.serving.pages import Pages
from scriptmodel_trainer.serving.runs import read_run
from scriptmodel_trainer.web.site import Site

HOSTILE = "<script>alert(1)</script>"
SCRIPT = f"[ ANNA ]: {HOSTILE} [aside] The lamp.\n{{{{ {HOSTILE} }}}}\n[ OLD BEN ]: It waits.\n"


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Pages of a model with a script beside it."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(model, folder / "one")
    (folder / "new_script.txt").write_text(SCRIPT)
    with started("ui", folder / "one", "--no-browser", "--until-eof") as running:
        running.folder = folder
        running.enter()
        yield running


def page(server: Server, path: str) -> Page:
    return Page(server.get(server.pages + path)[1])


def test_every_page_keeps_to_its_path_and_its_policy(server: Server) -> None:
    for path in ("/model", "/write", "/script"):
        status, text, headers = server.get(server.pages + path)
        assert status == 200, path
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        shown = Page(text)
        assert not [tag for tag, attributes in shown.tags if "style" in attributes or "onclick" in attributes]
        assert not shown.all("style")
        scripts = [attributes["src"] for attributes in shown.all("script")]
        assert scripts == [f"{server.pages}/static/{name}.js" for name in ("page", "write")]
        links = [each["href"] for tag in ("a", "link") for each in shown.all(tag)]
        links += [each.get("data-api") or each["action"] for each in shown.all("form")]
        assert all(link and (link.startswith(f"{server.pages}/") or link == "#main") for link in links)
        for link in {link for link in links if link and link != "#main" and not link.endswith(("/file", "/v1/"))}:
            assert server.get(link)[0] == 200, link


@pytest.mark.parametrize(("trained", "page"), [(True, "write"), (False, "model")])
def test_a_model_opens_to_write_with_it_once_it_is_trained(trained: bool, page: str, tmp_path: Path) -> None:
    (tmp_path / (MODEL if trained else "training.jsonl")).touch()
    with pytest.raises(HTTPFound) as found:
        asyncio.run(Pages(Folder(tmp_path, "one"), "/a").index(Mock()))
    assert found.value.location == f"/a/{page}"


def test_the_page_of_a_model_has_its_training_and_leads_to_its_report(server: Server) -> None:
    shown = page(server, "/model")
    assert "test perplexity" in shown.text
    assert f"{server.pages}/report" in [each["href"] for each in shown.all("a")]
    (server.folder / "one/report.html").write_text(HOSTILE)
    status, text, headers = server.get(f"{server.pages}/report")
    assert (status, text) == (200, HOSTILE)
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_a_stored_script_is_set_as_one_and_runs_nothing(server: Server) -> None:
    (server.folder / "script-1.txt").touch()  # is being written
    shown = page(server, "/script")
    assert [each["aria-label"] for each in shown.all("section")] == ["new_script.txt"]
    assert [each["class"] for each in shown.all("p") if each.get("class") in ("cue", "aside")] == [
        "cue",
        "aside",
        "cue",
    ]
    assert shown.text.count(HOSTILE) == 2
    assert len(shown.all("script")) == 2


@pytest.mark.parametrize(
    ("name", "first"), [("text", "[ ANNA ]"), ("fountain", "Title: "), ("fdx", "<?xml"), ("html", "<!")]
)
def test_what_one_has_written_is_downloaded_in_each_format(server: Server, name: str, first: str) -> None:
    body = urllib.parse.urlencode({"text": SCRIPT.replace("\n", "\r\n"), "format": name}).encode()
    status, text, headers = server.get(f"{server.pages}/file", body)
    assert status == 200
    assert headers["Content-Disposition"].startswith("attachment")
    assert text.startswith(first)
    assert (text == SCRIPT) is (name == "text")


def test_a_download_has_title_author_and_the_sources_of_real_lines(server: Server) -> None:
    notes = json.dumps({"It waits.": "A play, ACT I, BEN"})
    form = {"text": SCRIPT, "format": "fountain", "title": "Ash", "author": "A. B.", "notes": notes}
    status, text, _ = server.get(f"{server.pages}/file", urllib.parse.urlencode(form).encode())
    assert status == 200
    assert text.startswith("Title: Ash\nCredit: written by\nAuthor: A. B.\n")
    assert text.endswith("It waits. [[A play, ACT I, BEN]]\n")
    assert server.get(f"{server.pages}/file", urllib.parse.urlencode({**form, "notes": "[]"}).encode())[0] == 400


def test_next_lines_of_a_scene_are_answered_and_real_ones_where_they_are_stored(server: Server) -> None:
    def replies(**more: Any) -> tuple[int, Any]:
        path = f"{server.pages}/v1/replies"
        return server.json(path, json.dumps({"prompt": "ANNA. It’s late.\n\nMIRA. Yes.", "n": 3, **more}).encode())

    status, found = replies()
    assert (status, [each["cue"] for each in found["replies"]]) == (200, ["\n\nANNA. "] * 3)
    assert all(each["words"] and not each["source"] for each in found["replies"])
    status, refused = replies(lines="real")
    assert (status, "real lines need the plays" in refused["error"]["message"]) == (400, True)
    stored = StoredSpeeches(
        "", [Speech("BEN", f"The lamp {word}.", 1, "Pier") for word in ("is lit", "went out", "fell")]
    )
    (server.folder / SPEECHES).write_bytes(msgspec.json.encode(stored))
    status, found = replies(lines="real")
    assert (status, [each["source"] for each in found["replies"]]) == (200, ["Pier, BEN"] * 3)
    for wrong in ({"n": 21}, {"words": 0}, {"lines": "both"}, {"speaker": "MIRRA"}):
        assert replies(**wrong)[0] == 400, wrong


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded; charset=no", "multipart/form-data"])
def test_a_form_that_is_not_what_its_headers_say_is_refused(server: Server, kind: str) -> None:
    status, text, _ = server.get(f"{server.pages}/file", b"format=text&text=%ff", headers={"Content-Type": kind})
    assert status == 400
    assert "cannot be read" in text


def test_scripts_that_are_gone_or_have_odd_names_are_no_failure(server: Server) -> None:
    (server.folder / "script-2.txt").symlink_to("nowhere")
    odd = os.fsdecode(bytes(server.folder) + b"/script-\xff.txt")
    Path(odd).write_text(SCRIPT)
    try:
        assert "script-\\udcff.txt" in page(server, "/script").text
    finally:
        Path(odd).unlink()


def test_scripts_are_read_and_rendered_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    (tmp_path / "script-1.txt").write_text(SCRIPT)
    monkeypatch.setattr(pages, "parts_of", lambda _: threads.append(threading.current_thread().name) or [])
    show: Any = pages.Pages(Folder(tmp_path / "model", "one"), "").script
    asyncio.run(show(None))

    async def no_values(_: object) -> dict[str, object]:
        return {}

    templates = Environment(loader=DictLoader({"base.html": "{{ note() }}"}), autoescape=True)
    shown = {"note": lambda: threads.append(threading.current_thread().name)}
    asyncio.run(Site(templates, no_values).answer(SimpleNamespace(path="/"), "", shown))  # type: ignore[arg-type]
    assert len(threads) == 2
    assert threading.main_thread().name not in threads


def test_a_browser_that_leaves_while_a_model_loads_does_not_load_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    started, gate = threading.Event(), threading.Event()

    def load(folder: Folder) -> object:
        started.set()
        assert gate.wait(60)
        loaded.append(folder)
        return (None, folder)

    monkeypatch.setattr(Folder, "_load", load)
    (tmp_path / "model.json").touch()
    folder = Folder(tmp_path, "one")

    async def visit() -> None:
        left = asyncio.create_task(folder.load())
        await asyncio.to_thread(started.wait, 60)
        left.cancel()
        await asyncio.wait([left])
        gate.set()
        await folder.load()

    asyncio.run(visit())
    assert loaded == [folder]


def test_the_address_lets_one_browser_in_and_no_other_site(model: Path) -> None:
    """Its pages are below a path that nobody else knows, as the cookie is."""
    with started("ui", model, "--no-browser", "--until-eof") as server:
        origin, _, code = server.url.rpartition("/")
        assert server.get("/?code=0123456789abcdef", token="")[0] == 401
        status, _, headers = server.get(f"/{code}", token="")
        pages = headers["Refresh"].removeprefix("0; url=")
        assert (status, re.fullmatch(r"/[\w-]{22}/", pages) is not None) == (200, True)
        assert server.get(f"/{code}", token="")[0] == 401
        name, *flags = headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", f"Path={pages}"} <= set(flags)
        for path, cookie, expected in ((f"{pages}model", name, 200), (f"{pages}model", "", 401), ("/model", name, 401)):
            assert server.get(path, token="", headers={"Cookie": cookie})[0] == expected
        behind_tls = {"Host": "models.example", "Origin": "https://models.example"}
        evil = {"Origin": "http://evil.example"}
        for site, expected in (({"Origin": origin}, 200), (behind_tls, 200), ({"Origin": "null"}, 403), (evil, 403)):
            sent = {"Cookie": name, **site}
            assert server.get(f"{pages}file", b"format=text&text=a", token="", headers=sent)[0] == expected


def log(folder: Path, *events: dict[str, object]) -> None:
    with (folder / "train.log.jsonl").open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def test_a_training_is_shown_as_it_goes_until_there_is_a_model(model: Path, tmp_path: Path) -> None:
    """The page follows by events: the training as it goes, then what there is of the model."""
    folder = tmp_path / "two"
    folder.mkdir()
    with started("ui", folder, "--no-browser", "--until-eof") as server:
        server.enter()
        follow(server, folder, model)


def follow(server: Server, folder: Path, model: Path) -> None:
    for path in ("report", "script", "v1/models"):
        assert server.get(f"{server.pages}/{path}")[0] == 404
    assert "neither a model" in page(server, "/model").text
    heard: list[str] = []
    begun = threading.Event()

    def listen() -> None:
        with server.open(f"{server.pages}/model", headers={"Accept": "text/event-stream"}) as answer:
            begun.set()
            for line in answer:
                heard.append(line.decode())
                if "Write with it" in heard[-1]:
                    return

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(60)
    progress = {"event": "progress", "epoch": 1, "epochs": 4, "fraction": 0.5, "perplexity": 99.5}
    log(folder, {"event": "start"}, progress)
    figures = {"train_perplexity": 80, "valid_perplexity": 77.7, "sample": HOSTILE}
    log(folder, {"event": "epoch", "epoch": 1, "time": time.time(), **figures})
    while not any("77.7" in line for line in heard):
        assert listener.is_alive()
        listener.join(0.1)
    shown = page(server, "/model")
    assert "epoch 1 of 4, perplexity 99.5" in shown.text
    assert shown.all("progress")[0]["value"] == "25"
    assert HOSTILE in shown.text
    assert "Not yet" in page(server, "/write").text
    shutil.copytree(model, folder, dirs_exist_ok=True)
    listener.join(60)
    assert not listener.is_alive()
    assert "test perplexity" in page(server, "/model").text


def test_a_log_tells_how_a_training_ended_whatever_is_in_it(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    log(
        tmp_path,
        {"event": "start"},
        {"event": "progress", "epoch": 1, "epochs": 2, "fraction": 0.5, "perplexity": None},
    )
    run = read_run(tmp_path)
    assert run is not None
    assert (run.state, run.percent) == ("silent", 25)
    (tmp_path / "train.log.jsonl").open("a").write('no JSON\n{"event": "epoch", "epoch": "x"}\n[1]\n{"event": "epo')
    log(tmp_path, {}, {"event": "error", "message": "the loss is not finite"})
    run = read_run(tmp_path)
    assert run is not None
    assert (run.state, len(run.curve.epochs)) == ("failed", 0)
    assert "the loss is not finite" in run.summary
    log(tmp_path, {"event": "start", "resumed_from": 1, "time": time.time()})
    run = read_run(tmp_path)
    assert run is not None
    assert run.state == "training"
    log(tmp_path, {"event": "start"}, {"event": "done", "perplexity": 12.25, "seconds": 61})
    run = read_run(tmp_path)
    assert run is not None
    assert run.summary == "Trained in 0:01:01: test perplexity 12.2."
