"""SIGINT and SIGTERM: at once while nothing can be lost, at the next safe point while a model is being trained."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from scriptmodel_trainer.errors import ExitCode, StoppedError

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class StopSignals:
    """Context manager that listens to both signals; outside of `deferred` work a signal raises StoppedError."""

    def __init__(self) -> None:
        self.deferred = False
        self.requested: ExitCode | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        for number in _CODES:
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself returned

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        code = _CODES[signal.Signals(number)]
        if self.deferred and self.requested is None:
            self.requested = code
            return
        raise StoppedError(code, f"stopped by {signal.Signals(number).name}", "nothing was saved")
