"""The state of an unfinished training, in two files of a folder that are written by turns."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import LOG, SLOTS
from scriptmodel_trainer.errors import BadInputError, TrainerError, WriteError
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import (
    arrays_bytes,
    arrays_from,
    converted,
    json_bytes,
    parse_json,
    prepare_folder,
    read_bounded,
    write_file,
)
from scriptmodel_trainer.storage.records import Choice, Count, Text
from scriptmodel_trainer.training.state import RunState
from scriptmodel_trainer.training.stopping import REPEAT

LOCK = "checkpoint.lock"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The saved state of a run; `arrays` are named weights/..., slots/..., state/... and best/...

    `number` grows with each one of a folder, and `auto` is what chose the preset, if anything did.
    """

    fingerprint: Text
    state: RunState
    arrays: dict[str, Any]
    auto: Choice | None = None
    number: Count = 0


class Checkpoints:
    """The two newest checkpoints of one run in a folder, and a copy of the run's log where `log` names that.

    A folder that cannot be written to costs a warning, never the training.
    """

    def __init__(self, folder: Path, progress: Progress, log: Path | None = None) -> None:
        self.hint = f"state saved in {folder}: {REPEAT}"
        self._folder = folder
        self._progress = progress
        self._log = log
        self._number = 0
        self._failed = False

    def prepare(self) -> None:
        """Make the folder and remove what killed runs left unfinished; a warning if it cannot be written to."""
        try:
            prepare_folder(self._folder, (*SLOTS, LOG))
        except WriteError as error:
            self._warn_unwritable(error)

    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is whole, which may be of another run; a warning for a damaged one.

        Raises OSError if one cannot be read.
        """
        before = "continuing from the checkpoint before it, if there is one"
        found = newest_in(
            self._folder, lambda reason: self._progress.report(Warned("state-damaged", f"{reason}; {before}"))
        )
        self._number = found.number if found else 0
        return found

    def restore_log(self) -> None:
        """Copy the log of earlier attempts to where this run continues it."""
        if self._log and not self._log.exists():
            with contextlib.suppress(OSError):
                shutil.copyfile(self._folder / LOG, self._log)

    def save(self, checkpoint: Checkpoint) -> bool:
        """Store a checkpoint in place of the older one; returns whether it is stored."""
        number = self._number + 1
        try:
            self._keep_log()  # first, so that no attempt with a checkpoint is missing in it
            save_checkpoint(self._folder / SLOTS[number % 2], replace(checkpoint, number=number))
        except (WriteError, OSError) as error:
            self._warn_unwritable(error)
            return False
        self._number, self._failed = number, False
        return True

    def remove(self) -> None:
        """Delete the checkpoints and the copy of the log; the next run replaces what is left."""
        for name in (*SLOTS, *([LOG] if self._log else [])):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def _keep_log(self) -> None:
        if self._log is None or not self._log.is_file():
            return
        part = self._folder / f".{LOG}.{os.getpid()}.part"
        try:
            shutil.copyfile(self._log, part)
            part.replace(self._folder / LOG)
        finally:
            part.unlink(missing_ok=True)

    def _warn_unwritable(self, error: TrainerError | OSError) -> None:
        """Warn once until a save succeeds again."""
        if not self._failed:
            reason = error.message if isinstance(error, TrainerError) else f"{self._folder}: {error.strerror or error}"
            lost = "a restart loses what was not saved"
            self._progress.report(Warned("state-unwritable", f"{reason}; training continues, but {lost}"))
        self._failed = True


def paths_in(folder: Path) -> list[Path]:
    """Return the paths of the checkpoints in a folder, newest first."""
    found = [folder / name for name in SLOTS if (folder / name).is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def newest_in(folder: Path, warn: Callable[[str], None] = lambda _: None) -> Checkpoint | None:
    """Return the newest whole checkpoint in a folder, of any run; OSError if one is unreadable.

    `warn` is called with the reason for each one that is damaged.
    """
    for path in paths_in(folder):
        try:
            return load_checkpoint(path)
        except BadInputError as error:
            warn(error.message)
    return None


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Store atomically: a kill at any moment leaves the old file or the new one. WriteError if it cannot."""
    described = msgspec.to_builtins(replace(checkpoint, arrays={}))
    arrays = {**checkpoint.arrays, "described": np.frombuffer(json_bytes(described), np.uint8)}
    write_file(path, arrays_bytes({**arrays, "digest": digest_of(arrays)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any run; BadInputError if it is damaged, OSError if it is unreadable."""
    content = read_bounded(path, path.stat().st_size)
    try:
        arrays = arrays_from(content)
        digest = arrays.pop("digest")
        described = converted(parse_json(arrays["described"].tobytes()), Checkpoint)
    except (ValueError, KeyError) as error:
        raise BadInputError(f"{path} is damaged: {error}") from error
    if not np.array_equal(digest, digest_of(arrays)):
        raise BadInputError(f"{path} is damaged: it is not as it was written")
    del arrays["described"]
    return replace(described, arrays=arrays)


def digest_of(arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Return the SHA-256 of names, types, shapes and contents: the file's form has none."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
