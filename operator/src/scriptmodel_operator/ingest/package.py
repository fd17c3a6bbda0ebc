"""A downloaded file as the files of a corpus, read by a process of its own (reader.py). Blocking.

A reader can be killed at any moment: when the object is deleted, when the operator ends, when it takes too long. Only
its frames are parsed here. What they say is checked again, since a parser that was taken over could say anything.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from scriptmodel_operator.ingest.archive import Options
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.receive import files_received

READER = (sys.executable, "-I", "-m", "scriptmodel_operator.ingest.reader")


@dataclass(frozen=True, slots=True)
class Digest:
    """Digest and size of a file's content."""

    size: int
    sha256: str


def digest_of(pieces: Iterator[bytes]) -> Digest:
    """Compute both from content that arrives in pieces."""
    size, hashed = 0, hashlib.sha256()
    for piece in pieces:
        size += len(piece)
        hashed.update(piece)
    return Digest(size, hashed.hexdigest())


def files_by_reader(file: BinaryIO, options: Options, cancelled: threading.Event) -> FileStream:
    """Yield the files of a corpus, read in a process of its own; what is not read of a file is skipped.

    Raises SourceError for the first entry that is refused, DeliveryCancelledError once `cancelled` is set.
    """
    with _reader(file, options) as process:
        yield from files_received(process, cancelled, options)


def manifest_of(files: FileStream) -> Mapping[str, Digest]:
    """Return size and digest of each file by path. Reads everything, one piece in memory at a time."""
    return {path: digest_of(pieces) for path, pieces in files}


@contextmanager
def _reader(file: BinaryIO, options: Options) -> Iterator[subprocess.Popen[bytes]]:
    """Start a reader of the file; kill its process group at the end."""
    file.flush()
    descriptor = _read_only(file)
    try:
        process = subprocess.Popen(
            (*READER, options.to_json()),
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={},
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read_only(file: BinaryIO) -> int:
    """Open the file once more, so that the reader can neither write to it nor move the offset of this process."""
    try:
        return os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # not on Linux
        return os.dup(file.fileno())
