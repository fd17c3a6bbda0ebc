"""Have the operator download from misbehaving web servers: it gets a complete file or gives up, within limits.

    python -m tests.attack.webserver [--seed N] [--cases 1000] [--seconds 60] [--start 0]

Each case starts a server on loopback that sends its own bytes, HTTP or not, and downloads from it with short timeouts.
The first cases are the unchanged behaviours; in later ones a few bytes are changed.
"""

from __future__ import annotations

import asyncio
import io
import random
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from scriptmodel_operator.ingest.addresses import parse_destinations
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.fetch import Fetched, Fetcher, Timeouts
from scriptmodel_operator.ingest.values import Validators
from tests.attack import loopback
from tests.attack.runner import FindingError, main

MOST = 1 << 20
TIMEOUTS = Timeouts(connect=1, silence=0.4, grace=0.3, slowest=4096, total=1.5, redirects=3)
_LONGEST = 8.0
"""The time limit in seconds, on a busy machine, of an operation that may take two."""
_GROWTH = 200 * 1024
"""KiB that a download may add to the memory of the process."""
_BODY = b"HAMLET: To be or not to be.\n"
_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_WHOLE = _OK + b"Content-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
_PAUSE = 0.02


def _header(name: bytes, value: bytes) -> bytes:
    return _OK + name + b": " + value + b"\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY


def _status(line: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + line + b"\r\n" + more + b"Content-Length: 0\r\n\r\n"


_TEXTS = [
    b"",
    b'"\x7f"',
    b'"\xff\xfe"',
    b'W/"' + b"x" * 300 + b'"',
    '"🎭"'.encode(),
    b'"\x80"',
    b'"a\tb"',
    b"\x01",
    b"x" * 9000,
]
_LENGTHS = [b"-1", b"0x10", b"1e3", b"9" * 30, b" 5", b"5, 5", b"", b"1048577", b"28\r\nContent-Length: 29", b"+28"]
_LOCATIONS = [
    b"/a",
    b"//",
    b"http://[::1",
    b"http://127.0.0.1:1/",
    b"file:///etc/passwd",
    b"gopher://127.0.0.1/",
    b"\xff",
]
_LOCATIONS += [
    b"http://user:secret@127.0.0.1/",
    b"http://169.254.169.254/",
    b"http://10.0.0.1/",
    b"http://0x7f000001:1/",
]
_LOCATIONS += [
    b"http://[::ffff:10.0.0.1]/",
    b"http://127.0.0.1:99999/",
    b"",
    b"http://a" + b".a" * 3000,
    b"javascript:1",
]
_STATUSES = [
    b"200",
    b"204 No",
    b"206 Part",
    b"304 Same",
    b"401 No",
    b"407 Proxy",
    b"429 Wait",
    b"500 Oops",
    b"999 ?",
    b"0",
    b"",
]
_STATUSES += [
    b"100 Continue",
    b"101 Switching Protocols",
    b"103 Early Hints",
    b"-200 OK",
    b"2000 OK",
    b"300 Many",
    b"302 Found",
]
_ENCODINGS = [b"gzip", b"br", b"deflate", b"identity, gzip", b"zstd", b"\xff", b"x" * 8000, b"gzip, gzip"]
_CHUNKS = [
    b"1c\r\n" + _BODY + b"\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nx",
    b"-1\r\nx",
    b"1\r\nxx\r\n0\r\n\r\n",
    b"g\r\n",
]
_CHUNKS += [
    b"1;" + b"e" * 9000 + b"\r\nx\r\n0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"1\r\nx\r\n",
    b"1\nx\n0\n\n",
    b"0" * 9000 + b"1\r\nx",
]

WHOLE: list[bytes] = [
    _WHOLE,
    _WHOLE + b"more",
    _WHOLE[:-1],
    _BODY,
    b"",
    b"HTTP/0.9 200 OK\r\n\r\n" + _BODY,
    b"HTTP/1.0 200 OK\r\n\r\n" + _BODY,
    b"HTTP/9.9 200 OK\r\n\r\n" + _BODY,
    b"ICY 200 OK\r\n\r\n" + _BODY,
    b"\x16\x03\x01\x02\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    _OK + b"\r\n" + _BODY,
    _OK + b"Content-Length: 28\r\nTransfer-Encoding: chunked\r\n\r\n" + _CHUNKS[0],
    _OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + _CHUNKS[0],
    _OK + b"No colon\r\n\r\n" + _BODY,
    _OK + b"X: a\r\n folded\r\nContent-Length: 28\r\n\r\n" + _BODY,
    _OK + b"X-A: b\r\n" * 5000 + b"\r\n" + _BODY,
    _OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
    _OK + b"Set-Cookie: a=" + b"b" * 5000 + b"\r\nContent-Length: 28\r\n\r\n" + _BODY,
    _OK + b"Content-Type: text/html; charset=\x80\r\nContent-Length: 28\r\n\r\n" + _BODY,
    _OK + b"\r\n" + b"x" * (MOST + 1),
    b"HTTP/1.1 200 OK\nContent-Length: 28\n\n" + _BODY,
    b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + _WHOLE,
    b"HTTP/1.1 200 " + b"O" * 20_000 + b"\r\n\r\n",
    *(_header(b"ETag", text) for text in _TEXTS),
    *(_header(b"Last-Modified", text) for text in _TEXTS[:4]),
    *(_header(b"Content-Encoding", text) for text in _ENCODINGS),
    *(_OK + b"Content-Length: " + text + b"\r\n\r\n" + _BODY for text in _LENGTHS),
    *(_status(b"302 Found", b"Location: " + text + b"\r\n") for text in _LOCATIONS),
    *(_status(text, b"Retry-After: 9" + b"9" * 400 + b"\r\n") for text in _STATUSES),
    *(_CHUNKED + text for text in _CHUNKS),
]
"""Sent at once, and the connection is closed."""
ENDLESS: list[tuple[bytes, bytes]] = [
    (b"", b""),
    (b"", b"x"),
    (_OK, b"X-A: b\r\n"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (_OK + b"Content-Length: 28\r\n\r\n", b""),
    (_OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
    (_OK + b"\r\n", b"x" * 65536),
    (_CHUNKED + b"1\r\nx\r\n", b""),
    (_CHUNKED + b"1\r\nx\r\n", b"0"),
    (_CHUNKED + b"1\r\nx\r\n", b"0" * 65536),
    (_CHUNKED + b"1\r\nx\r\n0\r\n", b"X-A: b\r\n"),
    (_CHUNKED + b"1\r\nx\r\n0\r\n", b"X-A: b\r\n" * 8000),
    (_CHUNKED, b"1\r\nx\r\n"),
    (_CHUNKED + b"1;", b"e" * 65536),
    (_CHUNKED + b"1\r\nx\r\n0\r\nX: ", b"y" * 65536),
    (_OK + b"X: ", b"y" * 65536),
    (b"HTTP/1.1 200 ", b"O" * 65536),
]
"""Sent at once, and then the second again and again."""


def attack(number: int, chance: random.Random) -> str:
    """Download once, and again with the validators of the first answer."""
    behaviours = len(WHOLE) + len(ENDLESS)
    kind = number if number < behaviours else chance.randrange(behaviours)
    if kind < len(WHOLE):
        start, again = WHOLE[kind], None
    else:
        start, again = ENDLESS[kind - len(WHOLE)]
    if number >= behaviours:
        start = _changed(chance, start)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = asyncio.run(_downloaded(start, again, at_once=chance.random() < 0.8))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > _GROWTH:
        raise FindingError(f"{grown // 1024} MiB more memory")
    return outcome


def _changed(chance: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(min(len(found), 200) + 1)
        found[at : at + chance.choice([0, 1])] = chance.choice([b"", b"\r\n", b"\0", b"0", b" ", chance.randbytes(1)])
    return bytes(found)


async def _downloaded(start: bytes, again: bytes | None, *, at_once: bool) -> str:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in [start] if at_once else [start[at : at + 7] for at in range(0, min(len(start), 300), 7)]:
                writer.write(piece)
                await writer.drain()
            while again is not None:
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(_PAUSE)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/plays.txt"
        outcome, validators = await _fetched(url, Validators())
        if validators.headers():
            await _fetched(url, validators)
        return outcome
    finally:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fetched(url: str, known: Validators) -> tuple[str, Validators]:
    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    fetcher, into, started = Fetcher(parse_destinations(["127.0.0.1"]), run, TIMEOUTS), io.BytesIO(), time.monotonic()
    try:
        found: Fetched | None = await fetcher.fetch(url, into, MOST, known)
    except SourceError as error:
        if (
            not str(error).isprintable()
            or len(str(error)) > 500
            or "user:secret@" in str(error).partition("//")[2].partition("/")[0]
        ):
            raise FindingError(f"the message {str(error)!r}") from error
        return f"{error.reason.value}, {'passing' if error.passing else 'for a person'}", Validators()
    finally:
        if (took := time.monotonic() - started) > _LONGEST:
            raise FindingError(f"it took {took:.1f} s")
        if into.tell() > MOST:
            raise FindingError(f"{into.tell()} bytes were kept")
    return ("whole" if found else "unchanged"), (found.validators if found else Validators())


if __name__ == "__main__":
    loopback.only()
    sys.exit(main(attack))
