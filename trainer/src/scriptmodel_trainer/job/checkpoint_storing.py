"""Keeps the trainer's state in the bucket while it trains, and fetches that of an earlier attempt.

An object holds the newest file of the state and the training's log. Its first 1,024 bytes are JSON, filled with spaces:
the number of the object in its attempt, and name, size and SHA-256 of each file.
"""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, NamedTuple, Self

import msgspec
from msgspec import Meta, Struct

from scriptmodel_trainer.artifacts.model_directory import LOG
from scriptmodel_trainer.errors import WriteError
from scriptmodel_trainer.job.document import Document
from scriptmodel_trainer.job.inputs import Read, write_files
from scriptmodel_trainer.job.manifest import Digest, File, Size, canonical
from scriptmodel_trainer.job.transfers import CHUNK, AbandonedError, RefusedError, Transfers
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress

_POLL_SECONDS = 1.0
_HEADER = 1024  # bytes
_MISSING = 404
_STATE = rf"^(\d{{4,9}}(\.\d{{1,4}})?/)?(checkpoint-[ab]\.safetensors|{LOG})\Z"


class _Kept(Struct, frozen=True):
    """A file of the state, by its path below the state's folder."""

    path: Annotated[str, Meta(pattern=_STATE)]
    sha256: Digest
    size: Size


class _Header(Struct, frozen=True):
    """What an object holds; of two the one with the higher counter is newer."""

    schema: Literal[1]
    counter: Annotated[int, Meta(ge=1, lt=1 << 50)]
    files: Annotated[tuple[_Kept, ...], Meta(min_length=1, max_length=2)]


class _State(NamedTuple):
    """A checkpoint in the folder, and when it was written, in nanoseconds."""

    written: int
    path: Path


class StoredCheckpoints:
    """As a context manager, stores each new state in a thread, with the log of the job; a failure only warns."""

    def __init__(self, folder: Path, transfers: Transfers, progress: Progress, log: Callable[[], bytes]) -> None:
        """`folder` is that of the state, `log` returns the log of the job."""
        self._folder = folder
        self._transfers = transfers
        self._progress = progress
        self._log = log
        self._counter = 1
        self._opened: _State | None = None
        self._stored: _State | None = None
        self._failed = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="checkpoints", daemon=True)

    def restore(self, document: Document) -> None:
        """Fetch the newest whole state of this attempt or an earlier one, if there is one."""
        for pair in range(len(document.checkpoints.read)):
            found = [(header, read) for read in self._readers(pair) if (header := self._header(read))]
            for header, read in sorted(found, key=lambda each: each[0].counter, reverse=True):
                if self._restored(header, read):
                    return

    def store(self) -> None:
        """Store the newest state, unless it is stored, and the log with it; warns once until it succeeds."""
        if self._newest() in (None, self._stored):
            return
        side = self._counter % 2
        try:
            self._transfers.put("the checkpoint", lambda renewed: renewed.checkpoints.write[1 - side], self._content)
            self._counter, self._stored, self._failed = self._counter + 1, self._opened, False
            self._transfers.put_bytes("the log", lambda renewed: renewed.output.log, self._log())
        except FileNotFoundError:  # the training has ended and removed it
            return
        except (WriteError, OSError) as error:
            self._stored = self._opened  # tried again with the next one
            if not self._failed:
                reason = error.message if isinstance(error, WriteError) else str(error)
                self._progress.report(Warned("state-unwritable", f"{reason}; a restart loses what was not saved"))
            self._failed = True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._transfers.interrupted.set()
        self._thread.join()
        self._transfers.interrupted.clear()

    def _follow(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            try:
                self.store()
            except AbandonedError:
                return

    def _newest(self) -> _State | None:
        found = []
        for path in self._folder.rglob("checkpoint-[ab].safetensors"):
            with suppress(FileNotFoundError):
                found.append(_State(path.stat().st_mtime_ns, path))
        return max(found, default=None)

    def _content(self) -> tuple[int, Iterator[bytes]]:
        """Open the newest state, which may be newer than that of the last try, and stays open if it is deleted."""
        newest = self._opened = self._newest()
        if newest is None:
            raise FileNotFoundError
        paths = [path for path in (newest.path, newest.path.with_name(LOG)) if path.exists()]
        files = [path.open("rb") for path in paths]
        kept = [
            {
                "path": str(path.relative_to(self._folder)),
                "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
                "size": file.tell(),
            }
            for path, file in zip(paths, files, strict=True)
        ]
        header = canonical({"schema": 1, "counter": self._counter, "files": kept}).ljust(_HEADER)
        return _HEADER + sum(file.tell() for file in files), _chunks(header, files)

    def _readers(self, pair: int) -> list[Read]:
        """Return what reads the two objects of an earlier attempt."""
        what = "a checkpoint of an earlier attempt"
        urls = [lambda renewed, side=side: renewed.checkpoints.read[pair][side] for side in (0, 1)]
        return [partial(self._transfers.get, what, url_of) for url_of in urls]

    def _header(self, read: Read) -> _Header | None:
        """Return what an object holds; None if there is none, or it is damaged."""
        try:
            return msgspec.json.decode(b"".join(read(0, _HEADER)), type=_Header)
        except RefusedError as error:
            if error.status != _MISSING:
                self._warn_damaged(error)
        except (ValueError, RecursionError) as error:
            self._warn_damaged(error)
        return None

    def _restored(self, header: _Header, read: Read) -> bool:
        """Write the state of an object to the folder; False and a warning if it is damaged."""
        offsets = itertools.accumulate((kept.size for kept in header.files), initial=_HEADER)
        files = [
            File(offset, 0, f"/{kept.path}", kept.sha256, kept.size)
            for offset, kept in zip(offsets, header.files, strict=False)
        ]
        try:
            write_files(self._folder, files, read)
        except RefusedError as error:
            self._warn_damaged(error)
            for file in files:
                (self._folder / file.path[1:]).unlink(missing_ok=True)
            return False
        self._counter, self._stored = header.counter + 1, self._newest()
        return True

    def _warn_damaged(self, error: Exception) -> None:
        message = f"a checkpoint of an earlier attempt cannot be used: {error}; continuing from an older one, if any"
        self._progress.report(Warned("state-damaged", message))


def _chunks(header: bytes, files: Sequence[BinaryIO]) -> Iterator[bytes]:
    yield header
    for file in files:
        with file:
            file.seek(0)
            while chunk := file.read(CHUNK):
                yield chunk
