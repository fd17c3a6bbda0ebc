"""The model directory: self-contained, versioned, written atomically, read without pickle."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

import scriptmodel_trainer
from scriptmodel_trainer.errors import BadInputError, WriteError
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.vocabulary import Vocabulary

SCHEMA = 1
MODEL, WEIGHTS, METRICS, REPORT = "model.json", "weights.npz", "metrics.json", "report.html"
WORD_TO_ID, ID_TO_WORD = "word_to_id.json", "id_to_word.json"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a model: enough to make it again."""

    preset_name: str
    preset: Preset
    seed: int
    corpus: dict[str, Any]  # digest, files, layouts
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model directory in memory."""

    origin: Origin
    vocabulary: Vocabulary
    weights: dict[str, Floats]
    metrics: dict[str, Any]


def versions(**more: str) -> dict[str, str]:
    """Versions of what computes, to be kept with a model."""
    return {
        "scriptmodel-trainer": scriptmodel_trainer.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **more,
    }


def prepare_folder(folder: Path) -> None:
    """Make the folder and see that it can be written to, before hours are spent; WriteError if not."""
    with _as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write-probe"
        probe.write_bytes(b"")
        probe.unlink()


def save_model(folder: Path, model: TrainedModel) -> None:
    """Write all files of a model directory, `model.json` last: where it stands, the rest is whole."""
    words = model.vocabulary.words
    write_arrays(folder / WEIGHTS, model.weights)
    write_json(folder / WORD_TO_ID, model.vocabulary.word_to_id)
    write_json(folder / ID_TO_WORD, {str(number): word for number, word in enumerate(words)})
    write_json(folder / METRICS, model.metrics)
    write_json(
        folder / MODEL,
        {
            "schema": SCHEMA,
            "preset": model.origin.preset_name,
            "parameters": dataclasses.asdict(model.origin.preset),
            "vocabulary": len(words),
            "weights": sum(array.size for array in model.weights.values()),
            "speakers": sorted(model.vocabulary.speakers),
            "seed": model.origin.seed,
            "corpus": model.origin.corpus,
            "versions": model.origin.versions,
        },
    )


def load_model(folder: Path) -> TrainedModel:
    """Read a model directory; BadInputError says what is missing or broken."""
    if not folder.is_dir():
        raise BadInputError(f"no such model directory: {folder}", "give the --out of a train command")
    if not (folder / MODEL).is_file():
        raise BadInputError(f"{folder} holds no model", f"there is no {MODEL}: train it first")
    try:
        described = json.loads((folder / MODEL).read_text("utf-8"))
        if described["schema"] != SCHEMA:
            raise BadInputError(f"{folder} has schema {described['schema']}", f"this program reads {SCHEMA}")
        names = json.loads((folder / ID_TO_WORD).read_text("utf-8"))
        words = tuple(names[str(number)] for number in range(len(names)))
        vocabulary = Vocabulary(words, frozenset(described["speakers"]))
        known = {field.name for field in dataclasses.fields(Preset)}
        preset = Preset(**{key: value for key, value in described["parameters"].items() if key in known})
        origin = Origin(described["preset"], preset, described["seed"], described["corpus"], described["versions"])
        weights = {name: array.astype(np.float32, copy=False) for name, array in read_arrays(folder / WEIGHTS)}
        metrics = json.loads((folder / METRICS).read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise BadInputError(f"{folder} is damaged: {error}", "train the model again") from error
    return TrainedModel(origin, vocabulary, weights, metrics)


def read_arrays(path: Path) -> Iterator[tuple[str, Any]]:
    """Names and arrays of an .npz file; pickled objects are refused."""
    with np.load(path, allow_pickle=False) as archive:
        for name in archive.files:
            yield name, archive[name]


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Store arrays as an .npz file, atomically."""
    with atomic_writer(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options


def write_json(path: Path, value: Any) -> None:
    """Store a value as JSON, atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Store a text as UTF-8, atomically."""
    with atomic_writer(path) as file:
        file.write(text.encode("utf-8", errors="replace"))


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when all of it is on the disk; WriteError if it cannot be stored."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _as_write_error(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _as_write_error(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, io.UnsupportedOperation) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WriteError(f"cannot write {path}: {reason}", "free some space or choose another --out") from error
