"""The log of a training in its model directory: the events of `--log json`, whatever is shown, bounded in size."""

from __future__ import annotations

import json
import time
from pathlib import Path

from scriptmodel_trainer.progress.events import Event, Failed
from scriptmodel_trainer.progress.listeners import JsonProgress, Progress

_LIMIT = 1 << 20  # bytes
_MARKER = b'{"event": "dropped"'


class BoundedLog:
    """Appends lines to a file of at most 1 MiB: beyond that one line states how many were dropped from the middle.

    Holds what is written before `open`. A file that cannot be written ends the log, never the training.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._path: Path | None = None
        self._held: list[str] = []
        self._size = 0
        self.error: OSError | None = None

    def open(self, path: Path) -> None:
        """Append to the file from now on, what was held first."""
        self._path = path
        held, self._held = self._held, []
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            self.error = error
            return
        self._size = len(content)
        if content and not content.endswith(b"\n"):  # a kill cut the last line
            held.insert(0, "\n")
        for text in held:
            self.write(text)

    def write(self, text: str) -> None:
        """Append whole lines."""
        if self.error is not None:
            return
        if self._path is None:
            self._held.append(text)
            return
        line = text.encode("utf-8", errors="replace")
        try:
            if self._size + len(line) > self._limit:
                self._shorten(self._path)
            with self._path.open("ab") as file:
                file.write(line)
            self._size += len(line)
        except OSError as error:
            self.error = error

    def flush(self) -> None:
        """Do nothing: each write is stored at once."""

    def _shorten(self, path: Path) -> None:
        """Keep the first lines, up to a quarter of the limit, and the last, up to a half."""
        lines = path.read_bytes().splitlines(keepends=True)
        first = _fitting(lines, self._limit // 4)
        last = len(lines) - _fitting(lines[first:][::-1], self._limit // 2)
        dropped = sum(map(_count, lines[first:last]))
        record = {"event": "dropped", "time": round(time.time(), 3), "lines": dropped}
        kept = b"".join([*lines[:first], json.dumps(record).encode() + b"\n", *lines[last:]])
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(kept)
        part.replace(path)
        self._size = len(kept)


def _fitting(lines: list[bytes], limit: int) -> int:
    """Return how many of the lines fit into that many bytes; none after the one that states how many were dropped."""
    used = 0
    for number, line in enumerate(lines):
        used += len(line)
        if used > limit or line.startswith(_MARKER):
            return number
    return len(lines)


def _count(line: bytes) -> int:
    """Return how many lines a line stands for: itself, or those that were dropped earlier."""
    if not line.startswith(_MARKER):
        return 1
    try:
        return int(json.loads(line)["lines"])
    except (ValueError, KeyError, TypeError):
        return 1


class LoggedProgress(Progress):
    """Shows a training as `shown` does and keeps its events in a log."""

    def __init__(self, shown: Progress, log: BoundedLog) -> None:
        self._shown = shown
        self._kept = JsonProgress(log)

    def note(self, text: str) -> None:
        """Show a note; it is no event."""
        self._shown.note(text)

    def report(self, event: Event) -> None:
        """Keep an event and show it; an error is only kept, because the command line shows it."""
        self._kept.report(event)
        if not isinstance(event, Failed):
            self._shown.report(event)
