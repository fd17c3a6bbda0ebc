"""Runs the trainer's pages of a model as child processes: fetches the model once by commit, and starts `ui` for it."""

import asyncio
import re
import secrets
import tempfile
from collections import OrderedDict
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp
import click
from aiohttp import web
from yarl import URL

from scriptmodel_cli.local.copies import copy_commit
from scriptmodel_cli.local.programs import TRAINER, child, find_trainer, last_line
from scriptmodel_cli.ui.model import Place
from scriptmodel_cli.ui.pages import place_of
from scriptmodel_cli.ui.reads import Reads, words_of

_MOST_CHILDREN = 3
_START_SECONDS = 120
_ENDED = "The trainer does not run"
_PASSED_ON = ("Content-Type", "Accept", "Last-Event-ID")
_PASSED_BACK = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control", "Location")


class Trainers:
    """At most some children at a time, one for each model; models are fetched once, and kept until `close`."""

    def __init__(self, reads: Reads, named: Path | None, base: str) -> None:
        """`named` is the environment of the trainer, None to find it as `local` does; `base` the path of all pages."""
        self._base, self._reads, self._named, self._token = base, reads, named, secrets.token_urlsafe(24)
        self._children: OrderedDict[Place, tuple[ExitStack, asyncio.Task[str]]] = OrderedDict()
        """The process of each model, and the task that starts it and returns its address."""
        self._ending: list[asyncio.Task[None]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-ui-", ignore_cleanup_errors=True)

    async def proxy(self, request: web.Request) -> web.StreamResponse:
        """Pass a request on to the child, and stream its answer; ask again in a second until it is ready."""
        place = place_of(request)
        if not (address := self._address(place)):
            text = "Fetching the model and starting the trainer, which may take a minute…"
            raise web.HTTPAccepted(reason="One moment", text=text, headers={"Refresh": "1"})
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["Authorization"] = f"Bearer {self._token}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        url, body = address + request.raw_path, await request.read()
        try:
            async with aiohttp.request(
                request.method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
            ) as answer:
                passed = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
                response = web.StreamResponse(status=answer.status, headers=passed)
                with suppress(ConnectionResetError, aiohttp.ClientError):  # browser or trainer has ended
                    await response.prepare(request)
                    async for piece in answer.content.iter_any():
                        await response.write(piece)
                return response
        except aiohttp.ClientConnectionError as error:
            self._stop(place)
            self._address(place)
            text = "It had ended, and starts again: load the page in a moment."
            raise web.HTTPBadGateway(reason=_ENDED, text=text) from error

    async def close(self, _app: web.Application) -> None:
        for place in [*self._children]:
            self._stop(place)
        await asyncio.gather(*self._ending)
        self._folder.cleanup()

    def _address(self, place: Place) -> str:
        """Start the pages of a model; return their address, empty until they are ready. Raises HTTPBadGateway."""
        if place not in self._children:
            process = ExitStack()
            self._children[place] = process, asyncio.create_task(self._start(place, process))
        self._children.move_to_end(place)
        while len(self._children) > _MOST_CHILDREN:
            self._stop(next(iter(self._children)))
        _, starting = self._children[place]
        try:
            return starting.result() if starting.done() else ""
        except Exception as error:  # of the task, whatever it was: the page says it, and the next visit starts again
            self._stop(place)
            raise web.HTTPBadGateway(reason=_ENDED, text=f"{words_of(error)}. Load the page to retry.") from error

    async def _start(self, place: Place, process: ExitStack) -> str:
        """Fetch a model and run `ui` for it. Raises ClickException, with its last words, if it gives no address."""
        program = find_trainer(self._named) / "bin" / TRAINER
        folder = Path(self._folder.name, place.repo.project, place.repo.name, place.commit)
        log, secret, token = folder.with_suffix(".log"), folder.with_suffix(".args"), Path(self._folder.name, "token")
        if not (folder / "model.json").exists():
            await self._reads.now(lambda gateway: copy_commit(gateway, place.repo, place.commit, folder))
        token.write_text(self._token)
        secret.write_text(f"--base-path={self._base}{place.path}/write\n--home={self._base}/\n")
        options = [f"@{secret}", f"--token-file={token}", "--until-eof", "--port=0", "--no-browser"]
        options += [f"--name={re.sub('-[0-9a-f]{16}-train$', '', place.repo.name)}"]
        running = process.enter_context(child([str(program), "ui", str(folder), *options], log))
        line, failed = "", "ended"
        try:
            line = await asyncio.wait_for(asyncio.to_thread(next, iter(running.stdout or ()), ""), _START_SECONDS)
        except TimeoutError:
            failed = f"did not start within {_START_SECONDS} seconds"
        if not (address := URL(line.strip())).host:
            raise click.ClickException(f"{TRAINER} {failed}: {last_line(log)}")
        return str(address.origin())

    def _stop(self, place: Place) -> None:
        if found := self._children.pop(place, None):
            process, starting = found
            starting.cancel()
            self._ending.append(asyncio.create_task(asyncio.to_thread(process.close)))
