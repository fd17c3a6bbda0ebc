"""The contents of files; each part is stored once under its own digest.

Small parts are rows of a SQLite file, large parts are files: ten thousand small files are one transaction instead of
ten thousand file creations, and a large file never has to fit in memory. Parts are written before the metadata that
references them and are removed only by `collect`, so a kill can leave garbage but never a missing part.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store import schema
from localpach.store.database import close_sqlite, open_sqlite, snapshot

SMALL = 64 * 1024
PART = 4 * 1024 * 1024
PENDING_LIMIT = 4 * 1024 * 1024
READ_SIZE = 1024 * 1024
CONTENTS = "contents.db"
OBJECTS = "objects"


class Files(Protocol):
    """The packed parts of files that are read, by name."""

    files: dict[str, bytes]


class Contents:
    def __init__(self, root: Path, *, fsync: bool = True) -> None:
        self._root = root
        self._objects = root / OBJECTS
        self._incoming = root / "incoming"
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        self._fsync = fsync
        self._db = open_sqlite(root / CONTENTS, schema.CONTENT, fsync=fsync)
        self._lock = threading.Lock()
        self._leased: Counter[bytes] = Counter()
        self._reading: WeakSet[Files] = WeakSet()
        self._collecting = False
        self._released_during_collection: set[bytes] = set()
        self._serial = 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a writer whose parts are leased, i.e. not collected, until the block ends."""
        session = Session(self)
        try:
            yield session
        finally:
            self._release(session.digests)

    def keep(self, files: Files) -> None:
        """Protect the parts of some files from collection while ``files`` exists.

        Call it in the transaction that has found them, since their commits can be deleted after it.
        """
        with self._lock:
            self._reading.add(files)

    def read(self, parts: bytes, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a content from an offset, in pieces of at most one MiB.

        Raises DataLossError if a part is missing or its digest does not match.
        """
        for digest, size in parts_of.unpack(parts):
            if offset >= size:
                offset -= size
                continue
            yield from self._read_part(digest, size, offset)
            offset = 0

    def hash(self, parts: bytes) -> bytes:
        """Return the digest of a whole content, however it is divided into parts."""
        if len(parts) == parts_of.RECORD_SIZE:
            return parts[: parts_of.DIGEST_SIZE]
        if not parts:
            return parts_of.EMPTY_DIGEST
        key = parts_of.digest(parts)
        with self._lock:
            found = self._db.execute("SELECT digest FROM joined WHERE parts = ?", (key,)).fetchone()
        if found is not None:
            return bytes(found[0])
        whole = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
        for piece in self.read(parts):
            whole.update(piece)
        self.store_hash(parts, whole.digest())
        return whole.digest()

    def store_hash(self, parts: bytes, whole: bytes) -> None:
        """Store the digest of a content of several parts, so that it does not have to be read again."""
        key = parts_of.digest(parts)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO joined VALUES (?, ?)", (key, whole))

    def collect(self, referenced: Callable[[], set[bytes]]) -> tuple[int, int]:
        """Delete the parts that are neither ``referenced`` nor read; return (number, bytes) deleted.

        ``referenced`` is called after the collection has started, so a part of a write that ends during the collection
        is either returned by it or protected by its lease, and so is a part of a commit that is opened from then on.
        """
        with self._lock:
            self._collecting = True
        try:
            live = referenced()
            with self._lock:
                reading = list(self._reading)
            for each in reading:
                for parts in each.files.values():
                    live.update(digest for digest, _ in parts_of.unpack(parts))
            return self._delete_all_except(live)
        finally:
            with self._lock:
                self._collecting = False
                self._released_during_collection.clear()

    def generation(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT number FROM generation").fetchone()[0])

    def record_generation(self, generation: int) -> None:
        """Record the generation of the metadata. If the disk is full, the next change records its own instead."""
        with self._lock, suppress(sqlite3.OperationalError):
            self._db.execute("UPDATE generation SET number = ?", (generation,))

    def close(self) -> None:
        with self._lock:
            close_sqlite(self._db)

    def lease(self, digest: bytes) -> None:
        with self._lock:
            self._leased[digest] += 1

    def store_small(self, pending: dict[bytes, bytes]) -> None:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT INTO small VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data"
                    " WHERE data != excluded.data",  # damaged
                    pending.items(),
                )
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def store_large(self, digest: bytes, data: bytes | memoryview) -> None:
        """Write one large part atomically, unless it exists undamaged."""
        final = self._path(digest)
        intact = False
        with suppress(OSError):
            intact = final.read_bytes() == data
        if not intact:
            with self._lock:
                self._serial += 1
                temporary = self._incoming / f"{self._serial}"
            temporary.write_bytes(data)
            self._sync(temporary)
            final.parent.mkdir(exist_ok=True)
            temporary.replace(final)
        self._sync(final, final.parent, self._objects)  # also for a part that another call is writing

    def _sync(self, *paths: Path) -> None:
        """Write files and folders to the disk, unless fsync is off."""
        for path in paths if self._fsync else ():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _path(self, digest: bytes) -> Path:
        text = digest.hex()
        return self._objects / text[:2] / text

    def _read_part(self, digest: bytes, size: int, offset: int) -> Iterator[bytes]:
        data = self._stored(digest, size)
        if data is None or parts_of.digest(data) != digest:
            raise DataLossError(
                f"content {digest.hex()} is {'lost' if data is None else 'damaged'}: push the same file again, or "
                "run the pipeline that wrote it again"
            )
        for start in range(offset, size, READ_SIZE):
            yield data[start : start + READ_SIZE]

    def _stored(self, digest: bytes, size: int) -> bytes | None:
        if size <= SMALL:
            with self._lock:
                found = self._db.execute("SELECT data FROM small WHERE digest = ?", (digest,)).fetchone()
            return None if found is None else found[0]
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError:
            return None

    def _release(self, digests: list[bytes]) -> None:
        with self._lock:
            for digest in digests:
                self._leased[digest] -= 1
                if not self._leased[digest]:
                    del self._leased[digest]
                if self._collecting:
                    self._released_during_collection.add(digest)

    def _delete_all_except(self, live: set[bytes]) -> tuple[int, int]:
        count = total = 0
        with snapshot(self._root / CONTENTS) as small:
            for digest, size in small.execute("SELECT digest, length(data) FROM small"):
                if digest not in live:
                    with self._lock:
                        if not self._is_leased(digest):
                            self._db.execute("DELETE FROM small WHERE digest = ?", (digest,))
                            count, total = count + 1, total + size
        for path in self._objects.glob("*/*"):
            digest = bytes.fromhex(path.name)
            if digest not in live:
                with self._lock:
                    if not self._is_leased(digest):
                        size = path.stat().st_size
                        path.unlink()
                        count, total = count + 1, total + size
        return count, total

    def _is_leased(self, digest: bytes) -> bool:
        return digest in self._leased or digest in self._released_during_collection


class Session:
    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._pending: dict[bytes, bytes] = {}
        self._pending_size = 0
        self.digests: list[bytes] = []

    def add(self, data: bytes) -> bytes:
        """Store some bytes; return their packed parts."""
        if not data:
            return parts_of.EMPTY
        if len(data) <= PART:
            return self._add_part(data)
        view = memoryview(data)
        return b"".join(self._add_part(view[start : start + PART]) for start in range(0, len(data), PART))

    def lease(self, parts: bytes) -> None:
        """Protect parts that are already stored from collection."""
        for digest, _ in parts_of.unpack(parts):
            self._contents.lease(digest)
            self.digests.append(digest)

    def flush(self) -> None:
        """Write the parts that are still in memory. Call it before the metadata references them."""
        if self._pending:
            self._contents.store_small(self._pending)
            self._pending = {}
            self._pending_size = 0

    def _add_part(self, data: bytes | memoryview) -> bytes:
        digest = parts_of.digest(data)
        self._contents.lease(digest)
        self.digests.append(digest)
        if len(data) > SMALL:
            self._contents.store_large(digest, data)
        elif digest not in self._pending:
            self._pending[digest] = bytes(data)
            self._pending_size += len(data)
            if self._pending_size > PENDING_LIMIT:
                self.flush()
        return parts_of.pack(digest, len(data))
