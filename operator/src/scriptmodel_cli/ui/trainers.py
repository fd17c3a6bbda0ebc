"""Runs the trainer's pages of a model as a process: fetches the model once by commit, and starts `ui` for it."""

import asyncio
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

from aiohttp import web

from scriptmodel_cli.local.programs import TRAINER, child, find_trainer, last_line
from scriptmodel_cli.scripts import copy_commit
from scriptmodel_cli.ui.model import Place
from scriptmodel_cli.ui.pages import place_of
from scriptmodel_cli.ui.reads import Reads, words_of

_START_SECONDS = 120
_POLL_SECONDS = 0.1
_ADDRESS = re.compile(r"http://\S+")


class Trainers:
    """A process for each model that somebody writes with; models are fetched once, and kept until `close`."""

    def __init__(self, reads: Reads, named: Path | None) -> None:
        """`named` is the environment of the trainer, None to find it as `local` does."""
        self._reads, self._named = reads, named
        self._started: dict[Place, asyncio.Task[tuple[Popen[bytes], Path]]] = {}
        """The task that starts the process of each model, and returns it with what it prints."""
        self._stack = ExitStack()
        folder = tempfile.TemporaryDirectory(prefix="scriptmodel-ui-", ignore_cleanup_errors=True)
        self._folder = Path(self._stack.enter_context(folder))

    async def open(self, request: web.Request) -> web.Response:
        """Lead to the trainer's page of a model; ask again in a second until it is ready."""
        place = place_of(request)
        starting = self._started.get(place)
        if starting is None or (starting.done() and not starting.exception() and starting.result()[0].poll()):
            starting = self._started[place] = asyncio.create_task(self._start(place))
        if not starting.done():
            text = "Fetching the model and starting the trainer, which may take a minute…"
            raise web.HTTPAccepted(reason="One moment", text=text, headers={"Refresh": "1"})
        try:
            _, log = starting.result()
        except Exception as error:  # of the task, whatever it was: the page says it, and the next visit starts again
            del self._started[place]
            text = f"{words_of(error)}. Load the page to retry."
            raise web.HTTPBadGateway(reason="The trainer does not run", text=text) from error
        raise web.HTTPSeeOther(_ADDRESS.findall(log.read_text())[-1])  # each address lets one browser in

    async def close(self, _app: web.Application) -> None:
        for starting in self._started.values():
            starting.cancel()
        await asyncio.to_thread(self._stack.close)

    async def _start(self, place: Place) -> tuple[Popen[bytes], Path]:
        """Fetch a model and run `ui` for it. Raises RuntimeError, with its last words, if it gives no address."""
        program = find_trainer(self._named) / "bin" / TRAINER
        folder = self._folder / place.repo.project / place.repo.name / place.commit
        log = folder.with_suffix(".log")
        if not (folder / "model.json").exists():
            await self._reads.now(lambda gateway: copy_commit(gateway, place.repo, place.commit, folder))
        name = re.sub("-[0-9a-f]{16}-train$", "", place.repo.name)
        words = ["ui", str(folder), "--until-eof", "--port=0", "--no-browser", f"--name={name}"]
        process = self._stack.enter_context(child([str(program), *words], log))
        for _ in range(round(_START_SECONDS / _POLL_SECONDS)):
            if _ADDRESS.search(log.read_text()):
                return process, log
            if process.poll() is not None:
                raise RuntimeError(f"{TRAINER} ended: {last_line(log)}")
            await asyncio.sleep(_POLL_SECONDS)
        process.kill()
        raise RuntimeError(f"{TRAINER} did not start within {_START_SECONDS} seconds: {last_line(log)}")
