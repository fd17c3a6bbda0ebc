"""The metadata: one SQLite file in WAL mode, one connection, one transaction at a time.

Everything that must be true together is written in one transaction, so a kill at any moment leaves either all of
it or nothing. A single connection is no bottleneck here: the interpreter runs one thread at a time anyway, and no
transaction does more than look up and write rows.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localpach.store import schema


class DamagedStoreError(Exception):
    """The store cannot be trusted; nothing is served from it."""


def open_sqlite(path: Path, tables: str, *, fsync: bool) -> sqlite3.Connection:
    """Open or create a database with the given tables.

    Raises DamagedStoreError when the file is not a sound database of this version.
    """
    fresh = not path.exists() or path.stat().st_size == 0
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        connection.execute("PRAGMA cache_size = -32768")
        if fresh:
            connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {schema.VERSION}; COMMIT;")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found != schema.VERSION:
            raise DamagedStoreError(
                f"{path} has format {found}, this localpach reads format {schema.VERSION}: use another --root"
            )
        verdict = connection.execute("PRAGMA quick_check(3)").fetchall()
    except sqlite3.DatabaseError as error:
        raise DamagedStoreError(f"{path} cannot be read: {error}") from error
    if verdict != [("ok",)]:
        raise DamagedStoreError(f"{path} is damaged: " + "; ".join(str(row[0]) for row in verdict))
    return connection


@dataclass
class Txn:
    """One transaction: its connection, the id that new commits get, and what is to be done at its end."""

    db: sqlite3.Connection
    set_id: str
    now: int
    propagated: dict[int, None] = field(default_factory=dict)
    new_downstream: bool = False
    stopped_sets: list[str] = field(default_factory=list)
    touched: set[Hashable] = field(default_factory=set)
    reading: bool = False
    after_commit: list[Callable[[], None]] = field(default_factory=list)

    def when_kept(self, action: Callable[[], None]) -> None:
        """Do something in memory that is right only if this transaction is kept; at once if it changes nothing."""
        if self.reading:
            action()
        else:
            self.after_commit.append(action)

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """The first row of a query."""
        found: tuple[Any, ...] | None = self.db.execute(sql, values).fetchone()
        return found

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.db.execute(sql, values).fetchall()


class Changes:
    """Lets threads wait for a change of one thing; woken by the transaction that made it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, set[threading.Event]] = {}
        self.closed = False

    @contextmanager
    def watching(self, *keys: Hashable) -> Iterator[threading.Event]:
        """An event that is set whenever one of the keys changes, from now on."""
        event = threading.Event()
        with self._lock:
            for key in keys:
                self._waiting.setdefault(key, set()).add(event)
            if self.closed:
                event.set()
        try:
            yield event
        finally:
            with self._lock:
                for key in keys:
                    waiting = self._waiting[key]
                    waiting.discard(event)
                    if not waiting:
                        del self._waiting[key]

    def notify(self, keys: set[Hashable]) -> None:
        """Wake those who wait for any of the keys."""
        with self._lock:
            for key in keys & self._waiting.keys():
                for event in self._waiting[key]:
                    event.set()

    def close(self) -> None:
        """Wake everybody, for good."""
        with self._lock:
            self.closed = True
            for events in self._waiting.values():
                for event in events:
                    event.set()


class Database:
    """The metadata store."""

    def __init__(self, path: Path, *, fsync: bool = False) -> None:
        self._connection = open_sqlite(path, schema.METADATA, fsync=fsync)
        self._lock = threading.RLock()
        self.changes = Changes()
        self.finishers: list[Callable[[Txn], None]] = []

    @contextmanager
    def read(self) -> Iterator[Txn]:
        """A consistent view; whatever is written in it is undone."""
        with self._lock:
            txn = self._begin("BEGIN")
            txn.reading = True
            try:
                yield txn
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def write(self, set_id: str | None = None) -> Iterator[Txn]:
        """A transaction: kept as a whole when the block ends, undone as a whole when it raises."""
        with self._lock:
            txn = self._begin("BEGIN IMMEDIATE", set_id)
            try:
                yield txn
                self.finish(txn)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            for action in txn.after_commit:
                action()
        self.changes.notify(txn.touched)

    @contextmanager
    def trial(self, set_id: str) -> Iterator[Txn]:
        """Like `write`, but undone also when all went well."""
        with self._lock:
            txn = self._begin("BEGIN IMMEDIATE", set_id)
            try:
                yield txn
                self.finish(txn)
            finally:
                self._connection.execute("ROLLBACK")

    def finish(self, txn: Txn) -> None:
        """Do what was put off to the end of the transaction, so that it sees all of its changes at once."""
        for action in self.finishers:
            action(txn)

    def close(self) -> None:
        """Fold the journal into the file and close it."""
        self.changes.close()
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    def _begin(self, statement: str, set_id: str | None = None) -> Txn:
        self._connection.execute(statement)
        return Txn(self._connection, set_id or uuid.uuid4().hex, time.time_ns())
