"""Pages about model directories: model and training as it goes, scripts set for reading, and a page to write."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from scriptmodel_trainer.artifacts import TrainedModel
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.formats import FORMATS, TitlePage, parts_of
from scriptmodel_trainer.generation.rendering import count_pieces
from scriptmodel_trainer.reporting.templating import render, templates
from scriptmodel_trainer.serving.folders import Folder
from scriptmodel_trainer.serving.refusals import Refused
from scriptmodel_trainer.serving.runs import read_run
from scriptmodel_trainer.storage import parse_json, read_bounded
from scriptmodel_trainer.suffixes import SUFFIXES
from scriptmodel_trainer.web.live import answer
from scriptmodel_trainer.web.rendering import STATIC, whole_page

_POLL_SECONDS = 1.0
_LARGEST_SCRIPT = 4 << 20
_RECORD = "generation.json"
_COLOURS = 10


class Pages:
    """Handlers of the pages about some folders, by name; `home` is the address of a list of more models, or empty."""

    def __init__(self, folders: Sequence[tuple[str, Path]], base: str, home: str) -> None:
        self._base, self._home = base, home
        self._folders = [Folder(folder, f"{base}/{n}", name) for n, (name, folder) in enumerate(folders, 1)]

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of all pages."""
        here = rf"{self._base}/{{folder:\d{{1,4}}}}"
        return [
            web.get(f"{self._base}/", self.index),
            web.static(f"{self._base}/static", STATIC),
            web.get(f"{here}/", self.model),
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
        models = [(each, await asyncio.to_thread(read_run, each.folder)) for each in self._folders]
        return _answer(self._whole("Models", render("ui/models.html", models=models)))

    async def model(self, request: web.Request) -> web.StreamResponse:
        """Show a model's training as it goes, and its report once it is stored."""
        here = self._here(request)

        async def content() -> str:
            values = {"here": here, "trained": here.trained, "sections": "", "problem": ""}
            if here.trained:
                try:
                    values["sections"] = await here.sections()
                except TrainerError as error:
                    values["problem"] = error.line()
            return render("ui/model.html", run=await asyncio.to_thread(read_run, here.folder), **values)

        def whole(html: str) -> str:
            return self._whole(here.name, html, here, live=True)

        return await answer(request, content, whole, asyncio.Event(), _POLL_SECONDS)

    async def script(self, request: web.Request) -> web.Response:
        """Show the scripts that are stored beside the model."""
        here = self._here(request)
        sheets = _stored(here.folder)
        if not sheets:
            raise Refused(404, "no script is stored beside this model")
        html = render("ui/script.html", here=here, sheets=sheets, formats=list(FORMATS))
        return _answer(self._whole(f"Scripts of {here.name}", html, here, "script"))

    async def write(self, request: web.Request) -> web.Response:
        """Show the page to write with a model, or why there is none."""
        here = self._here(request)
        try:
            values = _choices((await here.load()).model)
        except TrainerError as error:
            values = {"problem": f"Not yet: {error.line()}."}
        html = render("ui/write.html", here=here, formats=list(FORMATS), **{"problem": ""} | values)
        return _answer(self._whole(f"Write with {here.name}", html, here, "write"))

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

    def _whole(
        self, title: str, content: str, here: Folder | None = None, page: str = "", *, live: bool = False
    ) -> str:
        home = self._home or f"{self._base}/"
        links = [(home, "All models")] if self._home or len(self._folders) > 1 else []
        if here:
            script = ["script"] if (here.folder.resolve().parent / _RECORD).is_file() else []
            links += [(f"{here.path}/{each}", each.title() or "Model") for each in ("", *script, "write")]
        current, who = (f"{here.path}/{page}", here.name) if here else ("", "")
        values = {"base": self._base, "home": home, "links": links, "who": who, "here": current, "live": live}
        return whole_page(templates(), title, content, **values)


def _answer(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def _sheet(title: str, note: str, text: str) -> dict[str, Any]:
    """Return a script as a page shows it, with a colour for each speaker."""
    parts = list(parts_of(text))
    names = dict.fromkeys(part.name for part in parts if part.name)
    colours = {name: f"s{number % _COLOURS}" for number, name in enumerate(names)}
    pieces = [
        {
            "kind": "speech" if part.name else "heading" if part.kind is EventKind.HEADING else "action",
            "name": part.name,
            "colour": colours.get(part.name, ""),
            "words": [(f"({piece})" if aside else piece, aside) for piece, aside in part.spoken()]
            if part.name
            else [(part.text, False)],
        }
        for part in parts
    ]
    return {"title": title, "note": note, "text": text, "colours": colours, "pieces": pieces}


def _choices(model: TrainedModel) -> dict[str, Any]:
    """Return who may speak: plays with their names, and all names."""
    printed = [(play.name, [name.replace("_", " ") for name in play.speakers]) for play in model.plays]
    return {
        "temperature": model.temperature,
        "plays": printed,
        "speakers": list(dict.fromkeys(name for _, names in printed for name in names)),
    }


def _stored(folder: Path) -> list[dict[str, Any]]:
    """Return the scripts that the record beside a model directory names."""
    place = folder.resolve().parent
    try:
        samples = parse_json(read_bounded(place / _RECORD, _LARGEST_SCRIPT))["samples"]
        names = [Path(str(sample["file"])).with_suffix(".txt").name for sample in samples]
        texts = {name: read_bounded(place / name, _LARGEST_SCRIPT).decode("utf-8", "replace") for name in names}
    except (OSError, ValueError, KeyError, TypeError, TrainerError):
        return []
    return [_sheet(name, f"{count_pieces(text):,} words", text) for name, text in texts.items()]
