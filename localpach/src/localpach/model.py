"""The model: one state in memory, changed by one call at a time, and its snapshot on the disk.

A change is made to a copy of the state. The snapshot of the copy is written whole and renamed before the copy becomes
the state, so a kill at any moment leaves all changes of a call or none, and nothing that was acknowledged is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from localpach.errors import PachError, UnavailableError
from localpach.messages import shown
from localpach.state import State, Txn, copy_of, empty_state, from_json, to_json

T = TypeVar("T")
SNAPSHOT = "snapshot.json"


class UnreadableSnapshotError(Exception):
    """An error because the snapshot of a root folder cannot be read; the folder is left as it is."""


class Model:
    """The state, and the threads that wait for it to change. ``at_end`` is run at the end of each change."""

    def __init__(self, root: Path, at_end: Callable[[Txn], None]) -> None:
        self.root = root
        self._path = root / SNAPSHOT
        self._at_end = at_end
        self._converted: dict[int, tuple[Any, str]] = {}
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

    def wait_for(self, caller: Any, kind: str, name: str, ended: Callable[[Any], bool]) -> Any:
        """Wait for the client of a gRPC context until a message has ended, and return it.

        Raises PachError if it is deleted, UnavailableError if the server or the client ends first.
        """

        def ready(state: State) -> Any:
            found = getattr(state, kind).get(name)
            if found is None:
                raise PachError(f"{shown(name)} was deleted")
            if ended(found):
                return found
            if self.closed or not caller.is_active():
                raise UnavailableError("the server is shutting down, or the client cancelled the call")
            return None

        caller.add_callback(self.wake)
        return self.wait(ready)

    def close(self) -> None:
        """Wake all threads that wait, when the server stops."""
        self.closed = True
        self.wake()

    def _write(self, state: State) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(to_json(state, self._converted), encoding="utf-8")
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
