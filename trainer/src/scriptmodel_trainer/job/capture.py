"""Copies what a job prints into a log of bounded size, the newest part of it."""

import os
import sys
import threading
from typing import Self, TextIO

_LIMIT = 4 << 20  # bytes


class CapturedOutput:
    """Context manager that keeps what this process and its children print, which is shown as without it.

    What native code prints to standard error is shown only: a process that aborts has no time to copy it.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._cut = False
        self._keeping = threading.Lock()
        self._threads: list[threading.Thread] = []

    def content(self) -> bytes:
        """Return the newest whole lines, at most `limit` bytes."""
        with self._keeping:
            content = bytes(self._kept[-self._limit :])
            cut = self._cut or len(self._kept) > self._limit
        return content[content.find(b"\n") + 1 :] if cut else content

    def __enter__(self) -> Self:
        self._before = sys.stdout, sys.stderr
        for stream in self._before:
            stream.flush()
        self._shown = os.dup(1), os.dup(2)
        sys.stdout, sys.stderr = (self._piped(shown) for shown in self._shown)
        os.dup2(sys.stdout.fileno(), 1)  # for children
        return self

    def __exit__(self, *_: object) -> None:
        piped = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._before
        os.dup2(self._shown[0], 1)
        for stream in piped:
            stream.close()
        for thread, shown in zip(self._threads, self._shown, strict=True):
            thread.join()
            os.close(shown)

    def _piped(self, shown: int) -> TextIO:
        """Return a stream that a thread copies to the log and to the file `shown`."""
        reader, writer = os.pipe()
        thread = threading.Thread(target=self._copy, args=(reader, shown), name="log", daemon=True)
        thread.start()
        self._threads.append(thread)
        return os.fdopen(writer, "w", buffering=1, encoding="utf-8", errors="replace")

    def _copy(self, reader: int, shown: int) -> None:
        try:
            while chunk := os.read(reader, 1 << 16):
                self._keep(chunk)
                while chunk:
                    chunk = chunk[os.write(shown, chunk) :]
        except OSError:  # nobody reads it any more: closing the pipe lets whoever prints know
            pass
        finally:
            os.close(reader)

    def _keep(self, chunk: bytes) -> None:
        with self._keeping:
            self._kept += chunk
            if len(self._kept) > 2 * self._limit:
                del self._kept[: -self._limit]
                self._cut = True
