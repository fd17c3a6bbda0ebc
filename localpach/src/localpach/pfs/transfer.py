"""What goes in and out: streams of changes, the content of URLs, and tar archives."""

import http.client
import itertools
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator

from localpach.contents import PIECE, Contents
from localpach.errors import PachError, UnimplementedError
from localpach.pfs.files import Edit, Entry
from localpach.pfs.paths import DEFAULT_DATUM
from localpach.state import Content

SILENT_SECONDS = 30.0
"""How long a server of a URL may send nothing."""
SMALLEST_PIECE = 256 * 1024


def edits(contents: Contents, pieces: Iterable[tuple[str, bytes | Content | None]]) -> list[Edit]:
    """Return edits whose contents come in pieces. They are stored as they arrive, so memory stays bounded."""
    found: list[Edit] = []
    for (path, in_pieces), group in itertools.groupby(pieces, lambda each: (each[0], isinstance(each[1], bytes))):
        if in_pieces:
            content = contents.store(piece for _, piece in group if isinstance(piece, bytes))
            found += [Edit(path, DEFAULT_DATUM, content)] if path != "/" else []
        else:
            found += [Edit(path, DEFAULT_DATUM, each) for _, each in group if not isinstance(each, bytes)]
    return found


def read_url(url: str, active: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the body of an HTTP response. Raises PachError with the texts of the real server.

    It ends with an error when the client is no longer ``active``, or the server sends nothing for a while.
    """
    if not url.startswith(("http://", "https://")):
        raise UnimplementedError(f"localpach supports http and https URLs only, not {url}")
    try:
        opener = urllib.request.build_opener()
        opener.handle_open.pop("ftp", None)  # type: ignore[attr-defined]  # it would follow a redirect to ftp
        answer = opener.open(url, timeout=SILENT_SECONDS)
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
