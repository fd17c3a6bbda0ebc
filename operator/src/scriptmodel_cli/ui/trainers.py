"""Runs the trainer's pages of a model as child processes: fetches the model once by commit, and starts `ui` for it."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
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
from scriptmodel_cli.ui.names import Place
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_operator.pachyderm.errors import PachydermError

_MAX_FILE_BYTES = 4 << 30
_MOST_MODELS = 8
"""Models that are kept in the cache folder."""
_MOST_CHILDREN = 3
_START_SECONDS = 60.0
_GRACE_SECONDS = 5.0
_OWN_NAME = re.compile(r"-[0-9a-f]{16}-train$")
"""What the operator adds to the name of an object."""
_NO_START = f"{TRAINER} did not start within {_START_SECONDS:.0f} s"
_PASSED_ON = ("Content-Type", "Accept", "Last-Event-ID")
_PASSED_BACK = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control", "Location")


def cache_folder() -> Path:
    """Return the folder of fetched models."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scriptmodel" / "models"


@dataclass
class _Child:
    """A `scriptmodel-trainer ui`, which ends once its standard input is closed."""

    token: str
    process: asyncio.subprocess.Process = field(init=False)
    address: str = ""

    async def wait_until_ready(self, log: Path) -> None:
        """Read the address that it prints first. Raises ClickException, with its last words, if it ends before."""
        assert self.process.stdout  # noqa: S101 - a pipe
        line = await asyncio.wait_for(self.process.stdout.readline(), _START_SECONDS)
        address = URL(line.decode().strip())
        if not address.host:
            raise click.ClickException(f"{TRAINER} did not start: {last_line(log)}")
        self.address = str(address.origin())

    async def stop(self) -> None:
        """End it; kill it if it does not end in time."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _GRACE_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


class Trainers:
    """At most some children at a time, one for each model."""

    def __init__(self, reads: Reads, named: Path | None) -> None:
        """`named` is the environment of the trainer; None to find it as `scriptmodel local` does."""
        self._reads, self._named = reads, named
        self._starting: OrderedDict[str, asyncio.Task[_Child]] = OrderedDict()
        self._fetched: dict[str, str] = {}
        self._http: aiohttp.ClientSession | None = None

    def start(self, place: Place) -> str:
        """Start the pages of a model unless they run. Return how far that is, empty once they can be shown.

        Raises HTTPBadGateway if they cannot be started.
        """
        base = place.write_path
        task = self._starting.get(base)
        if task is None:
            task = self._starting[base] = asyncio.create_task(self._start(base, place))
            while len(self._starting) > _MOST_CHILDREN:
                _name, old = self._starting.popitem(last=False)
                self._ending = asyncio.create_task(_end(old))
        if not task.done():
            return self._fetched.get(base) or "Starting the trainer…"
        try:
            if task.result().process.returncode is None:
                self._starting.move_to_end(base)
                return ""
        except (click.ClickException, PachydermError, OSError, TimeoutError) as error:
            del self._starting[base]
            raise web.HTTPBadGateway(text=getattr(error, "message", "") or str(error) or _NO_START) from error
        del self._starting[base]  # it has ended
        return self.start(place)

    async def proxy(self, request: web.Request, place: Place) -> web.StreamResponse:
        """Pass a request on to the child, and stream its answer."""
        if self.start(place):
            raise web.HTTPFound(place.write_path)
        child = self._starting[place.write_path].result()
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["Authorization"] = f"Bearer {child.token}"
        self._http = self._http or aiohttp.ClientSession(auto_decompress=False)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        url = child.address + request.raw_path
        body = await request.read()
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
        await asyncio.gather(*map(_end, self._starting.values()))
        if self._http is not None:
            await self._http.close()

    async def _start(self, base: str, place: Place) -> _Child:
        program = find_trainer(self._named) / "bin" / TRAINER
        # The trainer shows the name of the folder, and looks for scripts in the one above.
        title = _OWN_NAME.sub("", place.repo.name)
        folder = cache_folder() / place.repo.project / place.repo.name / place.commit / title
        if not folder.exists():
            await self._reads.now(lambda: self._fetch(base, place, folder))
        folder.parent.touch()
        self._fetched[base] = ""
        child = _Child(secrets.token_urlsafe(24))
        log = folder.with_name("trainer.log")
        with tempfile.NamedTemporaryFile("w", prefix="scriptmodel-") as file, log.open("w") as errors:
            file.write(child.token)
            file.flush()
            options = ["--port=0", f"--token-file={file.name}", f"--base-path={base}", "--home=/", "--until-eof"]
            child.process = await asyncio.create_subprocess_exec(
                str(program),
                *("ui", str(folder), *options, "--no-browser"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C reaches only this process, which then ends it in order
            )
            try:
                await child.wait_until_ready(log)
            except BaseException:
                await child.stop()
                raise
        return child

    def _fetch(self, base: str, place: Place, folder: Path) -> None:
        """Fetch the files of a commit into a folder that has its name only once it is complete; runs in a thread."""
        gateway = self._reads.gateway
        found = gateway.walk_files(place.repo, place.commit)
        if "/model.json" not in found:
            raise click.ClickException(
                f"{place.repo}@{place.commit[:8]} is not a model directory: it has no model.json"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        total, done = sum(file.size for file in found.values()), 0
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent, ignore_cleanup_errors=True) as partial:
            for path, file in found.items():
                self._fetched[base] = f"Fetching the model: {done >> 20} of {(total >> 20) + 1} MiB…"
                name = path.removeprefix("/")
                if "/" not in name and not name.startswith("."):  # a model directory is flat
                    Path(partial, name).write_bytes(gateway.read_file(place.repo, place.commit, path, _MAX_FILE_BYTES))
                done += file.size
            with suppress(OSError):  # another process has fetched it meanwhile
                Path(partial).rename(folder)
        _prune(cache_folder())


async def _end(task: asyncio.Task[_Child]) -> None:
    """End a child that runs or starts."""
    if not task.done():
        task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await (await task).stop()


def _prune(cache: Path) -> None:
    """Keep the models that were used last."""
    for old in sorted(cache.glob("*/*/*"), key=lambda path: path.stat().st_mtime)[:-_MOST_MODELS]:
        shutil.rmtree(old, ignore_errors=True)
