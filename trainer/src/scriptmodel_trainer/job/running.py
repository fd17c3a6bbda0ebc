"""The job command: an attempt at a run, from its inputs in the bucket to its outputs there."""

import os
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from scriptmodel_trainer.errors import Reported, StoppedError, TrainerError, WriteError, one_line
from scriptmodel_trainer.job.capture import CapturedOutput
from scriptmodel_trainer.job.checkpoint_storing import StoredCheckpoints
from scriptmodel_trainer.job.document import read_document
from scriptmodel_trainer.job.inputs import fetch
from scriptmodel_trainer.job.outputs import store_packs
from scriptmodel_trainer.job.termination import leave_message
from scriptmodel_trainer.job.transfers import Transfers
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import progress_for
from scriptmodel_trainer.training.stopping import StopSignals

_GRACE_SECONDS = 45.0  # of the 60 that a pod has to end
_FAILED = 1


class JobAttempt:
    """An attempt at the run that a job document describes.

    `run` runs a command and returns its exit code, `report` reports an error and returns the code that it stands for.
    """

    def __init__(
        self,
        path: Path,
        run: Callable[[Sequence[str]], int],
        report: Callable[[Reported | MemoryError | OSError], int],
    ) -> None:
        self._document = read_document(path)
        self._run = run
        self._report = report
        self._progress = progress_for("json")
        self._transfers = Transfers(path, self._progress)
        self._root = Path(os.environ.get("PFS_ROOT") or "/pfs")
        self._manifest = b""

    def work(self, signals: StopSignals) -> int:
        """Fetch, run and store; returns the exit code. The log is stored whatever happens, the manifest last."""
        with CapturedOutput() as output:
            code = self._captured(output, signals)
        try:
            self._transfers.put_bytes("the log", lambda renewed: renewed.output.log, output.content())
        except WriteError as error:
            if not code:
                raise
            self._progress.report(Warned("log-not-stored", error.line()))
        if not code:
            self._transfers.put_bytes("the manifest", lambda renewed: renewed.output.manifest, self._manifest)
        return code

    def _captured(self, output: CapturedOutput, signals: StopSignals) -> int:
        """Fetch the inputs, run the command and store its outputs, all of it logged. Returns the exit code."""
        state = Path(os.environ.setdefault("SCRIPTMODEL_STATE_DIR", "/state"))
        checkpoints = StoredCheckpoints(state, self._transfers, self._progress, output.content)
        try:
            code = self._attempted(checkpoints, signals)
        except (TrainerError, StoppedError, MemoryError, OSError) as error:
            code = self._report(error)
        except Exception as error:  # a bug, whose traceback belongs into the log
            traceback.print_exc()
            leave_message(one_line(f"{type(error).__name__}: {error}"))
            code = _FAILED
        if code:
            self._transfers.deadline = time.monotonic() + _GRACE_SECONDS
            checkpoints.store()
        return code

    def _attempted(self, checkpoints: StoredCheckpoints, signals: StopSignals) -> int:
        fetch(self._document, self._root, self._transfers)
        checkpoints.restore(self._document)
        (self._root / "out").mkdir(parents=True, exist_ok=True)
        signals.deferred = True  # the command has its own handlers, and its result is stored whole
        with checkpoints:
            code = self._run(self._document.command[1:])
        if not code:
            self._manifest = store_packs(self._document, self._root / "out", self._transfers)
        return code
