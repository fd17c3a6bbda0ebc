"""Completions as OpenAI's API has them (`/v1/completions`), so that its clients and editors write with a model.

A token is a word here, as `wc -w` counts them: `max_tokens` is the length limit of `generate --words`.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import COPIED, Sampling
from scriptmodel_trainer.generation.writer import Script, Writer, writer_of
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.serving.batch import Batch, Job
from scriptmodel_trainer.serving.server import Refused, read

_MOST_SCRIPTS = 64
"""Scripts in progress, of all requests."""
Prompt = Annotated[str, msgspec.Meta(max_length=64 * 1024)]


def opening_of(speaker: str, scene: str, text: str, cast: list[str] | None) -> Opening:
    """Return the opening of a request, whose cast may be `["any"]`."""
    return Opening(speaker, "", scene, text, None if cast is None else () if cast == ["any"] else tuple(cast))


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request; other keys are ignored. `cast`, `speaker` and `scene` are ours."""

    model: str = ""
    prompt: Prompt | Annotated[list[Prompt], msgspec.Meta(min_length=1, max_length=1)] = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 200
    temperature: float = Sampling().temperature
    top_p: float = Sampling().top_p
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] = ""
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    stream: bool = False
    stream_options: dict[str, Any] = {}
    frequency_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] = 0
    presence_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] = 0
    best_of: Annotated[int, msgspec.Meta(le=1)] = 1
    echo: Literal[False] = False
    logprobs: None = None
    suffix: Literal[""] = ""
    cast: list[str] | None = None
    speaker: str = ""
    scene: str = ""

    @property
    def given(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]


def continuation(writer: Writer, given: str, script: Script) -> str:
    """Return what a script adds to a `given` text, set like it; it starts with the space that the given one lacks."""
    typography, added = writer.typography(given), writer.added(script)
    text = typography.text(added) if typography else added
    space, after = len(text) - len(text.lstrip()), len(given) - len(given.rstrip())
    return text[min(space, after) :]


class Completions:
    """Handlers of the API of one model, called `name`."""

    def __init__(self, name: str, model: TrainedModel) -> None:
        self._name, self._digest = name, model.digest
        self._writer = writer_of(model)
        self._network = model.network(COPIED)
        self._batch = Batch()
        self._scripts = 0
        self._started = int(time.time())

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/models", self.models), web.post("/v1/completions", self.complete)]

    async def models(self, _request: web.Request) -> web.Response:
        entry = {"id": self._name, "object": "model", "created": self._started, "owned_by": "scriptmodel-trainer"}
        return web.json_response({"object": "list", "data": [entry]})

    async def complete(self, request: web.Request) -> web.Response:
        """Write what follows a prompt; a client that asks for a stream receives each completion as one event."""
        asked = await read(request, CompletionRequest)
        texts = [continuation(self._writer, asked.given, script) for script in await self._written(asked)]
        head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self._name,
            "system_fingerprint": f"fp_{self._digest[:12]}",
        }
        choices = [_choice(asked, number, text) for number, text in enumerate(texts)]
        given, written = count_pieces(asked.given), sum(count_pieces(choice["text"]) for choice in choices)
        usage = {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
        if not asked.stream:
            return web.json_response({**head, "choices": choices, "usage": usage})
        events = [json.dumps({**head, "choices": [choice]}) for choice in choices]
        if asked.stream_options.get("include_usage"):
            events.append(json.dumps({**head, "choices": [], "usage": usage}))
        text = "".join(f"data: {event}\n\n" for event in (*events, "[DONE]"))
        return web.Response(text=text, content_type="text/event-stream")

    async def _written(self, asked: CompletionRequest) -> Sequence[Script]:
        """Return the scripts of a request. Raises Refused if too many are written."""
        if asked.model not in ("", self._name):
            raise Refused(404, f'no model "{asked.model}": this is "{self._name}"', parameter="model")
        if self._scripts + asked.n > _MOST_SCRIPTS:
            raise Refused(429, f"{self._scripts} scripts are in progress: try again in a few seconds")
        seed = secrets.randbelow(1 << 31) if asked.seed is None else asked.seed
        sampling = Sampling(asked.temperature, asked.top_p)
        opening = opening_of(asked.speaker, asked.scene, asked.given, asked.cast)

        def opened(number: int) -> Job:
            stream = self._writer.stream(asked.max_tokens, sampling, (seed, number), opening)
            return Job(stream, Reader(self._network, sampling.temperature))

        self._scripts += asked.n
        try:
            jobs = await asyncio.to_thread(lambda: [opened(number) for number in range(asked.n)])
            return await self._batch.write(jobs)
        finally:
            self._scripts -= asked.n


def _choice(asked: CompletionRequest, number: int, text: str) -> dict[str, Any]:
    """Return a completion up to the first of the texts that end one."""
    stops = filter(None, [asked.stop] if isinstance(asked.stop, str) else asked.stop)
    ends = [place for stop in stops if (place := text.find(stop)) >= 0]
    reason = "stop" if ends else "length"
    return {"index": number, "text": text[: min(ends, default=None)], "logprobs": None, "finish_reason": reason}
