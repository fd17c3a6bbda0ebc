"""Reads the API server and Pachyderm in the background: a page shows what is known, and is sent again once more is."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import click
from aiohttp import web

from scriptmodel_cli.session import ForbiddenError, Session
from scriptmodel_cli.ui.model import Model
from scriptmodel_operator.engine.gateway import Gateway

T = TypeVar("T")
Read = Callable[[Gateway], T]

_READERS = 4
_RETRY_SECONDS = 10.0
_PAUSE_FACTOR = 5.0
"""A read is repeated after this many times its own duration, as the operator polls; no later than a failed one."""
_OBJECTS_SECONDS, _LISTED_SECONDS = 1.0, 5.0
_PATIENCE_SECONDS = 5.0
"""A page waits so long for a list of the objects if the last one is older than that, and then shows the last one."""


@dataclass
class Answer(Generic[T]):
    """What is known of a read: the last value, and why there is no newer one; neither until it is read."""

    value: T | None = None
    error: str = ""
    version: Hashable = None
    read: float = -math.inf
    """When it was read last, in monotonic seconds."""
    due: float = 0.0
    """When it is read again."""
    task: asyncio.Task[None] | None = None


class Reads:
    """Answers by key, with the rights of one kubeconfig. What is kept is returned at once, and read in a task."""

    def __init__(self, session: Session, own: str) -> None:
        """Connect to pachd at the first read; `own` is shown alone where not all namespaces may be listed."""
        self.namespace, self._own = session.namespace, own
        self._session = session
        self._readers = asyncio.Semaphore(_READERS)
        self._kept: dict[tuple[str, str], Answer[Any]] = {}
        """Answers by what they are and the uid of their object, if any."""
        self._stack = ExitStack()

    async def objects(self) -> Answer[dict[str, Model]]:
        answer = self._ask(("objects", ""), self._list, _OBJECTS_SECONDS)
        if answer.task and answer.read < time.monotonic() - _PATIENCE_SECONDS:
            await asyncio.wait([answer.task], timeout=_PATIENCE_SECONDS)
        return answer

    def listed(self, model: Model, what: str, path: str) -> Answer[list[dict[str, Any]]]:
        """Return a list of the API server, such as the events of a model, which is read again and again."""

        def read() -> list[dict[str, Any]]:
            return list(
                self._session.call(lambda client: client.request("GET", path, f"listing {what}")).get("items", [])
            )

        return self._ask((what, model.uid), lambda: asyncio.to_thread(read), _LISTED_SECONDS)

    def of(self, model: Model, what: str, read: Read[T], version: Hashable, every: float = 0.0) -> Answer[T]:
        """Return what Pachyderm has of a model, read for each version or `every` seconds; an older answer meanwhile."""
        return self._ask((what, model.uid), lambda: self.now(read), every, version)

    async def now(self, read: Read[T]) -> T:
        """Return an answer that is not kept, such as a download. Raises what the read raises."""
        pachd = self._ask(("pachd", ""), self._connect, 0)
        if pachd.task:
            await asyncio.wait([pachd.task])
        if pachd.value is None:
            raise click.ClickException(pachd.error)
        async with self._readers:
            return await asyncio.to_thread(read, pachd.value)

    async def close(self, _app: web.Application) -> None:
        self._stack.close()

    def _ask(
        self, key: tuple[str, str], read: Callable[[], Awaitable[Any]], every: float, version: Hashable = None
    ) -> Answer[Any]:
        """Start a read that is due, and return what is known until then."""
        answer = self._kept.setdefault(key, Answer(version=version))
        if answer.version != version or answer.due <= time.monotonic():
            if answer.task:
                answer.task.cancel()
            answer.version, answer.due = version, math.inf
            answer.task = asyncio.create_task(_read(answer, read, every))
        return answer

    async def _list(self) -> dict[str, Model]:
        where = self.namespace or None
        request = partial(self._session.all_of, lambda client: client.list_scriptmodels(where))
        try:
            found = await asyncio.to_thread(request)
        except ForbiddenError:
            if self.namespace:
                raise
            self.namespace = self._own
            return await self._list()
        models = sorted(map(Model, found), key=lambda each: each.key)
        uids = {"", *(each.uid for each in models)}
        self._kept = {key: answer for key, answer in self._kept.items() if key[1] in uids}
        return {each.key: each for each in models}

    async def _connect(self) -> Gateway:
        models = (await self.objects()).value or {}
        try:
            return await asyncio.to_thread(self._engine, [each.namespace for each in models.values()])
        except click.ClickException:
            self._session.forget_engine()
            raise

    def _engine(self, found: Sequence[str]) -> Gateway:
        """Connect to the engine of the user's own namespace, else of the first one with objects."""
        if found and not self.namespace and not self._session.finds_engine():
            self._session.forget_engine()
            self._session.namespace = self._own = found[0]
        listed = [self.namespace] if self.namespace else []
        return self._stack.enter_context(self._session.engine("curves, logs and scripts", namespaces=listed))


async def _read(answer: Answer[Any], read: Callable[[], Awaitable[Any]], every: float) -> None:
    started = time.monotonic()
    try:
        answer.value, answer.error = await read(), ""
    except Exception as error:  # whatever a foreign image wrote: it is shown where the answer would be
        answer.error = words_of(error)  # an outage does not empty a page
    answer.read = time.monotonic()
    if answer.error or every:
        took = answer.read - started
        answer.due = answer.read + max(every or _RETRY_SECONDS, min(_RETRY_SECONDS, _PAUSE_FACTOR * took))
    answer.task = None


def words_of(error: BaseException) -> str:
    return getattr(error, "message", "") or str(error) or type(error).__name__
