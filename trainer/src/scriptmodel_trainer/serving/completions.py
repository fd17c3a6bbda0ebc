"""Completions as OpenAI's API has them (`/v1/completions`), so that its clients and editors write with a model.

A token is a word here, as `wc -w` counts them: `max_tokens` is the length limit of `generate --words`.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from aiohttp import web

from scriptmodel_trainer.artifacts.model_directory import COPIED, TrainedModel
from scriptmodel_trainer.errors import BadInputError, TrainerError
from scriptmodel_trainer.generation.detokenizing import count_pieces
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Draft
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.serving.batch import Batch, Job
from scriptmodel_trainer.serving.drafts import Continuation
from scriptmodel_trainer.serving.refusals import UNREADABLE, Refused
from scriptmodel_trainer.storage.files import converted, parse_json

LARGEST_BODY = 256 * 1024
"""Bytes of a request."""
_LONGEST_PROMPT = 64 * 1024  # characters
_USUAL_WORDS = 200
_SECONDS = 0.04  # between two looks at the scripts of a request
_UNREAD_SECONDS = 30.0  # that a client may leave unread what was sent to it
_NAMES = {"words": "max_tokens"}  # ours, and the API's


Pieces = AsyncIterator[tuple[int, str, str | None]]
"""The number of a choice, a piece of its text, and at its end why it ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes on: words of a script, scripts of a request, and scripts that are being written or wait."""

    words: int = 2000
    samples: int = 16
    scripts: int = 64


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request; other keys are ignored. `cast`, `speaker` and `scene` are ours."""

    model: str = ""
    prompt: str | Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)] = ""
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: float = Sampling().temperature
    top_p: float = Sampling().top_p
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] = ""
    n: Annotated[int, msgspec.Meta(ge=1)] = 1
    stream: bool = False
    stream_options: dict[str, Any] = {}
    frequency_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] = 0
    presence_penalty: Annotated[float, msgspec.Meta(ge=0, le=0)] = 0
    best_of: Annotated[int, msgspec.Meta(le=1)] = 1
    echo: bool = False
    logprobs: int | None = None
    suffix: str = ""
    cast: list[str] | None = None
    speaker: str = ""
    scene: str = ""

    @property
    def given(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    def words(self, most: int) -> int:
        """Return the words of a script at most, of which a server writes so many."""
        return min(_USUAL_WORDS, most) if self.max_tokens is None else self.max_tokens

    @property
    def stops(self) -> list[str]:
        return [stop for stop in ([self.stop] if isinstance(self.stop, str) else self.stop) if stop]

    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.top_p)

    def opening(self) -> Opening:
        cast = None if self.cast is None else () if self.cast == ["any"] else tuple(self.cast)
        return Opening(self.speaker, "", self.scene, self.given, cast)


class Completions:
    """Handlers of the API of one model, called `name`; `digest` identifies its weights."""

    def __init__(self, name: str, digest: str, model: TrainedModel, limits: Limits) -> None:
        self._name, self._digest, self._limits = name, digest, limits
        self._writer = model.writer()
        self._network = model.network(COPIED)
        self._batch = Batch(self._network)
        self._scripts = 0
        self._started = int(time.time())

    def routes(self, base: str) -> list[web.RouteDef]:
        return [web.get(f"{base}/v1/models", self.models), web.post(f"{base}/v1/completions", self.complete)]

    def close(self) -> None:
        self._batch.close()

    async def models(self, request: web.Request) -> web.Response:
        del request
        entry = {"id": self._name, "object": "model", "created": self._started, "owned_by": "scriptmodel-trainer"}
        return web.json_response({"object": "list", "data": [entry]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Write what follows a prompt, at once or as server-sent events."""
        try:
            asked = converted(parse_json(await request.read()), CompletionRequest)
        except UNREADABLE as error:
            raise Refused(400, f"the request is not valid: {error}") from error
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
            try:
                texts, reasons = await _whole(asked, pieces)
            except TrainerError as error:
                raise _refused(error) from error
        choices = [_choice(number, text, reasons[number]) for number, text in enumerate(texts)]
        return web.json_response({**head, "choices": choices, "usage": _usage(asked, texts)})

    @contextlib.asynccontextmanager
    async def _written(self, asked: CompletionRequest) -> AsyncIterator[Pieces]:
        """Write the scripts of a request; a client that leaves ends them. Raises Refused if too many are written."""
        self._check(asked)
        if self._scripts + asked.n > self._limits.scripts:
            raise Refused(429, f"{self._scripts} scripts are being written: try again in a few seconds")
        self._scripts += asked.n
        jobs: list[Job] = []
        try:
            ended = asyncio.Event()
            jobs += await self._jobs(asked, ended)
            self._batch.submit(jobs)
            yield self._pieces(asked, jobs, ended)
        finally:
            self._scripts -= asked.n
            for job in jobs:
                job.left = True

    def _check(self, asked: CompletionRequest) -> None:
        limits = self._limits
        for name, value, most in (
            ("max_tokens", asked.words(limits.words), limits.words),
            ("n", asked.n, limits.samples),
            ("prompt", len(asked.given), _LONGEST_PROMPT),
        ):
            if value > most:
                raise Refused(400, f"{name} is {value:,}, more than {most:,}", parameter=name)
        for name in ("echo", "logprobs", "suffix"):
            if getattr(asked, name):
                raise Refused(400, f"{name} is not supported: leave it out", parameter=name)
        if asked.model not in ("", self._name):
            raise Refused(404, f'no model "{asked.model}": this is "{self._name}"', parameter="model")

    async def _jobs(self, asked: CompletionRequest, ended: asyncio.Event) -> list[Job]:
        """Return a job for each script, the given text read in a thread."""
        loop = asyncio.get_running_loop()
        seed = secrets.randbelow(1 << 31) if asked.seed is None else asked.seed

        def opened() -> list[Job]:
            sampling, opening = asked.sampling(), asked.opening()
            jobs = []
            for number in range(asked.n):
                draft = Draft()
                words = asked.words(self._limits.words)
                stream = self._writer.stream(words, sampling, (seed, number), opening, draft)
                reader = Reader(self._network, sampling.temperature)
                jobs.append(Job(ended, stream, draft, reader, lambda: loop.call_soon_threadsafe(ended.set)))
            return jobs

        try:
            return await asyncio.to_thread(opened)
        except TrainerError as error:
            raise _refused(error) from error

    async def _pieces(self, asked: CompletionRequest, jobs: Sequence[Job], ended: asyncio.Event) -> Pieces:
        """Yield the number of a script, a piece of its text, and at its end why it ends."""
        texts = {number: Continuation(self._writer, asked.given, asked.stops) for number in range(len(jobs))}
        while texts:
            ended.clear()
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
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _SECONDS)


def _refused(error: TrainerError) -> Refused:
    """Return how the API says why a script cannot be written."""
    status, name = 400 if isinstance(error, BadInputError) else 503, _NAMES.get(error.parameter, error.parameter)
    return Refused(status, error.line().replace("--words", "max_tokens"), parameter=name)


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
