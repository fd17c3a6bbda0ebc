"""The metadata: one SQLite file in WAL mode, one connection, one transaction at a time.

Changes that belong together are written in one transaction, so a kill at any moment leaves all of them or none. A
single connection is not a bottleneck: the interpreter runs one thread at a time anyway, and transactions only read and
write rows.
"""

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from localpach.store import schema

T = TypeVar("T")


class DamagedStoreError(Exception):
    """An error because the store is damaged; a damaged store is not served."""


def open_sqlite(path: Path, tables: str, *, fsync: bool) -> sqlite3.Connection:
    """Open or create a database with the given tables.

    Raises DamagedStoreError if the file is not an intact database of this format version, and sqlite3.OperationalError
    if it cannot be read or written.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -32768")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if not found and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {schema.VERSION}; COMMIT;")
            found = schema.VERSION
        if found != schema.VERSION:
            raise DamagedStoreError(
                f"{path} has format {found}, but this localpach supports format {schema.VERSION}: use the localpach "
                "that wrote it, or another --root"
            )
        result = connection.execute("PRAGMA quick_check(3)").fetchall()
    except sqlite3.OperationalError:  # e.g. a full disk
        raise
    except sqlite3.DatabaseError as error:
        raise DamagedStoreError(f"{path} cannot be read: {error}") from error
    if result != [("ok",)]:
        raise DamagedStoreError(f"{path} is damaged: " + "; ".join(str(row[0]) for row in result))
    return connection


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a consistent view of a database in use, on a connection of its own: a long scan delays no call."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield connection


def close_sqlite(connection: sqlite3.Connection) -> None:
    """Checkpoint the write-ahead log, unless the disk is full, and close a database."""
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@dataclass
class Txn:
    """One transaction: its connection, the id that its new commits get, and the work that is deferred to its end."""

    db: sqlite3.Connection
    set_id: str
    now: int
    moved_branches: dict[int, None] = field(default_factory=dict)
    new_downstream: bool = False
    changed_keys: set[Hashable] = field(default_factory=set)
    reading: bool = False
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def run_after_commit(self, action: Callable[[], None]) -> None:
        """Run an update of in-memory state once the transaction commits; run it now if the transaction only reads."""
        if self.reading:
            action()
        else:
            self.after_commit.append(action)

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self.db.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, values).fetchall()

    def first(self, make: Callable[[tuple[Any, ...]], T], sql: str, *values: object) -> T | None:
        """Return what ``make`` makes of the first row of a query, None if there is no row."""
        found = self.row(sql, *values)
        return None if found is None else make(found)

    def all(self, make: Callable[[tuple[Any, ...]], T], sql: str, *values: object) -> list[T]:
        """Return what ``make`` makes of each row of a query."""
        return [make(row) for row in self.db.execute(sql, values)]


class ChangeNotifier:
    """A notifier that wakes the threads that wait for a change of a key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[Hashable, set[threading.Event]] = {}
        self.closed = False

    @contextmanager
    def subscribe(self, key: Hashable) -> Iterator[threading.Event]:
        """Yield an event that is set at each later change of a key."""
        event = threading.Event()
        with self._lock:
            self._events.setdefault(key, set()).add(event)
            if self.closed:
                event.set()
        try:
            yield event
        finally:
            with self._lock:
                self._events[key].discard(event)
                if not self._events[key]:
                    del self._events[key]

    def notify(self, keys: set[Hashable]) -> None:
        """Wake the threads that wait for any of the keys."""
        with self._lock:
            for key in keys & self._events.keys():
                for event in self._events[key]:
                    event.set()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            for events in self._events.values():
                for event in events:
                    event.set()


class Database:
    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        self.path = path
        self._connection = open_sqlite(path, schema.METADATA, fsync=fsync)
        self._lock = threading.RLock()
        self.notifier = ChangeNotifier()
        self.end_hooks: list[Callable[[Txn], None]] = []
        self.on_commit: Callable[[int], None] = lambda _generation: None

    def generation(self) -> int:
        with self.read() as txn:
            return int(txn.rows("SELECT number FROM generation")[0][0])

    @contextmanager
    def read(self) -> Iterator[Txn]:
        """Open a read transaction, which is a consistent view. It is always rolled back."""
        with self._lock:
            txn = self._begin("BEGIN")
            txn.reading = True
            try:
                yield txn
            finally:
                self._roll_back()

    @contextmanager
    def write(self, set_id: str | None = None) -> Iterator[Txn]:
        """Open a write transaction; it commits when the block ends and is rolled back when the block raises."""
        with self._lock:
            txn = self._begin("BEGIN IMMEDIATE", set_id)
            try:
                yield txn
                self._run_end_hooks(txn)
                generation = txn.rows("UPDATE generation SET number = number + 1 RETURNING number")[0][0]
                self._connection.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
            for action in txn.after_commit:
                action()
            self.on_commit(generation)
        self.notifier.notify(txn.changed_keys)

    @contextmanager
    def dry_run(self, set_id: str) -> Iterator[Txn]:
        """Open a write transaction that is always rolled back."""
        with self._lock:
            txn = self._begin("BEGIN IMMEDIATE", set_id)
            try:
                yield txn
                self._run_end_hooks(txn)
            finally:
                self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite itself rolls back after some errors, e.g. on a full disk
            self._connection.execute("ROLLBACK")

    def _run_end_hooks(self, txn: Txn) -> None:
        """Run the work that is deferred to the end of a transaction, which then sees all of its changes."""
        for action in self.end_hooks:
            action(txn)

    def close(self) -> None:
        self.notifier.close()
        with self._lock:
            close_sqlite(self._connection)

    def _begin(self, statement: str, set_id: str | None = None) -> Txn:
        self._connection.execute(statement)
        return Txn(self._connection, set_id or uuid.uuid4().hex, time.time_ns())
