"""The contents of files, each part stored once under its own digest.

Small parts are rows of a SQLite file, large ones files of a folder: ten thousand little files are then one
transaction and not ten thousand creations, and a large file passes through memory in pieces. Parts are written before
the metadata that names them and removed only by `collect`, so what a kill leaves behind is garbage and never a gap.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store import schema
from localpach.store.database import open_sqlite

SMALL = 64 * 1024
PART = 4 * 1024 * 1024
PENDING_LIMIT = 4 * 1024 * 1024
READ_SIZE = 1024 * 1024
REMEMBERED = 10_000


class Contents:
    """The content store under one folder."""

    def __init__(self, root: Path, *, fsync: bool = False) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for left_behind in self._incoming.iterdir():
            left_behind.unlink()
        self._fsync = fsync
        self._db = open_sqlite(root / "contents.db", schema.CONTENT, fsync=fsync)
        self._lock = threading.Lock()
        self._leased: Counter[bytes] = Counter()
        self._collecting = False
        self._released_late: set[bytes] = set()
        self._joined: OrderedDict[bytes, bytes] = OrderedDict()
        self._serial = 0

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A writer whose parts are safe from collection until the block ends."""
        session = Session(self)
        try:
            yield session
        finally:
            self._release(session.names)

    def read(self, parts: bytes, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a content from an offset, in pieces of at most a few MiB.

        Raises DataLossError when a part is missing or not what its name says.
        """
        for name, size in parts_of.unpack(parts):
            if offset >= size:
                offset -= size
                continue
            yield from self._read_part(name, size, offset)
            offset = 0

    def hash(self, parts: bytes) -> bytes:
        """The digest of a whole content, however it is divided into parts."""
        if len(parts) == parts_of.RECORD_SIZE:
            return parts[: parts_of.DIGEST_SIZE]
        if not parts:
            return parts_of.EMPTY_DIGEST
        known = self._recall(parts)
        if known is None:
            whole = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
            for piece in self.read(parts):
                whole.update(piece)
            known = whole.digest()
            self.remember_hash(parts, known)
        return known

    def remember_hash(self, parts: bytes, whole: bytes) -> None:
        """Keep the digest of a content of several parts, so that it need not be read to be known."""
        key = parts_of.digest(parts)
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO joined VALUES (?, ?)", (key, whole))
            self._keep(parts, whole)

    def missing(self, wanted: dict[bytes, int]) -> list[bytes]:
        """The parts, of those wanted with their sizes, that are not there or of another size."""
        with self._lock:
            small = dict(self._db.execute("SELECT digest, length(data) FROM small").fetchall())
        return [name for name, size in wanted.items() if self._size(name, size, small) != size]

    def collect(self, live: Callable[[], set[bytes]]) -> tuple[int, int]:
        """Remove the parts that ``live`` does not name; (number, bytes) removed.

        ``live`` is called after the start of the collection, so that a write that ends meanwhile is either in its
        answer or still leased.
        """
        with self._lock:
            self._collecting = True
        try:
            wanted = live()
            return self._remove_all_but(wanted)
        finally:
            with self._lock:
                self._collecting = False
                self._released_late.clear()

    def close(self) -> None:
        """Fold the journal into the file and close it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    def lease(self, name: bytes) -> None:
        """Keep a part from collection."""
        with self._lock:
            self._leased[name] += 1

    def store_small(self, pending: dict[bytes, bytes]) -> None:
        """Write small parts in one transaction."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR IGNORE INTO small VALUES (?, ?)", pending.items())
            except sqlite3.Error:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def store_large(self, name: bytes, data: bytes | memoryview) -> None:
        """Write one large part: whole, or not at all under its name."""
        final = self._path(name)
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

    def _size(self, name: bytes, expected: int, small: dict[bytes, int]) -> int | None:
        if expected <= SMALL:
            return small.get(name)
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            return None

    def _path(self, name: bytes) -> Path:
        text = name.hex()
        return self._objects / text[:2] / text

    def _read_part(self, name: bytes, size: int, offset: int) -> Iterator[bytes]:
        if size <= SMALL:
            with self._lock:
                found = self._db.execute("SELECT data FROM small WHERE digest = ?", (name,)).fetchone()
            if found is None or parts_of.digest(found[0]) != name:
                raise DataLossError(f"the store has lost or damaged content {name.hex()}")
            yield found[0][offset:]
            return
        check = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
        try:
            with self._path(name).open("rb") as file:
                position = 0
                while piece := file.read(READ_SIZE):
                    check.update(piece)
                    if position + len(piece) > offset:
                        yield piece[max(0, offset - position) :]
                    position += len(piece)
        except FileNotFoundError:
            raise DataLossError(f"the store has lost content {name.hex()}") from None
        if check.digest() != name:
            raise DataLossError(f"the store has damaged content {name.hex()}")

    def _recall(self, parts: bytes) -> bytes | None:
        with self._lock:
            if parts in self._joined:
                self._joined.move_to_end(parts)
                return self._joined[parts]
            found = self._db.execute("SELECT digest FROM joined WHERE parts = ?", (parts_of.digest(parts),)).fetchone()
            if found is None:
                return None
            self._keep(parts, found[0])
            whole: bytes = found[0]
            return whole

    def _keep(self, parts: bytes, whole: bytes) -> None:
        self._joined[parts] = whole
        if len(self._joined) > REMEMBERED:
            self._joined.popitem(last=False)

    def _release(self, names: list[bytes]) -> None:
        with self._lock:
            for name in names:
                self._leased[name] -= 1
                if not self._leased[name]:
                    del self._leased[name]
                if self._collecting:
                    self._released_late.add(name)

    def _remove_all_but(self, wanted: set[bytes]) -> tuple[int, int]:
        count = total = 0
        with self._lock:
            small = self._db.execute("SELECT digest, length(data) FROM small").fetchall()
        for name, size in small:
            if name not in wanted:
                with self._lock:
                    if not self._is_held(name):
                        self._db.execute("DELETE FROM small WHERE digest = ?", (name,))
                        count, total = count + 1, total + size
        for path in self._objects.glob("*/*"):
            name = bytes.fromhex(path.name)
            if name not in wanted:
                with self._lock:
                    if not self._is_held(name):
                        size = path.stat().st_size
                        path.unlink()
                        count, total = count + 1, total + size
        return count, total

    def _is_held(self, name: bytes) -> bool:
        return name in self._leased or name in self._released_late


class Session:
    """The parts written by one call."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._pending: dict[bytes, bytes] = {}
        self._pending_size = 0
        self.names: list[bytes] = []

    def add(self, data: bytes) -> bytes:
        """Store some bytes; the packed parts that stand for them."""
        if not data:
            return parts_of.EMPTY
        if len(data) <= PART:
            return self._add_part(data)
        view = memoryview(data)
        return b"".join(self._add_part(view[start : start + PART]) for start in range(0, len(data), PART))

    def hold(self, parts: bytes) -> None:
        """Keep parts that are stored already from collection."""
        for name, _ in parts_of.unpack(parts):
            self._contents.lease(name)
            self.names.append(name)

    def flush(self) -> None:
        """Write what is still in memory. To be called before the parts are named in the metadata."""
        if self._pending:
            self._contents.store_small(self._pending)
            self._pending = {}
            self._pending_size = 0

    def _add_part(self, data: bytes | memoryview) -> bytes:
        name = parts_of.digest(data)
        self._contents.lease(name)
        self.names.append(name)
        if len(data) > SMALL:
            self._contents.store_large(name, data)
        elif name not in self._pending:
            self._pending[name] = bytes(data)
            self._pending_size += len(data)
            if self._pending_size > PENDING_LIMIT:
                self.flush()
        return parts_of.pack(name, len(data))
