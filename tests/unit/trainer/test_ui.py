"""The pages of the trainer: what they show, and that neither files nor sites that are not trusted do anything there."""

import json
import re
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markup import Page
from serving import Server, started

from scriptmodel_trainer.corpus.speeches import SPEECHES, Speech, StoredSpeeches

HOSTILE = "<script>alert(1)</script>"
SCRIPT = f"[ ANNA ]: {HOSTILE} [aside] The lamp.\n{{{{ {HOSTILE} }}}}\n[ OLD BEN ]: It waits.\n"


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page of a model with real lines beside it."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copytree(model, folder / "one")
    speeches = [Speech("BEN", f"The lamp {word}.", 1, "Pier") for word in ("is lit", "went out", "fell")]
    (folder / SPEECHES).write_bytes(msgspec.json.encode(StoredSpeeches("", speeches)))
    with started("ui", folder / "one", "--no-browser") as running:
        running.folder = folder
        running.enter()
        yield running


def test_the_page_keeps_to_its_path_and_its_policy(server: Server) -> None:
    status, text, headers = server.get(f"{server.pages}/")
    assert status == 200
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


def test_a_report_runs_nothing(server: Server) -> None:
    (server.folder / "one/report.html").write_text(HOSTILE)
    status, text, headers = server.get(f"{server.pages}/report")
    assert (status, text) == (200, HOSTILE)
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


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


def test_next_lines_of_a_scene_are_answered_and_real_ones(server: Server) -> None:
    def replies(**more: Any) -> tuple[int, Any]:
        path = f"{server.pages}/v1/replies"
        return server.json(path, json.dumps({"prompt": "ANNA. It’s late.\n\nMIRA. Yes.", "n": 3, **more}).encode())

    status, found = replies()
    assert (status, [each["cue"] for each in found["replies"]]) == (200, ["\n\nANNA. "] * 3)
    assert all(each["words"] and not each["source"] for each in found["replies"])
    status, found = replies(lines="real")
    assert (status, [each["source"] for each in found["replies"]]) == (200, ["Pier, BEN"] * 3)
    for wrong in ({"n": 21}, {"words": 0}, {"lines": "both"}, {"speaker": "MIRRA"}):
        assert replies(**wrong)[0] == 400, wrong


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded; charset=no", "multipart/form-data"])
def test_a_form_that_is_not_what_its_headers_say_is_refused(server: Server, kind: str) -> None:
    status, text, _ = server.get(f"{server.pages}/file", b"format=text&text=%ff", headers={"Content-Type": kind})
    assert status == 400
    assert "cannot be read" in text


def test_the_address_lets_one_browser_in_and_no_other_site(model: Path) -> None:
    """Its pages are below a path that nobody else knows, as the cookie is."""
    with started("ui", model, "--no-browser") as server:
        origin, _, code = server.url.rpartition("/")
        assert server.get("/?code=0123456789abcdef")[0] == 401
        status, _, headers = server.get(f"/{code}")
        pages = headers["Refresh"].removeprefix("0; url=")
        assert (status, re.fullmatch(r"/[\w-]{22}/", pages) is not None) == (200, True)
        assert server.get(f"/{code}")[0] == 401
        name, *flags = headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", f"Path={pages}"} <= set(flags)
        for path, cookie, expected in ((pages, name, 200), (pages, "", 401), ("/report", name, 401)):
            assert server.get(path, headers={"Cookie": cookie})[0] == expected
        behind_tls = {"Host": "models.example", "Origin": "https://models.example"}
        evil = {"Origin": "http://evil.example"}
        for site, expected in (({"Origin": origin}, 200), (behind_tls, 200), ({"Origin": "null"}, 403), (evil, 403)):
            sent = {"Cookie": name, **site}
            assert server.get(f"{pages}file", b"format=text&text=a", headers=sent)[0] == expected
