"""Starts the commands serve and ui as a person or a program would, and asks them without any library."""

import contextlib
import functools
import http.client
import importlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from running import COMMAND


@functools.cache
def openai() -> Any:
    """Import OpenAI's client, which takes a second, in the tests that need it."""
    return importlib.import_module("openai")


@dataclass
class Server:
    """A command, and its address."""

    process: subprocess.Popen[str]
    url: str
    folder: Path = field(default=Path())
    pages: str = ""
    """The path of all pages, for the browser that has entered."""
    cookie: str = ""

    def enter(self) -> None:
        """Open the address that was printed, as a browser does."""
        with urllib.request.urlopen(self.url, timeout=60) as answer:  # noqa: S310  # http
            self.pages = answer.headers["Refresh"].removeprefix("0; url=").removesuffix("/")
            self.cookie = answer.headers["Set-Cookie"].split("; ")[0]

    def client(self) -> Any:
        return openai().OpenAI(base_url=f"{self.url}v1", api_key="any", max_retries=0, timeout=60)

    def open(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """Open a path of the server."""
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        origin = "/".join(self.url.split("/")[:3])
        request = urllib.request.Request(f"{origin}{path}", body, {**cookie, **(headers or {})})  # noqa: S310  # http
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=60)  # noqa: S310
        return response

    def get(self, *arguments: Any, **more: Any) -> tuple[int, str, http.client.HTTPMessage]:
        """Return status, text and headers of an answer."""
        try:
            with self.open(*arguments, **more) as response:
                return response.status, response.read().decode(), response.headers
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(), refused.headers

    def json(self, *arguments: Any, **more: Any) -> tuple[int, Any]:
        """Return status and JSON of an answer."""
        status, text, _ = self.get(*arguments, **more)
        return status, json.loads(text)


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[Server]:
    """Run the command until SIGTERM, after which it ends with code 0."""
    process = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        try:
            yield Server(process, process.stdout.readline().strip())
        finally:
            process.terminate()
            code = process.wait(30)
        assert code == 0
