"""A listener that stops a training in the middle, for tests that resume it."""

import io

from scriptmodel_trainer.errors import ExitCode
from scriptmodel_trainer.progress.events import Progressed, ProgressEvent
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.training.stopping import StopSignals


class StoppedInEpochTwo(TextProgress):
    """Requests the end of the run within its second epoch."""

    def __init__(self, signals: StopSignals) -> None:
        super().__init__(io.StringIO())
        self._signals = signals

    def report(self, event: ProgressEvent) -> None:
        super().report(event)
        if isinstance(event, Progressed) and event.epoch == 2 and event.fraction > 0.4:
            self._signals.requested = ExitCode.TERMINATED
