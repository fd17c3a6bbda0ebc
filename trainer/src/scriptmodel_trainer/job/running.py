"""The job command: an attempt at a run, from its inputs in the bucket to its outputs there."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from scriptmodel_trainer.errors import Reported, StoppedError, TrainerError, WriteError, one_line
from scriptmodel_trainer.job.document import read_document
from scriptmodel_trainer.job.files import fetch, store_packs
from scriptmodel_trainer.job.states import StoredStates
from scriptmodel_trainer.job.termination import leave_message
from scriptmodel_trainer.job.transfers import Transfers
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import progress_for
from scriptmodel_trainer.training.stopping import StopSignals

GRACE_SECONDS = 45.0  # of the 60 that a pod has to end
MOST_LOG = 4 << 20  # bytes
_FAILED = 1


class CapturedOutput:
    """Context manager that keeps the newest part of what this process and its children print, and shows all of it.

    What native code prints to standard error is shown only: a process that aborts has no time to copy it.
    """

    def __init__(self) -> None:
        self._kept, self._cut = bytearray(), False
        self._keeping = threading.Lock()

    def content(self) -> bytes:
        """Return the newest whole lines."""
        with self._keeping:
            content, cut = bytes(self._kept[-MOST_LOG:]), self._cut or len(self._kept) > MOST_LOG
        return content[content.find(b"\n") + 1 :] if cut else content

    def __enter__(self) -> Self:
        self._before = sys.stdout, sys.stderr
        sys.stdout.flush()
        self._shown = os.dup(1)
        reader, writer = os.pipe()
        os.dup2(writer, 1)  # for children, too
        os.close(writer)
        sys.stdout = sys.stderr = open(1, "w", 1, encoding="utf-8", errors="replace", closefd=False)
        self._thread = threading.Thread(target=self._copy, args=(reader,), name="log", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.close()
        sys.stdout, sys.stderr = self._before
        os.dup2(self._shown, 1)
        self._thread.join()
        os.close(self._shown)

    def _copy(self, reader: int) -> None:
        try:
            while chunk := os.read(reader, 1 << 16):
                with self._keeping:
                    self._kept += chunk
                    if len(self._kept) > 2 * MOST_LOG:
                        del self._kept[:-MOST_LOG]
                        self._cut = True
                while chunk:
                    chunk = chunk[os.write(self._shown, chunk) :]
        except OSError:  # nobody reads it any more: closing the pipe lets whoever prints know
            pass
        finally:
            os.close(reader)


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
        folder = Path(os.environ.setdefault("SCRIPTMODEL_STATE_DIR", "/state"))
        states = StoredStates(folder, self._transfers, self._progress, output.content)
        try:
            code = self._attempted(states, signals)
        except (TrainerError, StoppedError, MemoryError, OSError) as error:
            code = self._report(error)
        except Exception as error:  # a bug, whose traceback belongs into the log
            traceback.print_exc()
            leave_message(one_line(f"{type(error).__name__}: {error}"))
            code = _FAILED
        if code:
            self._transfers.deadline = time.monotonic() + GRACE_SECONDS
            states.store()
        return code

    def _attempted(self, states: StoredStates, signals: StopSignals) -> int:
        fetch(self._document, self._root, self._transfers)
        states.restore(self._document)
        (self._root / "out").mkdir(parents=True, exist_ok=True)
        signals.deferred = True  # the command has its own handlers, and its result is stored whole
        with states:
            code = self._run(self._document.command[1:])
        if not code:
            self._manifest = store_packs(self._document, self._root / "out", self._transfers)
        return code
