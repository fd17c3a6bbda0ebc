"""What goes in and out: streams of changes, the content of URLs, and tar archives."""

import http.client
import posixpath
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from localpach.contents import PIECE, Writer
from localpach.errors import PachError, UnimplementedError
from localpach.pfs.files import Changes, Entry, Files, Tree
from localpach.pfs.paths import DEFAULT_DATUM, clean, split_key, validate
from localpach.state import Content

SILENT_SECONDS = 30.0
"""How long a server of a URL may send nothing."""
SMALLEST_PIECE = 256 * 1024


class Upload:
    """The changes of a stream. Contents are stored as they arrive, so memory stays bounded."""

    def __init__(self, files: Files, before: Tree) -> None:
        self._files = files
        self._before = before
        self._changes = Changes()
        self._target = ("", "")
        self._writer: Writer | None = None

    def add(self, path: str, datum: str, data: bytes) -> None:
        validate(path)
        target = (clean(path), datum or DEFAULT_DATUM)
        if target != self._target or self._writer is None:
            self._end_file()
            self._target, self._writer = target, self._files.contents.writer()
        self._writer.write(data)

    def delete(self, path: str, datum: str) -> None:
        """Delete a file, or with a trailing slash everything in a directory."""
        validate(path)
        self._end_file()
        datum = datum or DEFAULT_DATUM
        if not path.endswith("/"):
            self._changes.delete(clean(path), datum)
            return
        prefix = clean(path).rstrip("/") + "/"
        self._changes.delete_added_below(prefix)
        for name in self._before.starting_with(prefix):
            self._changes.delete(split_key(name)[0], datum)

    def copy(self, source: str, target: str, entries: Iterable[Entry], datum: str, *, append: bool) -> None:
        """Copy files that are already stored, moving their paths from ``source`` to ``target``."""
        self._end_file()
        datum = datum or DEFAULT_DATUM
        for entry in entries:
            if entry.content is not None:
                path = posixpath.normpath(posixpath.join(target, posixpath.relpath(entry.path, source)))
                if not append:
                    self._changes.delete(path, datum)
                self._files.append(self._changes, path, datum, entry.content)

    def finish(self) -> Changes:
        """Store the last content and return the changes."""
        self._end_file()
        return self._changes

    def close(self) -> None:
        """Delete what was received of a file, if the stream has ended in it."""
        if self._writer is not None:
            self._writer.discard()

    def _end_file(self) -> None:
        if self._writer is not None:
            path, datum = self._target
            content = self._writer.stored()
            self._writer = None
            if path != "/":
                self._files.append(self._changes, path, datum, content)


def read_url(url: str, active: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the body of an HTTP response. Raises PachError with the texts of the real server.

    It ends with an error when the client is no longer ``active``, or the server sends nothing for a while.
    """
    if not url.startswith(("http://", "https://")):
        raise UnimplementedError(f"localpach supports http and https URLs only, not {url}")
    try:
        answer = urllib.request.build_opener(_NoFtp).open(url, timeout=SILENT_SECONDS)
    except urllib.error.HTTPError as error:
        raise PachError(f'error retrieving content from "{url}": {error.code} {error.reason}') from None
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: not a URL
        reason = getattr(error, "reason", error)
        raise PachError(f'Get "{url}": {getattr(reason, "strerror", None) or reason}') from None
    with answer:
        try:
            while piece := answer.read1(PIECE):  # returns what has arrived
                if not active():
                    raise PachError("context canceled")
                yield piece
        except (OSError, http.client.HTTPException):
            raise PachError("unexpected EOF") from None
        if answer.length:
            raise PachError("unexpected EOF")


class _NoFtp(urllib.request.FTPHandler):
    """Refuses what urllib itself would read after a redirect."""

    def ftp_open(self, req: urllib.request.Request) -> NoReturn:
        raise PachError(f'Get "{req.full_url}": unsupported protocol scheme "ftp"')


def tar_stream(entries: Iterable[Entry], read: Callable[[Content], Iterable[bytes]]) -> Iterator[bytes]:
    """Yield the bytes of a tar archive in pieces, without loading a whole file into memory."""
    pending = bytearray()
    for entry in entries:
        info = tarfile.TarInfo(entry.path)
        info.type, info.mode = (tarfile.DIRTYPE, 0o777) if entry.content is None else (tarfile.REGTYPE, 0o666)
        info.size = entry.content.size if entry.content else 0
        pending += info.tobuf(tarfile.PAX_FORMAT)
        for piece in read(entry.content) if entry.content else ():
            pending += piece
            if len(pending) >= SMALLEST_PIECE:
                yield bytes(pending)
                pending.clear()
        pending += b"\0" * (-info.size % tarfile.BLOCKSIZE)
    yield bytes(pending) + b"\0" * (2 * tarfile.BLOCKSIZE)
