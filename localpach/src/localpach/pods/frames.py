"""The files of a datum on the wire: for each file its path, its bytes and their digest; at the end the number of files.

A frame is one message of a gRPC stream. Its first byte is its kind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

PIECE = 1024 * 1024
BOUNDED_READING = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", PIECE))
"""Options of gRPC with which a reader receives little more than it has read.

gRPC's own estimate grows with the delays of a busy machine, up to a gigabyte: a server that got a fifth of a core held
600 MB of a file in memory.
"""
PATH, DATA, DIGEST, END = b"p", b"d", b"s", b"e"

File = tuple[str, Iterable[bytes]]
"""A path and the bytes of its file, in pieces of at most ``PIECE``."""
Opener = Callable[[str], AbstractContextManager[Callable[[bytes], object]]]
"""Opens the file of a path for writing; what is written counts when the context ends without an error."""


class BrokenTransferError(Exception):
    """An error because a stream of files is incomplete or damaged."""


def send(files: Iterable[File]) -> Iterator[bytes]:
    """Yield the frames of some files."""
    count = 0
    for path, pieces in files:
        count += 1
        yield PATH + path.encode()
        digest = hashlib.blake2b(digest_size=32)
        for piece in pieces:
            digest.update(piece)
            yield DATA + piece
        yield DIGEST + digest.digest()
    yield END + str(count).encode()


def receive(frames: Iterator[bytes], opener: Opener) -> int:
    """Write the files of a stream; return their number of bytes. Raises BrokenTransferError."""
    count = total = 0
    for frame in frames:
        kind, body = frame[:1], frame[1:]
        if kind == PATH:
            count += 1
            total += _receive_file(_path(body), frames, opener)
        elif kind == END and body == str(count).encode():
            return total
        else:
            raise BrokenTransferError(f"a stream of files is damaged after {count} files")
    raise BrokenTransferError(f"a stream of files broke off after {count} files")


def _path(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BrokenTransferError(f"a path is not UTF-8: {body!r:.100}") from None


def _receive_file(path: str, frames: Iterator[bytes], opener: Opener) -> int:
    digest, size = hashlib.blake2b(digest_size=32), 0
    with opener(path) as write:
        for frame in frames:
            kind, body = frame[:1], frame[1:]
            if kind == DATA:
                digest.update(body)
                size += len(body)
                write(body)
            elif kind == DIGEST and body == digest.digest():
                return size
            else:
                raise BrokenTransferError(f"{path} was damaged on its way")
        raise BrokenTransferError(f"the stream broke off within {path}")
