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
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store import schema
from localpach.store.database import close_sqlite, open_sqlite

SMALL = 64 * 1024
PART = 4 * 1024 * 1024
PENDING_LIMIT = 4 * 1024 * 1024
READ_SIZE = 1024 * 1024
CACHED_HASHES = 10_000
CONTENTS = "contents.db"
OBJECTS = "objects"


class Contents:
    """The content store in one folder."""

    def __init__(self, root: Path, *, fsync: bool = False) -> None:
        self._objects = root / OBJECTS
        self._incoming = root / "incoming"
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        self._fsync = fsync
        self._db = open_sqlite(root / CONTENTS, schema.CONTENT, schema.CONTENT_CHANGES, fsync=fsync)
        self._lock = threading.Lock()
        self._leased: Counter[bytes] = Counter()
        self._collecting = False
        self._released_during_collection: set[bytes] = set()
        self._joined: OrderedDict[bytes, bytes] = OrderedDict()
        self._serial = 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a writer whose parts are leased, i.e. not collected, until the block ends."""
        session = Session(self)
        try:
            yield session
        finally:
            self._release(session.digests)

    def read(self, parts: bytes, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a content from an offset, in pieces of at most a few MiB.

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
        known = self._known_hash(parts)
        if known is None:
            whole = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
            for piece in self.read(parts):
                whole.update(piece)
            known = whole.digest()
            self.store_hash(parts, known)
        return known

    def store_hash(self, parts: bytes, whole: bytes) -> None:
        """Store the digest of a content of several parts, so that it does not have to be read again."""
        key = parts_of.digest(parts)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO joined VALUES (?, ?)", (key, whole))
            self._cache_hash(parts, whole)

    def missing(self, expected: dict[bytes, int]) -> list[bytes]:
        """Return those of the expected parts (digest to size) that do not exist or have another size."""
        with self._lock:
            small = dict(self._db.execute("SELECT digest, length(data) FROM small").fetchall())
        return [digest for digest, size in expected.items() if self._size(digest, size, small) != size]

    def collect(self, live: Callable[[], set[bytes]]) -> tuple[int, int]:
        """Delete the parts that ``live`` does not return; return (number, bytes) deleted.

        ``live`` is called after the collection has started, so a part of a write that ends during the collection is
        either returned by ``live`` or protected by its lease.
        """
        with self._lock:
            self._collecting = True
        try:
            return self._delete_all_except(live())
        finally:
            with self._lock:
                self._collecting = False
                self._released_during_collection.clear()

    def generation(self) -> int:
        """Return the recorded generation of the metadata."""
        with self._lock:
            return int(self._db.execute("SELECT number FROM generation").fetchone()[0])

    def record_generation(self, generation: int) -> None:
        """Record the generation of the metadata. If the disk is full, the next change records its own instead."""
        with self._lock, suppress(sqlite3.OperationalError):
            self._db.execute("UPDATE generation SET number = ?", (generation,))

    def close(self) -> None:
        """Checkpoint the write-ahead log and close the database."""
        with self._lock:
            close_sqlite(self._db)

    def lease(self, digest: bytes) -> None:
        """Protect a part from collection."""
        with self._lock:
            self._leased[digest] += 1

    def store_small(self, pending: dict[bytes, bytes]) -> None:
        """Write small parts in one transaction."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO small VALUES (?, ?)", pending.items())
                self._db.execute("COMMIT")
            except sqlite3.Error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def store_large(self, digest: bytes, data: bytes | memoryview) -> None:
        """Write one large part atomically."""
        final = self._path(digest)
        if final.exists():
            return
        with self._lock:
            self._serial += 1
            temporary = self._incoming / f"{self._serial}"
        with temporary.open("wb") as file:
            file.write(data)
            if self._fsync:
                file.flush()
                os.fdatasync(file.fileno())
        final.parent.mkdir(exist_ok=True)
        temporary.replace(final)
        if self._fsync:
            for folder in (final.parent, self._objects):
                _sync_folder(folder)

    def _size(self, digest: bytes, expected: int, small: dict[bytes, int]) -> int | None:
        if expected <= SMALL:
            return small.get(digest)
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def _path(self, digest: bytes) -> Path:
        return part_path(self._objects, digest)

    def _read_part(self, digest: bytes, size: int, offset: int) -> Iterator[bytes]:
        if size <= SMALL:
            with self._lock:
                found = self._db.execute("SELECT data FROM small WHERE digest = ?", (digest,)).fetchone()
            if found is None or parts_of.digest(found[0]) != digest:
                raise DataLossError(f"the store has lost or damaged content {digest.hex()}")
            yield found[0][offset:]
            return
        check = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
        try:
            with self._path(digest).open("rb") as file:
                position = 0
                while piece := file.read(READ_SIZE):
                    check.update(piece)
                    if position + len(piece) > offset:
                        yield piece[max(0, offset - position) :]
                    position += len(piece)
        except FileNotFoundError:
            raise DataLossError(f"the store has lost content {digest.hex()}") from None
        if check.digest() != digest:
            raise DataLossError(f"the store has damaged content {digest.hex()}")

    def _known_hash(self, parts: bytes) -> bytes | None:
        with self._lock:
            if parts in self._joined:
                self._joined.move_to_end(parts)
                return self._joined[parts]
            found = self._db.execute("SELECT digest FROM joined WHERE parts = ?", (parts_of.digest(parts),)).fetchone()
            if found is None:
                return None
            self._cache_hash(parts, found[0])
            whole: bytes = found[0]
            return whole

    def _cache_hash(self, parts: bytes, whole: bytes) -> None:
        self._joined[parts] = whole
        if len(self._joined) > CACHED_HASHES:
            self._joined.popitem(last=False)

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
        with self._lock:
            small = self._db.execute("SELECT digest, length(data) FROM small").fetchall()
        for digest, size in small:
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


def part_path(objects: Path, digest: bytes) -> Path:
    """Return the path of a large part below the folder of all."""
    text = digest.hex()
    return objects / text[:2] / text


def _sync_folder(folder: Path) -> None:
    """Write the entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Session:
    """The parts that one call writes."""

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
