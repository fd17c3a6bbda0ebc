"""Runs the trainer's pages of a model as child processes: fetches the model once by commit, and starts `ui` for it."""

from __future__ import annotations

import asyncio
import re
import secrets
import tempfile
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import click
from aiohttp import web
from yarl import URL

from scriptmodel_cli.local.programs import TRAINER, find_trainer, last_line
from scriptmodel_cli.local.results import copy_commit
from scriptmodel_cli.ui.model import Place
from scriptmodel_cli.ui.pages import place_of
from scriptmodel_cli.ui.reads import Reads, words_of

_MOST_CHILDREN = 3
_START_SECONDS = 60.0
_GRACE_SECONDS = 5.0
_OWN_NAME = re.compile(r"-[0-9a-f]{16}-train$")
"""What the operator adds to the name of an object."""
_PASSED_ON = ("Content-Type", "Accept", "Last-Event-ID")
_PASSED_BACK = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control", "Location")


@dataclass
class _Child:
    """The trainer's pages of a model: `address` once they are there, or the `error` that ended them."""

    address: str = ""
    error: str = ""
    task: asyncio.Task[None] = field(init=False)
    """Runs the process, which ends with it."""


class Trainers:
    """At most some children at a time, one for each model; models are fetched once, and kept until `close`."""

    def __init__(self, reads: Reads, named: Path | None) -> None:
        """`named` is the environment of the trainer; None to find it as `scriptmodel local` does."""
        self._reads, self._named = reads, named
        self._children: OrderedDict[Place, _Child] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-ui-", ignore_cleanup_errors=True)
        self._token = secrets.token_urlsafe(24)
        self._http: aiohttp.ClientSession | None = None

    def start(self, place: Place) -> str:
        """Start the pages of a model unless they run. Return their address, empty until they can be shown.

        Raises HTTPBadGateway if they cannot be started.
        """
        child = self._children.get(place)
        if child and child.error:
            raise web.HTTPBadGateway(text=self._children.pop(place).error)
        if child is None or child.task.done():
            child = self._children[place] = _Child()
            child.task = asyncio.create_task(self._run(place, child))
            self._tasks.add(child.task)
            child.task.add_done_callback(self._tasks.discard)
        self._children.move_to_end(place)
        while len(self._children) > _MOST_CHILDREN:
            self._children.popitem(last=False)[1].task.cancel()
        return child.address

    async def proxy(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on to the child, and stream its answer."""
        place = place_of(request)
        if not (address := self.start(place)):
            raise web.HTTPFound(f"{place.path}/write")
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["Authorization"] = f"Bearer {self._token}"
        self._http = self._http or aiohttp.ClientSession(auto_decompress=False)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        url, body = address + request.raw_path, await request.read()
        try:
            async with self._http.request(
                request.method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
            ) as answer:
                passed = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
                response = web.StreamResponse(status=answer.status, headers=passed)
                with suppress(ConnectionResetError):  # the browser has left
                    await response.prepare(request)
                    async for piece in answer.content.iter_any():
                        await response.write(piece)
                return response
        except aiohttp.ClientConnectionError as error:
            raise web.HTTPBadGateway(text=f"The trainer does not answer: {error}") from error

    async def close(self) -> None:
        """End all children."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
        self._folder.cleanup()

    async def _run(self, place: Place, child: _Child) -> None:
        folder = Path(self._folder.name, place.repo.project, place.repo.name, place.commit)
        try:
            program = find_trainer(self._named) / "bin" / TRAINER
            if not (folder / "model.json").exists():
                await self._reads.now(lambda gateway: copy_commit(gateway, place.repo, place.commit, folder))
            await self._serve(program, folder, place, child)
        except Exception as error:  # shown by the next request
            child.error = words_of(error)

    async def _serve(self, program: Path, folder: Path, place: Place, child: _Child) -> None:
        """Run `ui` for a folder. Raises ClickException, with its last words, if it ends before it is ready."""
        log, token = folder.with_suffix(".log"), Path(self._folder.name, "token")
        token.write_text(self._token)
        options = {"port": 0, "token-file": token, "base-path": f"{place.path}/write", "home": "/"}
        options["name"] = _OWN_NAME.sub("", place.repo.name)
        named = [f"--{name}={value}" for name, value in options.items()]
        with log.open("w") as errors:
            process = await asyncio.create_subprocess_exec(
                *(str(program), "ui", str(folder), *named, "--until-eof", "--no-browser"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends it in order
            )
        assert process.stdin  # noqa: S101 - a pipe
        assert process.stdout  # noqa: S101 - likewise
        line = b""
        try:
            with suppress(TimeoutError):
                line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            address = URL(line.decode().strip())
            if not address.host:
                raise click.ClickException(f"{TRAINER} did not start: {last_line(log)}")
            child.address = str(address.origin())
            await process.wait()
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
