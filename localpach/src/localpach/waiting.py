"""Waiting for something that another thread does, without missing it and without outliving the caller."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from localpach.errors import UnavailableError
from localpach.store.database import Database, Txn

T = TypeVar("T")
RECHECK_SECONDS = 60.0


class Caller(Protocol):
    """The client on whose behalf something is done; a gRPC context is one."""

    def is_active(self) -> bool:
        """Whether it still waits for an answer."""

    def add_callback(self, callback: Callable[[], None]) -> object:
        """Call ``callback`` once it does not."""


class Nobody:
    """A caller inside the server, which never goes away."""

    def is_active(self) -> bool:
        """Always."""
        return True

    def add_callback(self, callback: Callable[[], None]) -> object:
        """Never calls it."""
        return callback


def wait_until(db: Database, caller: Caller, key: Hashable, ready: Callable[[Txn], T | None]) -> T:
    """Ask ``ready`` now and whenever ``key`` changes, until it has an answer.

    Raises UnavailableError when the server stops or the caller goes away first.
    """
    with db.changes.watching(key) as changed:
        caller.add_callback(changed.set)
        while True:
            changed.clear()
            with db.read() as txn:
                answer = ready(txn)
            if answer is not None:
                return answer
            if db.changes.closed:
                raise UnavailableError("the server is shutting down")
            if not caller.is_active():
                raise UnavailableError("the caller has gone")
            changed.wait(RECHECK_SECONDS)
