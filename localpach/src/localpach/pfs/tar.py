"""Streaming of stored files as a tar archive, without loading a whole file into memory."""

import tarfile
from collections.abc import Callable, Iterable, Iterator

from localpach.pfs.listing import Entry

BLOCK = 512
SMALLEST_PIECE = 256 * 1024


def tar_stream(entries: Iterable[Entry], read: Callable[[Entry], Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the bytes of the archive in pieces of at least 256 KiB, except the last."""
    pending = bytearray()
    for entry in entries:
        pending += _header(entry)
        if not entry.is_dir:
            for piece in read(entry):
                pending += piece
                if len(pending) >= SMALLEST_PIECE:
                    yield bytes(pending)
                    pending.clear()
            pending += b"\0" * (-entry.size % BLOCK)
        if len(pending) >= SMALLEST_PIECE:
            yield bytes(pending)
            pending.clear()
    yield bytes(pending) + b"\0" * (2 * BLOCK)


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.size = 0 if entry.is_dir else entry.size
    info.type = tarfile.DIRTYPE if entry.is_dir else tarfile.REGTYPE
    info.mode = 0o777 if entry.is_dir else 0o666
    return info.tobuf(tarfile.PAX_FORMAT)
