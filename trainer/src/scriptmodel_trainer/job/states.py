"""Keeps the trainer's state in the bucket while it trains, and fetches that of an earlier attempt.

An object is a tar of one checkpoint, of which two are written by turns, and of the training's log beside it. Whether a
checkpoint is whole is checked by the training that continues from it.
"""

import os
import re
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from scriptmodel_trainer.artifacts.model_directory import LOG, SLOTS
from scriptmodel_trainer.errors import WriteError
from scriptmodel_trainer.job.document import Document
from scriptmodel_trainer.job.transfers import CHUNK, AbandonedError, RefusedError, Transfers
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress

POLL_SECONDS = 1.0
_MISSING = 404
_END = bytes(2 * tarfile.BLOCKSIZE)
_STATE = re.compile(rf"(\d[\d.]*/)?({'|'.join(map(re.escape, (*SLOTS, LOG)))})")


class StoredStates:
    """As a context manager, stores each new state in a thread, with the log of the job; a failure only warns."""

    def __init__(self, folder: Path, transfers: Transfers, progress: Progress, log: Callable[[], bytes]) -> None:
        """`folder` is that of the state, `log` returns the log of the job."""
        self._folder = folder
        self._transfers = transfers
        self._progress = progress
        self._log = log
        self._stored: tuple[int, Path] | None = None
        self._failed = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="checkpoints", daemon=True)

    def restore(self, document: Document) -> None:
        """Fetch the checkpoints of the newest attempt that has any: this one, whose pod may be a second, or before."""
        for pair in range(len(document.checkpoints.read)):
            found = [self._restored(pair, side) for side in (0, 1)]
            if any(found):
                break
        self._stored = self._newest()

    def _restored(self, pair: int, side: int) -> bool:
        content = self._transfers.get("a checkpoint", lambda renewed: renewed.checkpoints.read[pair][side])
        try:
            with tarfile.open(fileobj=content, mode="r|") as tar:
                for member in tar:
                    self._extract(tar, member)
        except RefusedError as error:
            if error.status == _MISSING:
                return False
            self._warn("state-damaged", f"a checkpoint of an earlier attempt cannot be used: {error.message}")
        except tarfile.TarError as error:
            self._warn("state-damaged", f"a checkpoint of an earlier attempt cannot be used: {error}")
        else:
            return True
        return False

    def _extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write a file of a state, but for a log that is older than that of the other object.

        By hand, since Python 3.11 has filters of extraction from 3.11.4 on alone.
        """
        content = tar.extractfile(member) if _STATE.fullmatch(member.name) and member.isreg() else None
        if content is None:
            raise tarfile.ExtractError(f"{member.name[:200]!a} is no file of a state")
        path = self._folder / member.name
        if not path.exists() or path.stat().st_mtime < member.mtime:
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file, CHUNK)
            os.utime(path, (member.mtime, member.mtime))

    def store(self) -> None:
        """Store the newest state, unless it is stored, and the log with it; warns once until it succeeds."""
        newest = self._newest()
        if newest in (None, self._stored):
            return
        _, path = newest
        side = SLOTS.index(path.name)
        try:
            self._transfers.put(
                "the checkpoint", lambda renewed: renewed.checkpoints.write[side], lambda: _tar(self._folder, path)
            )
            self._failed = False
            self._transfers.put_bytes("the log", lambda renewed: renewed.output.log, self._log())
        except FileNotFoundError:  # the training has ended and removed it
            return
        except (WriteError, OSError) as error:  # tried again with the next one
            if not self._failed:
                reason = error.message if isinstance(error, WriteError) else str(error)
                self._warn("state-unwritable", f"{reason}; a restart loses what was not saved")
            self._failed = True
        self._stored = newest

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._transfers.interrupted.set()
        self._thread.join()
        self._transfers.interrupted.clear()

    def _follow(self) -> None:
        with suppress(AbandonedError):
            while not self._ended.wait(POLL_SECONDS):
                self.store()

    def _newest(self) -> tuple[int, Path] | None:
        """Return when the newest checkpoint was written, in nanoseconds, and its path."""
        found = []
        for path in self._folder.rglob("checkpoint-[ab].safetensors"):
            with suppress(FileNotFoundError):
                found.append((path.stat().st_mtime_ns, path))
        return max(found, default=None)

    def _warn(self, code: str, message: str) -> None:
        self._progress.report(Warned(code, message))


def _tar(folder: Path, checkpoint: Path) -> tuple[int, Iterator[bytes]]:
    """Open a checkpoint and the log beside it, which stay open if they are replaced; returns size and content."""
    parts = []
    for path in (checkpoint, checkpoint.with_name(LOG)):
        if path == checkpoint or path.exists():
            file = path.open("rb")
            status, info = os.fstat(file.fileno()), tarfile.TarInfo(str(path.relative_to(folder)))
            info.size, info.mtime = status.st_size, status.st_mtime
            parts.append((info.tobuf(tarfile.PAX_FORMAT), file, -info.size % tarfile.BLOCKSIZE))

    def content() -> Iterator[bytes]:
        for header, file, padding in parts:
            yield header
            with file:
                while chunk := file.read(CHUNK):
                    yield chunk
            yield bytes(padding)
        yield _END

    sizes = (len(header) + os.fstat(file.fileno()).st_size + padding for header, file, padding in parts)
    return sum(sizes) + len(_END), content()
