"""Handles SIGINT and SIGTERM: immediately, or at the next safe point while a model is trained."""

import signal
from types import FrameType
from typing import Self

from scriptmodel_trainer.errors import ExitCode, StoppedError

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
REPEAT = "repeat the command to continue"


class StopSignals:
    """Context manager that listens to both signals; outside of `deferred` work a signal raises StoppedError.

    `hint` says whether the work was saved, and what to do to continue.
    """

    def __init__(self) -> None:
        self.deferred = False
        self.requested: ExitCode | None = None
        self.hint = "nothing was saved"
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in _CODES:
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def answer(self) -> None:
        """Raise StoppedError if a signal came while work was deferred."""
        if self.requested is not None:
            by = "Ctrl-C" if self.requested is ExitCode.INTERRUPTED else "SIGTERM"
            raise StoppedError(self.requested, f"stopped by {by}", self.hint)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        first, self.requested = self.requested is None, _CODES[signal.Signals(number)]
        if not (self.deferred and first):
            self.answer()
