"""Waiting for a state that another thread changes, without missing the change or outliving the caller."""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from localpach.errors import UnavailableError
from localpach.store.database import Database, Txn

T = TypeVar("T")
RECHECK_SECONDS = 60.0


class Caller(Protocol):
    """The client that a call runs for; a gRPC context is one."""

    def is_active(self) -> bool:
        """Return whether the client still waits for a response."""

    def add_callback(self, callback: Callable[[], None]) -> object:
        """Register a function that is called when the client goes away."""


def wait_until(db: Database, caller: Caller | None, key: Hashable, ready: Callable[[Txn], T | None]) -> T:
    """Call ``ready`` now and after each change of ``key``, until it returns a value.

    Without a caller the server itself waits. Raises UnavailableError if the server stops or the caller goes away first.
    """
    with db.notifier.subscribe(key) as changed:
        if caller is not None:
            caller.add_callback(changed.set)
        while True:
            changed.clear()
            with db.read() as txn:
                answer = ready(txn)
            if answer is not None:
                return answer
            if db.notifier.closed:
                raise UnavailableError("the server is shutting down")
            if caller is not None and not caller.is_active():
                raise UnavailableError("the client cancelled the call")
            changed.wait(RECHECK_SECONDS)
