"""Uploads: a stream of additions, deletions and copies becomes the changes of one commit."""

import hashlib
import posixpath
from collections.abc import Callable, Iterator

from localpach.pfs.filesets import Changes, Snapshot
from localpach.pfs.listing import Entry
from localpach.pfs.paths import DEFAULT_DATUM, clean, split_key, validate
from localpach.store import parts as parts_of
from localpach.store.contents import PART, Contents, Session


class Upload:
    """The changes of an upload in progress. Contents are stored as they arrive, so memory stays bounded."""

    def __init__(self, contents: Contents, session: Session, parent: Callable[[], Snapshot]) -> None:
        self._contents = contents
        self._session = session
        self._parent = parent
        self._changes = Changes()
        self._path = ""
        self._datum = ""
        self._buffer = bytearray()
        self._parts = b""
        self._whole = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)

    def add(self, path: str, datum: str, data: bytes) -> None:
        validate(path)
        target = (clean(path), datum or DEFAULT_DATUM)
        if target != (self._path, self._datum):
            self._end_file()
            self._path, self._datum = target
        self._whole.update(data)
        start = min(len(data), -len(self._buffer) % PART)
        self._buffer += data[:start]
        if len(self._buffer) == PART:
            self._parts += self._session.add(bytes(self._buffer))
            self._buffer = bytearray()
        end = start + (len(data) - start) // PART * PART
        if end > start:
            self._parts += self._session.add(data[start:end])
        self._buffer += data[end:]

    def delete(self, path: str, datum: str) -> None:
        """Delete a file, or with a trailing slash everything in a directory."""
        validate(path)
        self._end_file()
        datum = datum or DEFAULT_DATUM
        if not path.endswith("/"):
            self._changes.delete(clean(path), datum)
            return
        cleaned = clean(path)
        prefix = cleaned if cleaned == "/" else cleaned + "/"
        self._changes.delete_added_below(prefix)
        for name in self._parent().starting_with(prefix):
            self._changes.delete(split_key(name)[0], datum)

    def copy(self, source: str, target: str, entries: Iterator[Entry], datum: str, *, append: bool) -> None:
        """Copy files that are already stored, moving their paths from ``source`` to ``target``."""
        self._end_file()
        datum = datum or DEFAULT_DATUM
        for entry in entries:
            if entry.is_dir:
                continue
            path = posixpath.normpath(posixpath.join(target, posixpath.relpath(entry.path, source)))
            if not append:
                self._changes.delete(path, datum)
            self._session.lease(entry.parts)
            self._changes.append(path, datum, entry.parts)

    def finish(self) -> Changes:
        """Store all remaining contents and return the changes."""
        self._end_file()
        self._session.flush()
        return self._changes

    def _end_file(self) -> None:
        if self._path and self._path != "/":
            parts = self._parts + self._session.add(bytes(self._buffer))
            self._changes.append(self._path, self._datum, parts)
            if len(parts) > parts_of.RECORD_SIZE:
                self._contents.store_hash(parts, self._whole.digest())
        self._path = self._datum = ""
        self._buffer = bytearray()
        self._parts = b""
        self._whole = hashlib.blake2b(digest_size=parts_of.DIGEST_SIZE)
