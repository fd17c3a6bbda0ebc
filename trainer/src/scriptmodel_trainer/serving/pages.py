"""The page to write with a model, next lines for it, and what one wrote in each format."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import REPORT, TrainedModel, load_model, name_of
from scriptmodel_trainer.corpus.speeches import SPEECHES, real_lines, stored_speeches
from scriptmodel_trainer.generation.quoting import Quotable
from scriptmodel_trainer.generation.replies import MOST, Replies, replies_of
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.reporting.formats import FORMATS, TitlePage
from scriptmodel_trainer.reporting.suffixes import SUFFIXES
from scriptmodel_trainer.reporting.templating import templates
from scriptmodel_trainer.serving.completions import Completions, Prompt, opening_of
from scriptmodel_trainer.serving.server import UNREADABLE, Refused, read
from scriptmodel_trainer.storage.files import converted, parse_json
from scriptmodel_trainer.web.gate import SANDBOX
from scriptmodel_trainer.web.rendering import STATIC
from scriptmodel_trainer.web.site import Site, Values


class LinesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request: a scene, how many lines of how many words, who may speak and who does, and which lines."""

    prompt: Prompt
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 10
    words: Annotated[int, msgspec.Meta(ge=3, le=60)] = 20
    temperature: float = Sampling().temperature
    cast: list[str] | None = None
    speaker: str = ""
    scene: str = ""
    lines: Literal["new", "real"] = "new"


class _Loaded(NamedTuple):
    model: TrainedModel
    completions: Completions
    replies: Replies
    quotable: Quotable | None
    """Real lines, which `write` stores beside the model."""


class Pages:
    """The page of a model directory, below the path `base`; the model is loaded by the first who asks."""

    def __init__(self, folder: Path, base: str) -> None:
        self._folder, self._base, self._name = folder, base, name_of(folder)
        self._loading: asyncio.Future[_Loaded] | None = None
        self._replying = asyncio.Lock()

    def routes(self) -> list[web.AbstractRouteDef]:
        site, here = Site(templates(), self._layout, self._base), self._base
        return [
            web.get(f"{here}/", site.page("ui/write.html", self.write)),
            web.static(f"{here}/static", STATIC),
            web.get(f"{here}/report", self.report),
            web.post(f"{here}/file", self.file),
            web.post(f"{here}/v1/completions", self.completions),
            web.post(f"{here}/v1/replies", self.replies),
        ]

    async def write(self, _request: web.Request) -> Values:
        """Return who may speak, by play."""
        model, _, _, quotable = await self._loaded()
        plays = [(play.title, [name.replace("_", " ") for name in play.speakers]) for play in model.plays]
        people = next((names[:2] for _, names in plays if len(names) > 1), ["ANNA", "BEN"])
        speakers = sorted({name for _, names in plays for name in names})
        shown = {"plays": plays, "speakers": speakers, "people": people, "has_lines": quotable is not None}
        return {"title": f"Write with {self._name}", "temperature": Sampling().temperature, **shown}

    async def report(self, _request: web.Request) -> web.FileResponse:
        """Return the report, which runs nothing, whoever wrote it."""
        if not (self._folder / REPORT).is_file():
            raise Refused(404, "no report is stored with this model")
        return web.FileResponse(self._folder / REPORT, headers={"Content-Security-Policy": SANDBOX})

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
        origin = f"Written with the model {self._name}"
        page = TitlePage(form.get("title") or "A script", origin, form.get("author", ""), notes)
        script = await asyncio.to_thread(FORMATS[name], text.replace("\r\n", "\n"), page)
        headers = {"Content-Disposition": f'attachment; filename="script{SUFFIXES[name]}"'}
        return web.Response(body=script.encode("utf-8", "replace"), headers=headers)

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """Answer as `scriptmodel-trainer serve` does."""
        return await (await self._loaded()).completions.complete(request)

    async def replies(self, request: web.Request) -> web.Response:
        """Return next lines of a scene; the cue of each begins with what is between it and the scene."""
        asked, loaded = await read(request, LinesRequest), await self._loaded()
        async with self._replying:
            return web.json_response({"replies": await asyncio.to_thread(_replies, asked, loaded)})

    async def _loaded(self) -> _Loaded:
        """Return the model, which a browser that leaves does not make load again."""
        if self._loading is None or (self._loading.done() and self._loading.exception()):
            self._loading = asyncio.ensure_future(asyncio.to_thread(self._load))
        return await asyncio.shield(self._loading)

    def _load(self) -> _Loaded:
        model = load_model(self._folder)
        stored = stored_speeches(self._folder.resolve().parent)
        lines = real_lines(stored.speeches) if stored else []
        quotable = Quotable(lines, model.vocabulary) if lines else None
        return _Loaded(model, Completions(self._name, model), replies_of(model), quotable)

    async def _layout(self, _request: web.Request) -> Values:
        links = [("/", "Write"), *([("/report", "Report")] if (self._folder / REPORT).is_file() else [])]
        return {"base": "", "home": "/", "links": links, "who": self._name, "formats": list(FORMATS)}


def _replies(asked: LinesRequest, loaded: _Loaded) -> list[dict[str, Any]]:
    quotable = loaded.quotable if asked.lines == "real" else None
    if asked.lines == "real" and not quotable:
        raise Refused(
            400, f"real lines need the plays: `scriptmodel write PLAYS --cento` stores {SPEECHES} beside the model"
        )
    seed = secrets.randbelow(1 << 31)
    scene = loaded.replies.scene(opening_of(asked.speaker, asked.scene, asked.prompt, asked.cast), seed)
    entries = []
    for reply in loaded.replies.found(scene, asked.n, asked.words, Sampling(asked.temperature), seed, quotable):
        words = scene.typography.words(reply.text)
        source = quotable.lines[reply.line].source if quotable and reply.line is not None else ""
        entries.append({"cue": reply.printed.removesuffix(words), "words": words, "source": source})
    return entries
