"""Reads the API server and the engine in the background: a page shows what is known, and is sent again once more is."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
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
        """Connect to the engine at the first read; `own` is shown alone where not all namespaces may be listed."""
        self.namespace, self._own = session.namespace, own
        self._session = session
        self._readers = asyncio.Semaphore(_READERS)
        self._kept: dict[tuple[str, str], Answer[Any]] = {}
        """Answers by what they are and the uid of their object, if any."""
        self._stack = ExitStack()

    async def objects(self) -> Answer[dict[str, Model]]:
        answer = self._ask(("objects", ""), lambda: asyncio.to_thread(self._list), _OBJECTS_SECONDS)
        if answer.task and answer.read < time.monotonic() - _PATIENCE_SECONDS:
            await asyncio.wait([answer.task], timeout=_PATIENCE_SECONDS)
        return answer

    def listed(self, model: Model, what: str, path: str) -> Answer[list[dict[str, Any]]]:
        """Return a list of the API server, such as the events of a model, which is read again and again."""
        list_ = partial(self._session.listed, what, path)
        return self._ask((what, model.uid), lambda: asyncio.to_thread(list_), _LISTED_SECONDS)

    def of(self, model: Model, what: str, read: Read[T], version: Hashable, every: float = 0.0) -> Answer[T]:
        """Return what the engine has of a model, read for each version or `every` seconds; an older one meanwhile."""
        return self._ask((what, model.uid), lambda: self.now(read), every, version)

    async def now(self, read: Read[T]) -> T:
        """Return an answer that is not kept, such as a download. Raises what the read raises."""
        engine = self._ask(("engine", ""), self._connect, 0)
        if engine.task:
            await asyncio.wait([engine.task])
        if engine.value is None:
            raise click.ClickException(engine.error)
        async with self._readers:
            return await asyncio.to_thread(read, engine.value)

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

    def _list(self) -> dict[str, Model]:
        try:
            found = self._session.all_of(lambda client: client.list_scriptmodels(self.namespace or None))
        except ForbiddenError:
            if self.namespace:
                raise
            self.namespace = self._own
            return self._list()
        models = sorted(map(Model, found), key=lambda each: each.key)
        uids = {"", *(each.uid for each in models)}
        self._kept = {key: answer for key, answer in [*self._kept.items()] if key[1] in uids}
        return {each.key: each for each in models}

    async def _connect(self) -> Gateway:
        """Connect to the engine of the user's own namespace, else of the first one with objects."""
        models = [*((await self.objects()).value or {}).values()]
        return await asyncio.to_thread(self._engine, models[0].namespace if models else "")

    def _engine(self, first: str) -> Gateway:
        session = self._session
        try:
            if first and not self.namespace and not session.access.is_known:
                session.forget_engine()
                session.namespace = self._own = first
            listed = [self.namespace] if self.namespace else []
            return self._stack.enter_context(session.engine("curves, logs and scripts", namespaces=listed))
        except click.ClickException:
            session.forget_engine()
            raise


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
