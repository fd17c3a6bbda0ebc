"""Uploads whose content localpach reads from a URL."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import grpc
import pytest

from localpach.errors import PachError
from localpach.pfs.transfer import read_url
from tests.unit.localpach.client import Client, upload
from tests.web import Handler, WebServer

PIECE = b"to be or not to be\n"
PAUSE_SECONDS = 0.05


@contextmanager
def serving(
    pieces: int | None, headers: Mapping[str, str] | None = None, status: int = 200
) -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """Serve a text of so many pieces, without end for None. Yields its URL and events: it is read, it is closed."""
    started, closed = threading.Event(), threading.Event()

    def text(handler: Handler) -> None:
        handler.start(status, headers or {})
        sent = 0
        try:
            while pieces is None or sent < pieces:
                handler.write(PIECE)
                sent += 1
                started.set()
                if pieces is None and handler.stopping.wait(PAUSE_SECONDS):
                    return
        except OSError:
            closed.set()

    with WebServer({"/text": text}) as server:
        yield server.url("/text"), started, closed


def test_the_content_of_a_url_becomes_a_file(client: Client, name: Callable[[str], str]) -> None:
    repo = name("urls")
    client.create_repo(repo)
    with serving(100_000) as (url, _started, _closed):
        client.pfs.ModifyFile(upload(repo, url))
    assert client.read(repo, "/text") == PIECE * 100_000


@pytest.mark.parametrize("headers", [{"Content-Length": "1000"}, {"Transfer-Encoding": "chunked"}])
def test_content_that_breaks_off_is_refused(
    headers: Mapping[str, str], client: Client, name: Callable[[str], str]
) -> None:
    repo = name("urls")
    client.create_repo(repo)
    with serving(2, headers) as (url, _started, _closed):
        assert refusal(client, repo, url) == "unexpected EOF"


def test_errors_of_the_web_server_are_those_of_the_real_server(client: Client, name: Callable[[str], str]) -> None:
    repo = name("urls")
    client.create_repo(repo)
    with serving(0, status=404) as (url, _started, _closed):
        assert refusal(client, repo, url) == f'error retrieving content from "{url}": 404 Not Found'
    assert refusal(client, repo, url).startswith(f'Get "{url}": Connection refused')


def test_a_redirect_leads_to_another_web_server_only() -> None:
    def read(location: str) -> bytes:
        with serving(0, {"Location": location}, status=302) as (url, _started, _closed):
            return b"".join(read_url(url, lambda: True))

    with serving(1) as (url, _started, _closed):
        assert read(url) == PIECE
    with pytest.raises(PachError, match="unknown url type: ftp"):
        read("ftp://127.0.0.1/text")


def refusal(client: Client, repo: str, url: str) -> str:
    """Upload a URL, which fails; return the error."""
    with pytest.raises(grpc.RpcError) as refused:
        client.pfs.ModifyFile(upload(repo, url))
    assert refused.value.code() == grpc.StatusCode.UNKNOWN  # type: ignore[attr-defined]  # an error of gRPC
    return str(refused.value.details())  # type: ignore[attr-defined]  # likewise


def test_a_cancelled_upload_closes_its_connection(client: Client, name: Callable[[str], str]) -> None:
    repo = name("urls")
    client.create_repo(repo)
    with serving(None) as (url, started, closed):
        call = client.pfs.ModifyFile.future(upload(repo, url))
        assert started.wait(30)
        call.cancel()
        assert closed.wait(30), "localpach closes its connection"
    with pytest.raises(grpc.RpcError):
        client.head(repo)
