"""Pages about a model directory: model and training as it goes, scripts set for reading, and a page to write."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import MODEL, REPORT
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.reporting.formats import FORMATS, Part, TitlePage, parts_of
from scriptmodel_trainer.reporting.suffixes import SUFFIXES
from scriptmodel_trainer.reporting.templating import templates
from scriptmodel_trainer.serving.model_folders import Folder
from scriptmodel_trainer.serving.refusals import UNREADABLE, Refused
from scriptmodel_trainer.serving.runs import read_run
from scriptmodel_trainer.storage.files import converted, parse_json, read_bounded
from scriptmodel_trainer.web.gate import SANDBOX
from scriptmodel_trainer.web.rendering import STATIC
from scriptmodel_trainer.web.site import Site, Values

_LARGEST_SCRIPT = 4 << 20


class Pages:
    """The pages about a folder, below the path `base`."""

    def __init__(self, folder: Folder, base: str) -> None:
        self._here, self._base = folder, base

    def routes(self) -> list[web.AbstractRouteDef]:
        page, here = Site(templates(), self._layout, self._base).page, self._base
        return [
            web.get(f"{here}/", self.index),
            web.static(f"{here}/static", STATIC),
            web.get(f"{here}/model", page("ui/model.html", self.model, live=True)),
            web.get(f"{here}/report", self.report),
            web.get(f"{here}/script", page("ui/script.html", self.script)),
            web.get(f"{here}/write", page("ui/write.html", self.write)),
            web.post(f"{here}/file", self.file),
            web.get(f"{here}/v1/{{what:models}}", self.api),
            web.post(f"{here}/v1/{{what:completions|replies}}", self.api),
        ]

    async def index(self, _request: web.Request) -> web.Response:
        """Lead to writing with the model once it is trained, else to its training."""
        raise web.HTTPFound(f"{self._base}/{'write' if self._here.has(MODEL) else 'model'}")

    async def model(self, _request: web.Request) -> Values:
        """Return a model's training as it goes."""
        return {"title": self._here.name, "run": await asyncio.to_thread(read_run, self._here.folder)}

    async def report(self, _request: web.Request) -> web.FileResponse:
        """Return the report, which runs nothing, whoever wrote it."""
        if not self._here.has(REPORT):
            raise Refused(404, "no report is stored with this model")
        return web.FileResponse(self._here.folder / REPORT, headers={"Content-Security-Policy": SANDBOX})

    async def script(self, _request: web.Request) -> Values:
        """Return the scripts that are stored beside the model."""
        sheets = await asyncio.to_thread(lambda: list(_sheets(self._here.scripts())))
        if not sheets:
            raise Refused(404, "no script is stored beside this model")
        return {"title": f"Scripts of {self._here.name}", "sheets": sheets}

    async def write(self, _request: web.Request) -> Values:
        """Return who may speak, by play, or why one cannot write yet."""
        title = f"Write with {self._here.name}"
        try:
            model, *_ = await self._here.load()
        except TrainerError as error:
            return {"title": title, "model": None, "problem": f"Not yet: {error.line()}."}
        plays = [(play.title, [name.replace("_", " ") for name in play.speakers]) for play in model.plays]
        speakers = sorted({name for _, names in plays for name in names})
        people = next((names[:2] for _, names in plays if len(names) > 1), ["ANNA", "BEN"])
        shown = {"plays": plays, "speakers": speakers, "people": people, "sampling": Sampling()}
        return {"title": title, "model": model, **shown}

    async def file(self, request: web.Request) -> web.Response:
        """Return a script in one of the formats, to be stored."""
        try:
            form = {name: str(value) for name, value in (await request.post()).items()}
            notes = converted(parse_json((form.get("notes") or "{}").encode()), dict[str, str])
        except UNREADABLE as error:
            raise Refused(400, f"the form cannot be read: {error}") from error
        name, text = form.get("format", ""), form.get("text", "")
        if name not in FORMATS:
            raise Refused(400, f"no format {name[:40]}; formats are {', '.join(FORMATS)}")
        origin = f"Written with the model {self._here.name}"
        page = TitlePage(form.get("title") or "A script", origin, form.get("author", ""), notes)
        script = await asyncio.to_thread(FORMATS[name], text.replace("\r\n", "\n"), page)
        headers = {"Content-Disposition": f'attachment; filename="script{SUFFIXES[name]}"'}
        return web.Response(body=script.encode("utf-8", "replace"), headers=headers)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer as `scriptmodel-trainer serve` does, or with next lines of a scene."""
        try:
            _, completions, lines = await self._here.load()
        except TrainerError as error:
            raise Refused(404, error.line()) from error
        answers = {"models": completions.models, "completions": completions.complete, "replies": lines.answer}
        return await answers[request.match_info["what"]](request)

    async def _layout(self, _request: web.Request) -> Values:
        tabs = ("model", *(["script"] if self._here.scripts() else []), "write")
        links, formats = [(f"/{tab}", tab.title()) for tab in tabs], list(FORMATS)
        return {"base": "", "home": "/", "links": links, "here": self._here, "who": self._here.name, "formats": formats}


def _sheets(paths: Iterable[Path]) -> Iterator[tuple[str, int, str, list[Part]]]:
    for path in paths:
        with suppress(OSError, TrainerError):  # it is gone, or too large
            text = read_bounded(path, _LARGEST_SCRIPT).decode("utf-8", "replace")
            yield path.name, count_pieces(text), text, list(parts_of(text))
