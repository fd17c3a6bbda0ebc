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
    """The trainer's pages of a model: a `scriptmodel-trainer ui`, which ends once its standard input is closed."""

    place: Place
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    address: str = ""
    process: asyncio.subprocess.Process | None = None
    starting: asyncio.Task[None] = field(init=False)

    async def run(self, program: Path, folder: Path) -> None:
        """Start it for a model. Raises ClickException, with its last words, if it ends before it is ready."""
        log, line = folder.with_suffix(".log"), b""
        with tempfile.NamedTemporaryFile("w", prefix="scriptmodel-") as file, log.open("w") as errors:
            file.write(self.token)
            file.flush()
            name, base = _OWN_NAME.sub("", self.place.repo.name), f"{self.place.path}/write"
            options = ["--port=0", f"--token-file={file.name}", f"--base-path={base}", f"--name={name}"]
            self.process = await asyncio.create_subprocess_exec(
                *(str(program), "ui", str(folder), *options, "--home=/", "--until-eof", "--no-browser"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends it in order
            )
            assert self.process.stdout  # noqa: S101 - a pipe
            with suppress(TimeoutError):
                line = await asyncio.wait_for(self.process.stdout.readline(), _START_SECONDS)
        address = URL(line.decode().strip())
        if not address.host:
            raise click.ClickException(f"{TRAINER} did not start: {last_line(log)}")
        self.address = str(address.origin())

    async def stop(self) -> None:
        """End it; kill it if it does not end in time."""
        self.starting.cancel()
        await asyncio.gather(self.starting, return_exceptions=True)
        if self.process and self.process.stdin:
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), _GRACE_SECONDS)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


class Trainers:
    """At most some children at a time, one for each model; models are fetched once, and kept until `close`."""

    def __init__(self, reads: Reads, named: Path | None) -> None:
        """`named` is the environment of the trainer; None to find it as `scriptmodel local` does."""
        self._reads, self._named = reads, named
        self._children: OrderedDict[Place, _Child] = OrderedDict()
        self._ending: set[asyncio.Task[None]] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-ui-", ignore_cleanup_errors=True)
        self._http: aiohttp.ClientSession | None = None

    def start(self, place: Place) -> bool:
        """Start the pages of a model unless they run. Return whether they can be shown.

        Raises HTTPBadGateway if they cannot be started.
        """
        child = self._children.get(place)
        if child is None:
            child = self._children[place] = _Child(place)
            child.starting = asyncio.create_task(self._start(child))
        self._children.move_to_end(place)
        while len(self._children) > _MOST_CHILDREN:
            self._stop(next(iter(self._children)))
        if not child.starting.done():
            return False
        if error := child.starting.exception():
            self._stop(place)
            raise web.HTTPBadGateway(text=words_of(error))
        if child.process and child.process.returncode is not None:  # it has ended
            self._stop(place)
            return self.start(place)
        return True

    async def proxy(self, request: web.Request, place: Place) -> web.StreamResponse:
        """Pass a request on to the child, and stream its answer."""
        if not self.start(place):
            raise web.HTTPFound(f"{place.path}/write")
        child = self._children[place]
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["Authorization"] = f"Bearer {child.token}"
        self._http = self._http or aiohttp.ClientSession(auto_decompress=False)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        url, body = child.address + request.raw_path, await request.read()
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
        for place in [*self._children]:
            self._stop(place)
        await asyncio.gather(*self._ending)
        if self._http is not None:
            await self._http.close()
        self._folder.cleanup()

    def _stop(self, place: Place) -> None:
        ending = asyncio.create_task(self._children.pop(place).stop())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _start(self, child: _Child) -> None:
        program, place = find_trainer(self._named) / "bin" / TRAINER, child.place
        folder = Path(self._folder.name, place.repo.project, place.repo.name, place.commit)
        if not (folder / "model.json").exists():
            await self._reads.now(lambda gateway: copy_commit(gateway, place.repo, place.commit, folder))
        await child.run(program, folder)
