"""Reads the API server and Pachyderm in the background: a page shows what is known, and is sent again once more is."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from scriptmodel_cli.publicconfig import RELEASES_PATH, choose, parse
from scriptmodel_cli.session import NOT_SERVED, Session
from scriptmodel_cli.ui.model import Model
from scriptmodel_operator.kube.errors import KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.pachyderm.gateway import Gateway

if TYPE_CHECKING:
    from scriptmodel_operator.kube.client import KubeClient

T = TypeVar("T")

_READERS = 4
_KEPT = 1500
"""Answers that are kept. The largest are some hundred lines of a log, for each page that was opened."""
_RETRY_SECONDS = 10.0
_PAUSE_FACTOR = 5.0
"""A read is repeated after this many times its own duration, as the operator polls; no later than a failed one."""
_OBJECTS_SECONDS = 1.0
_OUTDATED_SECONDS = 5.0
_PATIENCE_SECONDS = 5.0
"""A page waits so long for a list of the objects that is not outdated, and then shows the last one."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What is known of a read: the last value, and why there is no newer one; neither until it is read."""

    value: T | None = None
    error: str = ""

    @property
    def pending(self) -> bool:
        return self.value is None and not self.error


@dataclass
class _Kept:
    answer: Answer[Any] = Answer()
    read: float = -math.inf
    """When it was read last, in monotonic seconds."""
    due: float = 0.0
    """When it is read again."""
    task: asyncio.Task[None] | None = None


class Reads:
    """Answers by key, with the rights of one kubeconfig. What returns an Answer never waits for it."""

    def __init__(self, session: Session, client: KubeClient, own: str) -> None:
        """Connect to pachd at the first read; `own` is shown alone where not all namespaces may be listed."""
        self.namespace, self._own = session.namespace, own
        self._session, self._client = session, client
        self._pool = ThreadPoolExecutor(_READERS, "pachyderm")
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._open: set[asyncio.Event] = set()
        self._connecting = Lock()
        self._stack = ExitStack()
        self._gateway: Gateway | None = None
        self._no_way, self._no_way_until = "", 0.0

    async def objects(self) -> Answer[dict[str, Model]]:
        """Return the ScriptModels by NAMESPACE/NAME, and why they are outdated, if so."""
        kept = self._ask("objects", self._list, _OBJECTS_SECONDS)
        if kept.task and kept.read < time.monotonic() - _OUTDATED_SECONDS:
            await asyncio.wait([kept.task], timeout=_PATIENCE_SECONDS)
        return kept.answer

    def listed(self, path: str, every: float) -> Answer[list[dict[str, Any]]]:
        """Return a list of the API server, which is read again after so many seconds."""
        return self._ask(path, lambda: self._items(path), every).answer

    def pachyderm(
        self, key: Hashable, read: Callable[[Gateway], T], *, every: float | None = None, until: Hashable = None
    ) -> Answer[T]:
        """Return an answer of Pachyderm, which is read once if it never changes, else `every` seconds.

        `until` is the key whose answer is returned until the first one, so that a page does not empty meanwhile.
        """
        before = self._kept.get(until)
        answer = self._ask(key, lambda: self.now(read), every).answer
        return before.answer if before and answer.pending else answer

    async def answer(self, read: Callable[[Gateway], T]) -> Answer[T]:
        """Return an answer of Pachyderm that is not kept, or the error."""
        return await _answered(self.now(read))

    async def now(self, read: Callable[[Gateway], T]) -> T:
        """Return an answer of Pachyderm that is not kept, such as a download. Raises what the read raises."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: read(self._connected()))

    @contextmanager
    def changes(self) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever an answer has changed, as long as the block lasts."""
        changed = asyncio.Event()
        self._open.add(changed)
        try:
            yield changed
        finally:
            self._open.discard(changed)

    def other_pachd(self, namespace: str) -> str:
        """Return the address of the pachd that a namespace's operator uses if it is another one than that of `own`.

        Empty if an option names the one that is read, or if the operators do not publish theirs.
        """
        found = self.listed(RELEASES_PATH, every=60.0).value or ()
        with suppress(click.ClickException):  # two operators in one namespace, which the reads say
            releases = [*filter(None, map(parse, found))]
            read, used = (choose(releases, each) for each in (self._own, namespace))
            if not self._session.pachd and read and used and (read.pachd, read.service) != (used.pachd, used.service):
                return used.pachd
        return ""

    async def close(self) -> None:
        """End the connections, and the reads that wait."""
        tasks = [kept.task for kept in self._kept.values() if kept.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._stack.close()
        await self._client.close()

    def _ask(self, key: Hashable, read: Callable[[], Awaitable[Any]], every: float | None) -> _Kept:
        """Start a read that is due, and return what is known until then."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if kept.due <= time.monotonic():
            kept.due = math.inf
            kept.task = asyncio.create_task(self._read(kept, read, every))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept

    async def _read(self, kept: _Kept, read: Callable[[], Awaitable[Any]], every: float | None) -> None:
        started = time.monotonic()
        answer = await _answered(read())
        kept.read = time.monotonic()
        if answer.error or every is not None:
            pause = min(_RETRY_SECONDS, _PAUSE_FACTOR * (kept.read - started))
            kept.due = kept.read + max(every or _RETRY_SECONDS, pause)
        if answer.error:
            answer = Answer(kept.answer.value, answer.error)  # an outage does not empty a page
        kept.task = None
        if answer != kept.answer:
            kept.answer = answer
            for changed in self._open:
                changed.set()

    async def _list(self) -> dict[str, Model]:
        try:
            found = await self._client.list_scriptmodels(self.namespace or None)
        except KubeForbiddenError:
            if self.namespace:
                raise
            self.namespace = self._own
            return await self._list()
        except KubeNotFoundError as error:
            raise click.ClickException(NOT_SERVED) from error
        models = sorted(map(Model, found), key=lambda each: each.key)
        return {each.key: each for each in models}

    async def _items(self, path: str) -> list[dict[str, Any]]:
        return list((await self._client.request("GET", path, "listing evidence")).get("items", []))

    def _connected(self) -> Gateway:
        """Return the one connection to pachd; called in a thread. Raises ClickException if there is no way to pachd."""
        with self._connecting:
            if self._gateway is None:
                if time.monotonic() < self._no_way_until:
                    raise click.ClickException(self._no_way)
                try:
                    self._gateway = self._stack.enter_context(self._session.pachyderm("curves, logs and scripts"))
                except click.ClickException as error:
                    self._no_way, self._no_way_until = error.message, time.monotonic() + _RETRY_SECONDS
                    self._session.forget_pachd()
                    raise
            return self._gateway


async def _answered(reading: Awaitable[T]) -> Answer[T]:
    try:
        return Answer(await reading)
    except Exception as error:  # whatever a foreign image wrote: it is shown where the answer would be
        return Answer(error=words_of(error))


def words_of(error: BaseException) -> str:
    """Return what a person reads of an error."""
    return getattr(error, "message", "") or str(error) or type(error).__name__
