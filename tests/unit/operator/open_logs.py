"""Logs that are still written."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import LogLine

SECONDS = 60


@dataclass
class OpenLog:
    """A log that continues until it is cancelled, or fails on request."""

    lines: list[str]
    cut: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[LogLine]:
        for text in self.lines:
            yield LogLine(text)
        if self.cut:
            raise UnavailableError("reading the log", "cut")
        self.cancelled.wait(SECONDS)

    def cancel(self) -> None:
        self.cancelled.set()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        threading.Event().wait(0.01)
