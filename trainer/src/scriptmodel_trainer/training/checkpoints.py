"""The state of an unfinished training run: all that is needed to continue bit-identically."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage.files import (
    arrays_bytes,
    arrays_from,
    converted,
    json_bytes,
    parse_json,
    read_bounded,
    write_file,
)
from scriptmodel_trainer.storage.records import Choice, Count, EpochRecord, Text
from scriptmodel_trainer.training.state import Effort, Position


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The saved state of a run; `arrays` are named weights/..., slots/..., state/... and best/...

    `processor` and the version of `tensorflow` are what computed it, and `auto` is what chose it, if anything did.
    """

    fingerprint: Text
    position: Position
    best_epoch: Count
    history: tuple[EpochRecord, ...]
    arrays: dict[str, Any]
    processor: Text
    tensorflow: Text
    effort: Effort
    auto: Choice | None = None

    def __post_init__(self) -> None:
        if not bool(self.history) <= self.best_epoch <= len(self.history):
            raise ValueError(f"it has no epoch {self.best_epoch}")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Store atomically: a kill at any moment leaves the old checkpoint or the new one. WriteError if it cannot."""
    described = msgspec.to_builtins(replace(checkpoint, arrays={}))
    arrays = {**checkpoint.arrays, "described": np.frombuffer(json_bytes(described), np.uint8)}
    write_file(path, arrays_bytes({**arrays, "digest": digest_of(arrays)}))


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint:
    """Read a checkpoint; BadInputError if it is damaged or of another run, OSError if it is unreadable."""
    checkpoint = _checkpoint(path)
    if checkpoint.fingerprint != fingerprint:
        raise BadInputError(
            f"{path} was made with another corpus, preset, setting or seed, or a version that reads it differently",
            "repeat the first command with --resume, or train without --resume",
        )
    return checkpoint


def described_in(path: Path) -> Checkpoint | None:
    """Return a checkpoint; None if there is none, or it is damaged. OSError if it is unreadable."""
    try:
        return _checkpoint(path)
    except (BadInputError, FileNotFoundError):
        return None


def fingerprint_of(path: Path) -> str | None:
    """Return the fingerprint of a checkpoint; None if there is none, or it is damaged."""
    found = described_in(path)
    return found.fingerprint if found else None


def damaged(path: Path, reason: object) -> BadInputError:
    return BadInputError(f"{path} is damaged: {reason}", "train without --resume")


def _checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any run; BadInputError if it is damaged, OSError if it is unreadable."""
    content = read_bounded(path, path.stat().st_size)
    try:
        arrays = arrays_from(content)
        digest = arrays.pop("digest")
        described = converted(parse_json(arrays["described"].tobytes()), Checkpoint)
    except (ValueError, KeyError) as error:
        raise damaged(path, error) from error
    if not np.array_equal(digest, digest_of(arrays)):
        raise damaged(path, "it is not as it was written")
    del arrays["described"]
    return replace(described, arrays=arrays)


def digest_of(arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Return the SHA-256 of names, types, shapes and contents: the file's form has none."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def check_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, tuple[int, ...]]) -> None:
    """Raise BadInputError unless names and shapes of the arrays are as expected and the best weights finite."""
    if {name: array.shape for name, array in arrays.items()} != expected:
        raise damaged(path, "its arrays are not those of this network")
    for name, array in arrays.items():
        if array.dtype != np.float32 or (name.startswith("best/") and not np.isfinite(array).all()):
            raise damaged(path, f"{name} does not hold float32 numbers, or one that is not finite")
