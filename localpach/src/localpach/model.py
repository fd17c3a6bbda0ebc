"""The model: one state in memory, changed by one call at a time, and its snapshot on the disk.

A change is made to a copy of the state. The snapshot of the copy is written whole and renamed before the copy becomes
the state, so a kill at any moment leaves all changes of a call or none, and nothing that was acknowledged is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from localpach.errors import UnavailableError
from localpach.state import Snapshots, State, Txn, copy_of, empty_state, from_json

T = TypeVar("T")
SNAPSHOT = "snapshot.json"


class UnreadableSnapshotError(Exception):
    """An error because the snapshot of a root folder cannot be read; the folder is left as it is."""


class Caller(Protocol):
    """The client that a call runs for; a gRPC context is one."""

    def is_active(self) -> bool:
        """Return whether the client still waits for a response."""

    def add_callback(self, callback: Callable[[], None]) -> object:
        """Register a function that is called when the client goes away."""


class Model:
    """The state, and the threads that wait for it to change. ``at_end`` is run at the end of each change."""

    def __init__(self, root: Path, at_end: Callable[[Txn], None]) -> None:
        self.root = root
        self._path = root / SNAPSHOT
        self._at_end = at_end
        self._snapshots = Snapshots()
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self.state = self._read()
        self.closed = False

    @contextmanager
    def change(self, name: str = "") -> Iterator[Txn]:
        """Yield a copy of the state, which becomes the state when the block ends without an error."""
        with self.lock:
            with self.trial(name) as txn:
                yield txn
            self._write(txn)
            self.state = txn
            self._changed.notify_all()

    @contextmanager
    def trial(self, name: str) -> Iterator[Txn]:
        """Yield a copy of the state, which is discarded. Raises PachError if it could not become the state."""
        with self.lock:
            txn = copy_of(self.state, name)
            yield txn
            self._at_end(txn)

    def wake(self) -> None:
        """Make all threads that wait check again what they wait for."""
        with self.lock:
            self._changed.notify_all()

    def wait(self, ready: Callable[[State], T | None], seconds: float | None = None) -> T | None:
        """Wait until ``ready`` returns a value and return it; None after some seconds. It is called at each change."""
        end = None if seconds is None else time.monotonic() + seconds
        with self.lock:
            while (answer := ready(self.state)) is None:
                remaining = None if end is None else end - time.monotonic()
                if remaining is not None and remaining <= 0:
                    return None
                self._changed.wait(remaining)
            return answer

    def wait_for(self, caller: Caller, ready: Callable[[State], T | None]) -> T:
        """Wait for a client until ``ready`` returns a value. Raises UnavailableError if server or client end first."""

        def checked(state: State) -> T | None:
            found = ready(state)
            if found is None and self.closed:
                raise UnavailableError("the server is shutting down")
            if found is None and not caller.is_active():
                raise UnavailableError("the client cancelled the call")
            return found

        caller.add_callback(self.wake)
        found = self.wait(checked)
        assert found is not None  # noqa: S101  # it has no time limit
        return found

    def close(self) -> None:
        """Wake all threads that wait, when the server stops."""
        self.closed = True
        self.wake()

    def _write(self, state: State) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(self._snapshots.text(state), encoding="utf-8")
        temporary.replace(self._path)

    def _read(self) -> State:
        try:
            return from_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if (self.root / "objects").exists():
                raise UnreadableSnapshotError(
                    f"{self.root} has contents but no {SNAPSHOT}: restore the file, or use another --root"
                ) from None
            state = empty_state()
            self._write(state)
            return state
        except ValueError as error:
            raise UnreadableSnapshotError(
                f"{self._path} cannot be read and was left as it is: {error}. Restore it, or use another --root"
            ) from error
