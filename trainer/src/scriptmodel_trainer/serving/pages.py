"""Pages about model directories: model and training as it goes, scripts set for reading, and a page to write."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from scriptmodel_trainer.artifacts import REPORT
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.formats import FORMATS, Part, TitlePage, parts_of
from scriptmodel_trainer.generation.rendering import count_pieces
from scriptmodel_trainer.reporting.templating import render
from scriptmodel_trainer.serving.completions import Asked
from scriptmodel_trainer.serving.folders import Folder, Loaded
from scriptmodel_trainer.serving.refusals import Refused
from scriptmodel_trainer.serving.runs import read_run
from scriptmodel_trainer.storage import converted, parse_json, read_bounded
from scriptmodel_trainer.suffixes import SUFFIXES

_STATIC = ("app.css", "app.js", "icon.svg")
_POLL_SECONDS = 1.0
_REREAD_SECONDS = 30.0  # a log that does not grow says after a while that the training is silent
_MOST_READERS = 64  # of events at once
_LARGEST_SCRIPT = 4 << 20
_COLOURS = 10
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""The policy of a report, which has its own styles: it runs nothing and fetches nothing."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A script as a page shows it, with a colour for each speaker."""

    title: str
    note: str
    text: str

    @property
    def parts(self) -> list[Part]:
        """The headings, directions and speeches."""
        return list(parts_of(self.text))

    @property
    def colours(self) -> dict[str, str]:
        """The class of each speaker, in the order in which they speak."""
        names = dict.fromkeys(part.name for part in self.parts if part.name)
        return {name: f"s{number % _COLOURS}" for number, name in enumerate(names)}


class Pages:
    """Handlers of the pages about some folders, by name; `home` is the address of a list of more models, or empty."""

    def __init__(self, folders: Sequence[tuple[str, Path]], base: str, home: str) -> None:
        self._base, self._home = base, home
        self._folders = [Folder(folder, f"{base}/{n}", name) for n, (name, folder) in enumerate(folders, 1)]
        self._readers = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all pages."""
        here = rf"{self._base}/{{folder:\d{{1,4}}}}"
        return [
            web.get(f"{self._base}/", self.index),
            web.get(f"{self._base}/static/{{name}}", self.static),
            web.get(f"{here}/", self.model),
            web.get(f"{here}/events", self.events),
            web.get(f"{here}/report", self.report),
            web.get(f"{here}/script", self.script),
            web.get(f"{here}/write", self.write),
            web.post(f"{here}/file", self.file),
            web.get(f"{here}/v1/models", self.api),
            web.post(f"{here}/v1/completions", self.api),
        ]

    async def close(self, app: web.Application) -> None:
        """Stop writing."""
        del app
        for folder in self._folders:
            folder.close()

    async def index(self, request: web.Request) -> web.Response:
        """List the folders, or go to the only one."""
        del request
        if len(self._folders) == 1:
            raise web.HTTPFound(f"{self._folders[0].path}/")
        models = [
            {
                "path": each.path,
                "name": each.name,
                "folder": each.folder,
                "trained": each.trained,
                "run": read_run(each.folder),
            }
            for each in self._folders
        ]
        return self._page("models.html", None, models=models)

    async def static(self, request: web.Request) -> web.Response:
        """Return a stylesheet, the script or the icon."""
        name = request.match_info["name"]
        if name == "style.css":
            return web.Response(text=render(name), content_type="text/css")
        if name not in _STATIC:
            raise web.HTTPNotFound
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}[name.rpartition(".")[2]]
        return web.Response(text=files(__package__).joinpath("static", name).read_text("utf-8"), content_type=kind)

    async def model(self, request: web.Request) -> web.Response:
        """Show a model's report and its training."""
        here = self._here(request)
        sections, problem, version = "", "", here.model_version()
        if here.trained:
            try:
                sections = (await here.load()).sections
            except TrainerError as error:
                problem = error.line()
        values = {"sections": sections, "problem": problem, "version": version, **await self._live(here)}
        return self._page("model.html", here, page="", **values)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send the training as it goes: `live` with HTML, and `stored` for another model than the page has."""
        here = self._here(request)
        if self._readers >= _MOST_READERS:
            raise Refused(429, f"{_MOST_READERS} pages are open: close some")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self._readers += 1
        try:
            version, html, read = "", "", -math.inf
            while here.model_version() == request.query.get("model", ""):
                before, version = version, here.log_version()
                if version != before or time.monotonic() > read + _REREAD_SECONDS:
                    fresh, read = render("ui/live.html", **await self._live(here)), time.monotonic()
                    if fresh != html:
                        await response.write(f"event: live\ndata: {json.dumps(fresh)}\n\n".encode())
                    html = fresh
                await asyncio.sleep(_POLL_SECONDS)
            await response.write(b"event: stored\ndata: {}\n\n")
            return response
        finally:
            self._readers -= 1

    async def report(self, request: web.Request) -> web.Response:
        """Return the report page as it is stored."""
        try:
            content = read_bounded(self._here(request).folder / REPORT, _LARGEST_SCRIPT)
        except OSError as error:
            raise web.HTTPNotFound from error
        return web.Response(body=content, content_type="text/html", headers={"Content-Security-Policy": _SANDBOX})

    async def script(self, request: web.Request) -> web.Response:
        """Show the scripts that are stored beside the model, or new ones with the settings of the address."""
        here, query = self._here(request), request.query
        loaded = await self._loaded(here)
        if isinstance(loaded, web.Response):
            return loaded
        stored = [] if query else _stored(here.folder)
        usual = loaded.model.temperature
        asked, sheets, problem = _asked({}, usual), stored, ""
        try:
            if not stored:
                asked = _asked(query, usual)
                seed, texts = asked.seed or 0, await loaded.completions.texts(asked)
                note = f"seed {seed}, temperature {asked.temperature:g}, {{}} words"
                sheets = [
                    Sheet(f"Script {number}", note.format(count_pieces(text)), text)
                    for number, text in enumerate(texts, 1)
                ]
        except Refused as refused:
            problem = refused.message
        except ValueError as error:
            problem = f"These settings cannot be read: {error}"
        return self._page(
            "script.html", here, page="script", asked=asked, sheets=sheets, problem=problem, **_choices(loaded)
        )

    async def write(self, request: web.Request) -> web.Response:
        """Show the page to write with a model."""
        here = self._here(request)
        loaded = await self._loaded(here)
        if isinstance(loaded, web.Response):
            return loaded
        return self._page("write.html", here, page="write", **_choices(loaded))

    async def file(self, request: web.Request) -> web.Response:
        """Return a script in one of the formats, to be stored."""
        here, form = self._here(request), await request.post()
        name, text = str(form.get("format", "")), str(form.get("text", ""))
        if name not in FORMATS:
            raise Refused(400, f"no format {name[:40]}; formats are {', '.join(FORMATS)}")
        script = FORMATS[name](text.replace("\r\n", "\n"), TitlePage("A script", f"Written with the model {here.name}"))
        headers = {"Content-Disposition": f'attachment; filename="script{SUFFIXES[name]}"'}
        return web.Response(
            body=script.encode("utf-8", "replace"), content_type="application/octet-stream", headers=headers
        )

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer as `scriptmodel-trainer serve` does."""
        try:
            loaded = await self._here(request).load()
        except TrainerError as error:
            raise Refused(404, error.line()) from error
        handle = loaded.completions.models if request.method == "GET" else loaded.completions.complete
        return await handle(request)

    def _here(self, request: web.Request) -> Folder:
        number = int(request.match_info["folder"])
        if not 1 <= number <= len(self._folders):
            raise web.HTTPNotFound
        return self._folders[number - 1]

    async def _loaded(self, here: Folder) -> Loaded | web.Response:
        """Return a model, or a page that says why there is none."""
        try:
            return await here.load()
        except TrainerError as error:
            return self._page("message.html", here, message=f"Not yet: {error.line()}.")

    async def _live(self, here: Folder) -> dict[str, Any]:
        return {"run": await asyncio.to_thread(read_run, here.folder), "trained": here.trained}

    def _page(self, template: str, here: Folder | None, **values: Any) -> web.Response:
        usual = {"base": self._base, "home": self._home, "many": len(self._folders) > 1, "page": None}
        text = render(f"ui/{template}", **{**usual, "here": here, "formats": list(FORMATS), **values})
        return web.Response(text=text, content_type="text/html")


def _choices(loaded: Loaded) -> dict[str, Any]:
    """Return who may speak: plays with their names, and all names."""
    printed = [(play.name, [name.replace("_", " ") for name in play.speakers]) for play in loaded.model.plays]
    return {
        "temperature": loaded.model.temperature,
        "plays": printed,
        "speakers": list(dict.fromkeys(name for _, names in printed for name in names)),
    }


def _asked(query: Mapping[str, str], temperature: float) -> Asked:
    """Return the settings of an address; ValueError if they cannot be read."""
    cast = [name.strip() for name in query.get("cast", "").split(",") if name.strip()]
    return Asked(
        seed=int(query.get("seed", 0)),
        n=min(int(query.get("n", 1)), 4),
        max_tokens=int(query.get("words", 300)),
        temperature=float(query.get("temperature", temperature)),
        cast=cast or None,
    )


def _stored(folder: Path) -> list[Sheet]:
    """Return the scripts that a record beside the model directory, `generation.json`, names."""
    place = folder.resolve().parent
    try:
        record = converted(parse_json(read_bounded(place / "generation.json", _LARGEST_SCRIPT)), dict[str, Any])
        names = [Path(str(sample["file"])).with_suffix(".txt").name for sample in record["samples"]]
        texts = {name: read_bounded(place / name, _LARGEST_SCRIPT).decode("utf-8", "replace") for name in names}
    except (OSError, ValueError, KeyError, TypeError, TrainerError):
        return []
    return [Sheet(name, f"{count_pieces(text):,} words", text) for name, text in texts.items()]
