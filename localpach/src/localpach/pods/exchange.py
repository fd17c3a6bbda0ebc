"""What an attempt gives to its pod and takes from it: the inputs of its datum, and its output."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from localpach.errors import DiskFullError, UnavailableError
from localpach.messages import pps
from localpach.pfs.filesets import Changes
from localpach.pfs.listing import Tree
from localpach.pods.frames import File, receive, send
from localpach.pps.datums import Datum, DatumInput
from localpach.pps.execution import top
from localpach.run.tree import checked
from localpach.store import parts as parts_of
from localpach.store.contents import PART, Session
from localpach.store.disk import DISK_ERRORS, FULL, is_full


class DatumExchange:
    """The exchange of one datum, by whichever attempt. ``on_upload`` is called when an output has arrived.

    ``blocked`` says why an output cannot be stored.
    """

    def __init__(self, session: Session, datum: Datum, opener: Callable[[DatumInput], Tree]) -> None:
        self._session = session
        self._datum = datum
        self._opener = opener
        self._uploading = threading.Lock()
        self._committed = threading.Event()
        self._stopped = False
        self.stats = pps.ProcessStats()
        self.output = Changes()
        self.uploaded = threading.Event()
        self.blocked = ""
        self.on_upload: Callable[[], None] = lambda: None

    def restart(self) -> None:
        """Forget the measurements of an attempt before."""
        self.stats = pps.ProcessStats()

    def acknowledge(self) -> None:
        """Let the pod end: its output is committed."""
        self._committed.set()

    def stop(self) -> None:
        """End the calls that wait: the job was stopped, or the server stops."""
        self._stopped = True
        self._committed.set()

    def fetch(self) -> Iterator[bytes]:
        """Yield the frames of the inputs."""
        yield from send(self._inputs())

    def upload(self, frames: Iterator[bytes]) -> None:
        """Store an output; return when it is committed. The output of a repeated call is the same and is not read.

        Raises PachError and BrokenTransferError.
        """
        with self._uploading:
            if not self.uploaded.is_set():
                output = Changes()
                try:
                    self.stats.upload_bytes = receive(frames, lambda path: self._stored(path, output))
                except DISK_ERRORS as error:
                    if not is_full(error):
                        raise
                    self.blocked = FULL
                    raise DiskFullError(FULL) from None
                self.output, self.blocked = output, ""
                self.uploaded.set()
                self.on_upload()
        self._committed.wait()
        if self._stopped:
            raise UnavailableError("the server stops, or the job was stopped")

    def _inputs(self) -> Iterator[File]:
        for each in self._datum.inputs:
            tree = self._opener(each)
            for entry in tree.walk(top(each.path)):
                if not entry.is_dir:
                    pieces = () if each.empty_files else self._counted(tree.read(entry))
                    yield f"/{each.name}{entry.path}", pieces

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.stats.download_bytes += len(piece)
            yield piece

    @contextmanager
    def _stored(self, path: str, output: Changes) -> Iterator[Callable[[bytes], object]]:
        name = checked(path)
        parts, pending = bytearray(parts_of.EMPTY), bytearray()

        def write(piece: bytes) -> None:
            nonlocal pending
            pending += piece
            while len(pending) >= PART:  # the same parts as on one machine, so that equal files are stored once
                parts.extend(self._session.add(bytes(pending[:PART])))
                pending = pending[PART:]

        yield write
        parts += self._session.add(bytes(pending))
        output.append(name, self._datum.id, bytes(parts))
