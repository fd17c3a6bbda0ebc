"""Completions as OpenAI's API has them (`/v1/completions`), so that its clients and editors write with a model.

A token is a word here, as `wc -w` counts them: `max_tokens` is the length limit of `generate --words`.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import COPIED, Sampling
from scriptmodel_trainer.generation.writer import Draft, writer_of
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.serving.batch import Batch, Job
from scriptmodel_trainer.serving.drafts import Continuation
from scriptmodel_trainer.serving.refusals import Refused, read

_MOST_WORDS = 2000
_MOST_SCRIPTS = 64
"""Scripts in progress, of all requests."""
_LONGEST_PROMPT = 64 * 1024  # characters
_SECONDS = 0.04  # between two polls of the scripts of a request
_UNREAD_SECONDS = 30.0  # that a client may leave unread what was sent to it

Pieces = AsyncIterator[tuple[int, str, str | None]]
"""The number of a choice, a piece of its text, and at its end why it ends."""


Prompt = Annotated[str, msgspec.Meta(max_length=_LONGEST_PROMPT)]


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request; other keys are ignored. `cast`, `speaker` and `scene` are ours."""

    model: str = ""
    prompt: Prompt | Annotated[list[Prompt], msgspec.Meta(min_length=1, max_length=1)] = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=_MOST_WORDS)] = 200
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

    @property
    def stops(self) -> list[str]:
        return [stop for stop in ([self.stop] if isinstance(self.stop, str) else self.stop) if stop]

    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_p)

    def opening(self) -> Opening:
        cast = None if self.cast is None else () if self.cast == ["any"] else tuple(self.cast)
        return Opening(self.speaker, "", self.scene, self.given, cast)


class Completions:
    """Handlers of the API of one model, called `name`."""

    def __init__(self, name: str, model: TrainedModel) -> None:
        self._name, self._digest = name, model.digest
        self._writer = writer_of(model)
        self._network = model.network(COPIED)
        self._batch = Batch()
        self._scripts = 0
        self._started = int(time.time())

    def routes(self, base: str) -> list[web.RouteDef]:
        return [web.get(f"{base}/v1/models", self.models), web.post(f"{base}/v1/completions", self.complete)]

    async def models(self, request: web.Request) -> web.Response:
        del request
        entry = {"id": self._name, "object": "model", "created": self._started, "owned_by": "scriptmodel-trainer"}
        return web.json_response({"object": "list", "data": [entry]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Write what follows a prompt, at once or as server-sent events."""
        asked = await read(request, CompletionRequest)
        head = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self._name,
            "system_fingerprint": f"fp_{self._digest[:12]}",
        }
        async with self._written(asked) as pieces:
            if asked.stream:
                return await _streamed(request, asked, head, pieces)
            texts, reasons = await _whole(asked, pieces)
        choices = [_choice(number, text, reasons[number]) for number, text in enumerate(texts)]
        return web.json_response({**head, "choices": choices, "usage": _usage(asked, texts)})

    @contextlib.asynccontextmanager
    async def _written(self, asked: CompletionRequest) -> AsyncIterator[Pieces]:
        """Write the scripts of a request; a client that leaves ends them. Raises Refused if too many are written."""
        if asked.model not in ("", self._name):
            raise Refused(404, f'no model "{asked.model}": this is "{self._name}"', parameter="model")
        if self._scripts + asked.n > _MOST_SCRIPTS:
            raise Refused(429, f"{self._scripts} scripts are in progress: try again in a few seconds")
        self._scripts += asked.n
        jobs: list[Job] = []
        try:
            jobs += await self._jobs(asked)
            self._batch.submit(jobs)
            yield self._pieces(asked, jobs)
        finally:
            self._scripts -= asked.n
            for job in jobs:
                job.left = True

    async def _jobs(self, asked: CompletionRequest) -> list[Job]:
        """Return a job for each script, the given text read in a thread."""
        seed = secrets.randbelow(1 << 31) if asked.seed is None else asked.seed
        sampling, opening = asked.sampling(), asked.opening()

        def opened(number: int) -> Job:
            draft = Draft()
            stream = self._writer.stream(asked.max_tokens, sampling, (seed, number), opening, draft)
            return Job(stream, draft, Reader(self._network, sampling.temperature))

        return await asyncio.to_thread(lambda: [opened(number) for number in range(asked.n)])

    async def _pieces(self, asked: CompletionRequest, jobs: Sequence[Job]) -> Pieces:
        """Yield the number of a script, a piece of its text, and at its end why it ends."""
        texts = {number: Continuation(self._writer, asked.given, asked.stops) for number in range(len(jobs))}
        while texts:
            for number, text in list(texts.items()):
                job = jobs[number]
                if job.error is not None:
                    raise job.error
                script = job.script  # once: the thread that writes may set it at any moment
                piece = text.more(job.draft) if script is None else text.rest(script)
                if piece:
                    yield number, piece, None
                if script is not None or text.stopped:
                    job.left = True
                    del texts[number]
                    yield number, "", "stop" if text.stopped else "length"
            await asyncio.sleep(_SECONDS)


async def _whole(asked: CompletionRequest, pieces: Pieces) -> tuple[list[str], list[str]]:
    """Return the text of each choice, and why it ends."""
    texts, reasons = [""] * asked.n, [""] * asked.n
    async for number, text, reason in pieces:
        texts[number] += text
        reasons[number] = reason or ""
    return texts, reasons


async def _streamed(
    request: web.Request, asked: CompletionRequest, head: dict[str, Any], pieces: Pieces
) -> web.StreamResponse:
    """Send each piece as an event, and `[DONE]` at the end."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)

    async def send(data: str) -> None:
        async with asyncio.timeout(_UNREAD_SECONDS):
            await response.write(f"data: {data}\n\n".encode())

    texts = [""] * asked.n
    try:
        async for number, text, reason in pieces:
            texts[number] += text
            await send(json.dumps({**head, "choices": [_choice(number, text, reason)]}))
    except TrainerError as error:
        await send(json.dumps({"error": {"message": error.line(), "type": "server_error"}}))
        return response
    if asked.stream_options.get("include_usage"):
        await send(json.dumps({**head, "choices": [], "usage": _usage(asked, texts)}))
    await send("[DONE]")
    return response


def _choice(number: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": number, "text": text, "logprobs": None, "finish_reason": reason}


def _usage(asked: CompletionRequest, texts: Sequence[str]) -> dict[str, int]:
    given, written = count_pieces(asked.given), sum(map(count_pieces, texts))
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}
