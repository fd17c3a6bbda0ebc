"""The log of a training in its model directory: the events of `--log json`, whatever is shown, bounded in size."""

from pathlib import Path

from scriptmodel_trainer.progress.events import Failed, ProgressEvent
from scriptmodel_trainer.progress.listeners import JsonProgress, Progress

_LIMIT = 1 << 20  # bytes
_PROGRESS = b'{"event": "progress"'


class BoundedLog:
    """Appends lines to a file of at most 1 MiB, which loses lines that say least when it is full.

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

    def _shorten(self, path: Path) -> None:
        """Leave out progress within epochs; of lines that still fill half of the limit, those after the first ones."""
        lines = [line for line in path.read_bytes().splitlines(keepends=True) if not line.startswith(_PROGRESS)]
        while sum(map(len, lines)) > self._limit // 2:
            del lines[len(lines) // 4 : len(lines) // 2 + 1]
        kept = b"".join(lines)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(kept)
        part.replace(path)
        self._size = len(kept)


class LoggedProgress(Progress):
    """Shows a training as `shown` does and keeps its events in a log."""

    def __init__(self, shown: Progress, log: BoundedLog) -> None:
        self._shown = shown
        self._kept = JsonProgress(log.write)

    def note(self, text: str) -> None:
        self._shown.note(text)

    def report(self, event: ProgressEvent) -> None:
        """Keep an event and show it; an error is only kept, because the command line shows it."""
        self._kept.report(event)
        if not isinstance(event, Failed):
            self._shown.report(event)
