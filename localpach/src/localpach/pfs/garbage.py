"""Collecting contents that no commit has any more."""

from __future__ import annotations

import logging
import threading

from localpach.pfs import temporary
from localpach.store.checking import named_parts
from localpach.store.contents import Contents
from localpach.store.database import Database

log = logging.getLogger(__name__)
PERIOD_SECONDS = 600.0


def collect(db: Database, contents: Contents) -> tuple[int, int]:
    """Remove what nothing names; (parts, bytes) removed."""
    with db.write() as txn:
        temporary.expire(txn)
    return contents.collect(lambda: set(named_parts(db)))


class GarbageCollector:
    """Collects from time to time, in a thread of its own."""

    def __init__(self, db: Database, contents: Contents) -> None:
        self._db = db
        self._contents = contents
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="garbage", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once a collection under way is through."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            try:
                count, size = collect(self._db, self._contents)
            except Exception:  # the next round tries again; serving goes on
                log.exception("the garbage could not be collected")
                continue
            if count:
                log.info("collected %d parts of %d bytes that no commit has any more", count, size)
