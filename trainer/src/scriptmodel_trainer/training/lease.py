"""Keeps two runs out of one state folder: a file names the owner, who rewrites it while the run lives (a heartbeat).

A lock of the file system alone is not enough: some file systems have none, and some keep that of a machine that is
gone. So whoever finds an owner whose heartbeat is too old takes over; on the same machine a free lock says at once
that the owner was killed. Ages are differences of times that the file server wrote, so clocks need not agree.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from scriptmodel_trainer.errors import BadInputError, WriteError
from scriptmodel_trainer.storage.files import converted, parse_json, read_bounded

BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0
_OWNER, _LOCK = "owner.json", "owner.lock"
_MOST_OWNER = 1 << 16  # bytes
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns a state folder. `term` grows with each owner; `note` is what the owner says of its run."""

    id: str = ""
    term: Annotated[int, Meta(ge=0, lt=1 << 40)] = 0
    machine: str = ""
    note: dict[str, Any] = dataclasses.field(default_factory=dict)


class Lease:
    """Ownership of a folder, kept up by a thread; `note` returns what each heartbeat stores."""

    def __init__(
        self,
        folder: Path,
        note: Callable[[], dict[str, Any]],
        beat_seconds: float = BEAT_SECONDS,
        stale_seconds: float = STALE_SECONDS,
    ) -> None:
        self._folder = folder
        self._note = note
        self._beat_seconds = beat_seconds
        self._stale_seconds = stale_seconds
        self._own = Owner(uuid.uuid4().hex, 0, _machine())
        self._lock = -1
        self._renewing = threading.Lock()
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="state-heartbeat", daemon=True)

    def acquire(self, on_wait: Callable[[], None]) -> Owner | None:
        """Wait until the folder is free and own it; returns the owner who did not release it, if there was one.

        `on_wait` is called once if another run has to be waited for. Raises OSError if the folder cannot be written to.
        """
        self._lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        started, waited = time.monotonic(), False
        while not self._free(previous := self._read(), time.monotonic() - started):
            if not waited:
                on_wait()
                waited = True
            time.sleep(min(1.0, self._beat_seconds))
        self._own = dataclasses.replace(self._own, term=(previous.term if previous else 0) + 1)
        self.renew()
        if waited:  # another may have waited, too: the later writer owns the folder
            time.sleep(min(1.0, self._beat_seconds))
        self.require()
        self._thread.start()
        return previous

    def require(self) -> None:
        """Raise WriteError if another run owns the folder by now."""
        try:
            lost = self._lost()
        except OSError:  # unreadable for the moment, which is not another's doing
            return
        if lost:
            raise WriteError(
                f"another training took over the state in {self._folder}",
                "this one was silent for too long; it ends and leaves the state to the other",
            )

    def renew(self) -> None:
        """Store a heartbeat now."""
        part = self._folder / f".{_OWNER}.{self._own.id}.part"
        with self._renewing:
            text = json.dumps(dataclasses.asdict(dataclasses.replace(self._own, note=self._note())))
            try:
                part.write_text(text, "utf-8")
                part.replace(self._folder / _OWNER)
            finally:
                part.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others own the folder at once."""
        self._released.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(OSError):
            if self._own.term and not self._lost():
                (self._folder / _OWNER).unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _free(self, owner: Owner | None, waited: float) -> bool:
        """Return whether nobody owns the folder, or an owner that is dead; `waited` is in seconds."""
        locked = self._try_lock()
        if owner is None:  # whoever holds the lock is about to write its name, or is gone
            return locked is not False or waited > self._stale_seconds
        return (locked is True and owner.machine == self._own.machine) or self._age() > self._stale_seconds

    def _try_lock(self) -> bool | None:
        """Return whether this process holds the lock now; None on a file system without locks."""
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True

    def _age(self) -> float:
        """Seconds since the last heartbeat, by the clock of the file server."""
        probe = self._folder / f".{_OWNER}.{self._own.id}.part"
        probe.write_bytes(b"now")
        try:
            with (self._folder / _OWNER).open("rb") as file:  # opening it asks the server, a bare stat may not
                return probe.stat().st_mtime - os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return float("inf")
        finally:
            probe.unlink(missing_ok=True)

    def _lost(self) -> bool:
        """Return whether another owns the folder: one of a later term, or whoever wrote last in this term."""
        found = self._read()
        return found is not None and found.id != self._own.id and found.term >= self._own.term

    def _read(self) -> Owner | None:
        """Return who owns the folder; a file that cannot be understood names an owner who lives by its age alone."""
        try:
            return converted(parse_json(read_bounded(self._folder / _OWNER, _MOST_OWNER)), Owner)
        except FileNotFoundError:
            return None
        except (ValueError, BadInputError):
            return Owner()

    def _beat(self) -> None:
        while not self._released.wait(self._beat_seconds):
            with contextlib.suppress(OSError):  # a save that fails for the same reason warns
                if self._lost():
                    return
                self.renew()


def _machine() -> str:
    """Identify the running kernel: pods on one node have the same, a restarted node has another."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return uuid.uuid4().hex  # no two are alike: only the age of a heartbeat counts then
