"""Pages about model directories: model and training as it goes, scripts set for reading, and a page to write."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
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
    """The pages about some folders, by name; `home` is the address of a list of more models, or empty."""

    def __init__(self, folders: Sequence[tuple[str, Path]], base: str, home: str) -> None:
        self._base, self._home = base, home
        self._folders = {str(n): Folder(path, f"{base}/{n}", name) for n, (name, path) in enumerate(folders, 1)}

    def routes(self) -> list[web.AbstractRouteDef]:
        page, here = Site(templates(), self._layout).page, f"{self._base}/{{folder:{'|'.join(self._folders)}}}"
        return [
            web.get(f"{self._base}/", page("ui/models.html", self.index)),
            web.static(f"{self._base}/static", STATIC),
            web.get(f"{here}/", page("ui/model.html", self.model, live=True)),
            web.get(f"{here}/report", self.report),
            web.get(f"{here}/script", page("ui/script.html", self.script)),
            web.get(f"{here}/write", page("ui/write.html", self.write)),
            web.post(f"{here}/file", self.file),
            web.get(f"{here}/v1/{{what:models}}", self.api),
            web.post(f"{here}/v1/{{what:completions|replies}}", self.api),
        ]

    async def index(self, _request: web.Request) -> Values:
        """Return a list of the folders, or go to the only one: to write with it once it is trained."""
        if len(self._folders) == 1:
            raise web.HTTPFound(f"{self._base}/1/{'write' if self._folders['1'].has(MODEL) else ''}")
        runs = [(each, await asyncio.to_thread(read_run, each.folder)) for each in self._folders.values()]
        return {"title": "Models", "models": runs}

    async def model(self, request: web.Request) -> Values:
        """Return a model's training as it goes."""
        here = self._here(request)
        return {"title": here.name, "run": await asyncio.to_thread(read_run, here.folder)}

    async def report(self, request: web.Request) -> web.FileResponse:
        """Return the report, which runs nothing, whoever wrote it."""
        here = self._here(request)
        if not here.has(REPORT):
            raise Refused(404, "no report is stored with this model")
        return web.FileResponse(here.folder / REPORT, headers={"Content-Security-Policy": SANDBOX})

    async def script(self, request: web.Request) -> Values:
        """Return the scripts that are stored beside the model."""
        here = self._here(request)
        sheets = await asyncio.to_thread(lambda: list(_sheets(here.scripts())))
        if not sheets:
            raise Refused(404, "no script is stored beside this model")
        return {"title": f"Scripts of {here.name}", "sheets": sheets}

    async def write(self, request: web.Request) -> Values:
        """Return who may speak, by play, or why one cannot write yet."""
        here = self._here(request)
        title = f"Write with {here.name}"
        try:
            model, *_ = await here.load()
        except TrainerError as error:
            return {"title": title, "model": None, "problem": f"Not yet: {error.line()}."}
        plays = [(play.title, [name.replace("_", " ") for name in play.speakers]) for play in model.plays]
        speakers = sorted({name for _, names in plays for name in names})
        people = next((names[:2] for _, names in plays if len(names) > 1), ["ANNA", "BEN"])
        shown = {"plays": plays, "speakers": speakers, "people": people, "sampling": Sampling()}
        return {"title": title, "model": model, **shown}

    async def file(self, request: web.Request) -> web.Response:
        """Return a script in one of the formats, to be stored."""
        here = self._here(request)
        try:
            form = {name: str(value) for name, value in (await request.post()).items()}
            notes = converted(parse_json((form.get("notes") or "{}").encode()), dict[str, str])
        except UNREADABLE as error:
            raise Refused(400, f"the form cannot be read: {error}") from error
        name, text = form.get("format", ""), form.get("text", "")
        if name not in FORMATS:
            raise Refused(400, f"no format {name[:40]}; formats are {', '.join(FORMATS)}")
        origin = f"Written with the model {here.name}"
        page = TitlePage(form.get("title") or "A script", origin, form.get("author", ""), notes)
        script = await asyncio.to_thread(FORMATS[name], text.replace("\r\n", "\n"), page)
        headers = {"Content-Disposition": f'attachment; filename="script{SUFFIXES[name]}"'}
        return web.Response(body=script.encode("utf-8", "replace"), headers=headers)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer as `scriptmodel-trainer serve` does, or with next lines of a scene."""
        try:
            _, completions, lines = await self._here(request).load()
        except TrainerError as error:
            raise Refused(404, error.line()) from error
        answers = {"models": completions.models, "completions": completions.complete, "replies": lines.answer}
        return await answers[request.match_info["what"]](request)

    def _here(self, request: web.Request) -> Folder:
        return self._folders[request.match_info["folder"]]

    async def _layout(self, request: web.Request) -> Values:
        home = self._home or f"{self._base}/"
        links = [(home, "All models")] if self._home or len(self._folders) > 1 else []
        here = self._here(request) if "folder" in request.match_info else None
        if here:
            script = ["script"] if here.scripts() else []
            links += [(f"{here.path}/{each}", each.title() or "Model") for each in ("", *script, "write")]
        who, formats = here.name if here else "", list(FORMATS)
        return {"base": self._base, "home": home, "links": links, "here": here, "who": who, "formats": formats}


def _sheets(paths: Iterable[Path]) -> Iterator[tuple[str, int, str, list[Part]]]:
    for path in paths:
        with suppress(OSError, TrainerError):  # it is gone, or too large
            text = read_bounded(path, _LARGEST_SCRIPT).decode("utf-8", "replace")
            yield path.name, count_pieces(text), text, list(parts_of(text))
