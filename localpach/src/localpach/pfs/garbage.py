"""Garbage collection of contents that no commit references."""

import logging
import threading

from localpach.pfs import temporary
from localpach.store import parts as parts_of
from localpach.store.contents import Contents
from localpach.store.database import Database, snapshot
from localpach.store.disk import log_error

log = logging.getLogger(__name__)
PERIOD_SECONDS = 600.0


def collect(db: Database, contents: Contents) -> tuple[int, int]:
    """Delete the contents that nothing references; return (parts, bytes) deleted."""
    with db.write() as txn:
        temporary.expire(txn)
    return contents.collect(lambda: _referenced(db))


def _referenced(db: Database) -> set[bytes]:
    """Return the digests of the parts that the metadata references. Calls can change it meanwhile."""
    found: set[bytes] = set()
    with snapshot(db.path) as connection:
        for table in ("files", "totals", "fileset_files"):
            for (parts,) in connection.execute(f"SELECT parts FROM {table} WHERE parts IS NOT NULL"):
                found.update(digest for digest, _ in parts_of.unpack(parts))
    return found


class GarbageCollector:
    def __init__(self, db: Database, contents: Contents) -> None:
        self._db = db
        self._contents = contents
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="garbage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after a collection in progress has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_SECONDS):
            try:
                count, size = collect(self._db, self._contents)
            except Exception as error:  # the next round retries
                log_error(log, "garbage collection failed", error)
                continue
            if count:
                log.info("deleted %d unreferenced parts (%d bytes)", count, size)
