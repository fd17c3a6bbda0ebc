"""Reads Pachyderm, events and pods in the background: a page shows what is known, and is sent again once more is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from scriptmodel_cli.publicconfig import RELEASES_PATH, choose, parse
from scriptmodel_cli.session import Session
from scriptmodel_operator.pachyderm.gateway import Gateway

if TYPE_CHECKING:
    from scriptmodel_operator.kube.client import KubeClient

T = TypeVar("T")

_READERS = 4
_KEPT = 1500
"""Answers that are kept. The largest are some hundred lines of a log, for each page that was opened."""
_RETRY_SECONDS = 10.0
_PAUSE_FACTOR = 5.0
"""A read is repeated after this many times its own duration at the earliest, as the operator polls."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What is known of a read: its value, or the error, or neither until it is read."""

    value: T | None = None
    error: str = ""

    @property
    def pending(self) -> bool:
        return self.value is None and not self.error


@dataclass
class _Kept:
    answer: Answer[Any]
    due: float | None
    """When it is read again (monotonic seconds); never for None."""


class Reads:
    """Answers by key. `get` is called in the event loop and never waits."""

    def __init__(self, session: Session, client: KubeClient, notify: Callable[[], None]) -> None:
        """Connect to pachd at the first read; `notify` is called in the event loop after an answer has changed."""
        self._session, self._client, self._notify = session, client, notify
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(_READERS, "pachyderm")
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._running: set[Hashable] = set()
        self._lock = threading.Lock()
        self._connecting = threading.Lock()
        self._stack = ExitStack()
        self._gateway: Gateway | None = None
        self._no_way, self._no_way_until = "", 0.0

    def get(
        self,
        key: Hashable,
        read: Callable[[], T],
        *,
        every: float | None = None,
        until: Hashable = None,
    ) -> Answer[T]:
        """Return the newest answer, and read again if it is due: once for what never changes, else `every` seconds.

        `until` is the key whose answer is returned until the first one, so that a page does not empty meanwhile.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            is_due = kept is None or (kept.due is not None and kept.due <= time.monotonic())
            if is_due and key not in self._running:
                self._running.add(key)
                self._pool.submit(self._read, key, read, every)
            kept = kept or self._kept.get(until)
        return kept.answer if kept else Answer()

    def close(self) -> None:
        """End the connection, and the reads that wait."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._stack.close()

    def _read(self, key: Hashable, read: Callable[[], T], every: float | None) -> None:
        started = time.monotonic()
        answer: Answer[T]
        try:
            answer, again = Answer(read()), every
        except Exception as error:  # whatever a foreign image wrote: the thread must not end with the key taken
            answer, again = Answer(error=_words_of(error)), _RETRY_SECONDS
        now = time.monotonic()
        due = None if again is None else now + max(again, _PAUSE_FACTOR * (now - started))
        with self._lock:
            kept = self._kept.get(key)
            if answer.error and kept and kept.answer.value is not None:
                answer = Answer(kept.answer.value)  # an outage does not empty a page
            self._kept[key] = _Kept(answer, due)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            self._running.discard(key)
        if kept is None or kept.answer != answer:
            self._loop.call_soon_threadsafe(self._notify)

    async def answer(self, read: Callable[[], T]) -> Answer[T]:
        """Return an answer that is not kept, or the error."""
        try:
            return Answer(await self.now(read))
        except Exception as error:  # shown where the answer would stand, as in _read
            return Answer(error=_words_of(error))

    async def now(self, read: Callable[[], T]) -> T:
        """Return an answer that is not kept, such as a download. Raises what the read raises."""
        return await self._loop.run_in_executor(self._pool, read)

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the objects of a list of the API server; called in a thread, by a read."""
        request = self._client.request("GET", path, "listing evidence")
        return list(asyncio.run_coroutine_threadsafe(request, self._loop).result().get("items", []))

    def other_pachd(self, own: str, namespace: str) -> str:
        """Return the address of the pachd that a namespace's operator uses if it is not that of `own`, which is read.

        Empty if it is, if an option names the one that is read, or if the operators do not publish it.
        """
        if self._session.pachd:
            return ""
        releases = self.get(("releases",), lambda: [*filter(None, map(parse, self.items(RELEASES_PATH)))], every=60.0)
        try:
            read, used = (choose(releases.value or (), each) for each in (own, namespace))
        except click.ClickException:  # two operators in one namespace, which the reads say
            return ""
        return used.pachd if read and used and (read.pachd, read.service) != (used.pachd, used.service) else ""

    @property
    def gateway(self) -> Gateway:
        """The one connection to pachd, for reads. Raises ClickException if there is no way to pachd."""
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


def _words_of(error: Exception) -> str:
    return getattr(error, "message", "") or str(error) or type(error).__name__
