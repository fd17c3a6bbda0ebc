"""Next lines of a scene, for the page to write: what the model writes, and real lines where they are stored."""

import asyncio
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.speeches import SPEECHES, real_lines, stored_speeches
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.quoting import Quotable
from scriptmodel_trainer.generation.replies import MOST, Replies, replies_of
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.serving.refusals import Refused, read


class LinesRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request: a scene, how many lines of how many words, who may speak and who does, and which lines."""

    prompt: Annotated[str, msgspec.Meta(max_length=64 * 1024)]
    n: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 10
    words: Annotated[int, msgspec.Meta(ge=3, le=60)] = 20
    temperature: float = Sampling().temperature
    cast: list[str] | None = None
    speaker: str = ""
    scene: str = ""
    lines: Literal["new", "real"] = "new"


class NextLines:
    """Answers with the next lines of one model; real ones are in `folder`, where `write` stores them."""

    def __init__(self, model: TrainedModel, folder: Path) -> None:
        self._model, self._folder = model, folder
        self._replies: Replies | None = None  # both take a moment to make
        self._quotable: Quotable | None = None
        self._working = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.Response:
        asked = await read(request, LinesRequest)
        async with self._working:
            return web.json_response(await asyncio.to_thread(self._found, asked))

    def _found(self, asked: LinesRequest) -> dict[str, Any]:
        """Return replies; the cue of each begins with what is between it and the scene."""
        seed = secrets.randbelow(1 << 31)
        cast = None if asked.cast is None else () if asked.cast == ["any"] else tuple(asked.cast)
        replies = self._replies = self._replies or replies_of(self._model)
        scene = replies.scene(Opening(asked.speaker, "", asked.scene, asked.prompt, cast), seed)
        sampling = Sampling(asked.temperature)
        quotable = self._lines() if asked.lines == "real" else None
        found = replies.found(scene, asked.n, asked.words, sampling, seed, quotable)
        entries = []
        for reply in found:
            words = scene.typography.words(reply.text)
            source = quotable.lines[reply.line].source if quotable and reply.line is not None else ""
            entries.append({"cue": reply.printed.removesuffix(words), "words": words, "source": source})
        return {"replies": entries}

    def _lines(self) -> Quotable:
        if self._quotable is None:
            stored = stored_speeches(self._folder)
            lines = real_lines(stored.speeches) if stored else []
            if not lines:
                raise Refused(
                    400,
                    f"real lines need the plays: `scriptmodel write PLAYS --cento` stores {SPEECHES} beside the model",
                )
            self._quotable = Quotable(lines, self._model.vocabulary)
        return self._quotable
