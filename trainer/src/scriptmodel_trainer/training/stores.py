"""Where the state of a training run is kept: one file beside the model, or generations in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts.model_directory import LOG
from scriptmodel_trainer.errors import BadInputError, TrainerError, WriteError
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import converted, prepare_folder
from scriptmodel_trainer.training.checkpoints import Checkpoint, fingerprint_of, load_checkpoint, save_checkpoint
from scriptmodel_trainer.training.lease import Lease, Owner
from scriptmodel_trainer.training.state import Effort
from scriptmodel_trainer.training.stopping import REPEAT, RESUME

Check = Callable[[Path, Checkpoint], None]
"""Raises BadInputError if a checkpoint is not of the network that is trained."""
_GENERATIONS = 2
_OWNED = 1_000_000  # numbers of checkpoints that one owner may use
_NAME = re.compile(r"checkpoint-(\d{15})\.safetensors")


class CheckpointFile:
    """One checkpoint beside the model, for `--resume`: a file that is damaged or of another run is an error."""

    resumable = True

    def __init__(self, path: Path, fingerprint: str, continuing: str = RESUME, *, planned: bool = False) -> None:
        """`continuing` says what to do after a stop, `planned` that the run paused there, as those of a search do."""
        self._path = path
        self._fingerprint = fingerprint
        self.planned = planned
        self.hint = f"state saved: {continuing}"

    def save(self, checkpoint: Checkpoint) -> bool:
        """Store a checkpoint; returns whether it is stored."""
        save_checkpoint(self._path, checkpoint)
        return True

    def newest(self, check: Check) -> Checkpoint | None:
        """Return the checkpoint, which must be usable."""
        checkpoint = load_checkpoint(self._path, self._fingerprint)
        check(self._path, checkpoint)
        return checkpoint

    def last_effort(self) -> Effort | None:
        """Return None: a file does not say what its run did after it was stored."""
        return None

    def record_effort(self) -> None:
        """Record nothing: a checkpoint has its own effort."""


class StateFolder:
    """The two newest checkpoints of one run in a folder that outlives the process, and a copy of the run's log.

    Each owner numbers them from a higher number, so one that wakes up after another took over overwrites nothing.
    A folder that cannot be written to costs a warning, never the training.
    """

    planned = False

    def __init__(self, folder: Path, fingerprint: str, effort: Effort, progress: Progress) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._effort = effort
        self._lease = Lease(folder, self._note)
        self._progress = progress
        self._number = 0
        self._failed = False
        self._previous: Owner | None = None
        self.log: Path | None = None
        self.hint = f"state saved in {folder}: {REPEAT}"

    @classmethod
    @contextlib.contextmanager
    def opened(cls, folder: Path, fingerprint: str, effort: Effort, progress: Progress) -> Iterator[StateFolder | None]:
        """Own the folder for as long as the context lasts; None and a warning if it cannot be written to.

        Waits while another run owns it. `effort` is what each heartbeat records.
        """
        state = cls(folder, fingerprint, effort, progress)
        try:
            yield state if state._acquire() else None
        finally:
            state._lease.release()

    @property
    def resumable(self) -> bool:
        """True if a checkpoint of this run is stored, whole or damaged."""
        return bool(self._generations())

    def save(self, checkpoint: Checkpoint) -> bool:
        """Store a generation and delete those before the last one; raises WriteError if another run took over."""
        self._lease.require()
        self._number += 1
        try:
            self._keep_log()  # first, so that no attempt with a checkpoint is missing in it
            save_checkpoint(self._folder / f"checkpoint-{self._number:015}.safetensors", checkpoint)
            for old in self._generations()[:-_GENERATIONS]:
                old.unlink(missing_ok=True)
        except (WriteError, OSError) as error:
            self._warn_unwritable(error)
            return False
        self._failed = False
        return True

    def newest(self, check: Check) -> Checkpoint | None:
        """Return the newest usable generation; a damaged one is deleted with a warning, and the one before is taken.

        Raises WriteError if another run took over, OSError if a generation cannot be read.
        """
        self._lease.require()
        for path in reversed(self._generations()):
            try:
                checkpoint = load_checkpoint(path, self._fingerprint)
                check(path, checkpoint)
            except BadInputError as error:
                before = "continuing from the checkpoint before it, if there is one"
                self._progress.report(Warned("state-damaged", f"{error.message}; {before}"))
                self._delete(path)
            else:
                return checkpoint
        return None

    def last_effort(self) -> Effort | None:
        """Return the effort in the last heartbeat of a previous owner of the same run, who was killed."""
        note = self._previous.note if self._previous else {}
        if note.get("fingerprint") != self._fingerprint:
            return None
        try:
            return converted(note, Effort)
        except ValueError:
            return None

    def record_effort(self) -> None:
        """Record the effort so far, which `last_effort` of the next attempt returns."""
        self._lease.require()
        with contextlib.suppress(OSError):  # a save that fails for the same reason warns
            self._lease.renew()

    def restore_log(self, path: Path) -> None:
        """Copy the log of the previous attempts to `path`, and keep that log from now on."""
        self.log = path
        with contextlib.suppress(OSError):
            if self.resumable and not path.exists():
                shutil.copyfile(self._folder / LOG, path)

    def remove(self) -> None:
        """Delete the state of a finished run, unless another run owns it by now; the next run replaces what is left."""
        with contextlib.suppress(WriteError):
            self._lease.require()
            for path in (*self._generations(), self._folder / LOG):
                self._delete(path)

    def _acquire(self) -> bool:
        """Own the folder and delete what belongs to other runs; False and a warning if it cannot be written to."""
        try:
            prepare_folder(self._folder, (LOG,))
            self._previous = self._lease.acquire(self._warn_locked)
            self._lease.renew()  # with what the previous attempt recorded
        except (WriteError, OSError) as error:
            self._warn_unwritable(error)
            return False
        found = self._generations()
        self._number = (_number(found[-1]) // _OWNED + 1) * _OWNED if found else 0
        if foreign := [path for path in found if not self._own(path)]:
            self._progress.note(f"{self._folder} holds the state of another run, which is replaced")
            foreign.append(self._folder / LOG)
        for path in (*foreign, *self._folder.glob(".checkpoint-*.safetensors.*.part")):
            self._delete(path)
        return True

    def _note(self) -> dict[str, Any]:
        """Return what a heartbeat records: the effort so far, before it is known that of the previous attempt."""
        known = self._effort if self._effort != Effort() else self.last_effort() or Effort()
        return {"fingerprint": self._fingerprint, **asdict(known)}

    def _own(self, path: Path) -> bool:
        """Return whether a generation may be of this run: one that is damaged may."""
        return fingerprint_of(path) in (None, self._fingerprint)

    def _generations(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("checkpoint-*.safetensors") if _NAME.fullmatch(path.name))

    def _keep_log(self) -> None:
        if self.log is None or not self.log.is_file():
            return
        part = self._folder / f".{LOG}.{os.getpid()}.part"
        try:
            shutil.copyfile(self.log, part)
            part.replace(self._folder / LOG)
        finally:
            part.unlink(missing_ok=True)

    def _warn_locked(self) -> None:
        message = f"another training uses the state in {self._folder}: waiting until it ends or is silent for a minute"
        self._progress.report(Warned("state-locked", message))

    def _warn_unwritable(self, error: TrainerError | OSError) -> None:
        """Warn once until a save succeeds again."""
        if not self._failed:
            reason = error.message if isinstance(error, TrainerError) else f"{self._folder}: {error.strerror or error}"
            lost = "a restart loses what was not saved"
            self._progress.report(Warned("state-unwritable", f"{reason}; training continues, but {lost}"))
        self._failed = True

    def _delete(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


Store = CheckpointFile | StateFolder
"""Keeps checkpoints; `hint` says how to continue from what is stored, which counts as a restart unless `planned`."""


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0
