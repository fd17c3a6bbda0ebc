"""The model directory: self-contained, versioned, read without pickle, checked against what it says of itself."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import scriptmodel_trainer
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.storage import arrays_bytes, json_bytes, read_arrays, write_files
from scriptmodel_trainer.vocabulary import Vocabulary

SCHEMA = 1
MODEL, WEIGHTS, METRICS, REPORT = "model.json", "weights.npz", "metrics.json", "report.html"
WORD_TO_ID, ID_TO_WORD = "word_to_id.json", "id_to_word.json"
FILES = (MODEL, WEIGHTS, METRICS, REPORT, WORD_TO_ID, ID_TO_WORD)
LOG = "train.log.jsonl"
CHECKPOINT = "checkpoint.npz"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a model: enough to make it again. `corpus` holds digest, layout as asked for, files, notes and more."""

    preset_name: str
    preset: Preset
    seed: int
    corpus: dict[str, Any]
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


def save_model(folder: Path, model: TrainedModel, report: str) -> None:
    """Write all files of a model directory; an earlier model there stays until the last byte of the new one is stored.

    Raises WriteError if they cannot be stored.
    """
    words = model.vocabulary.words
    contents = {
        WEIGHTS: arrays_bytes(model.weights),
        WORD_TO_ID: json_bytes(model.vocabulary.word_to_id),
        ID_TO_WORD: json_bytes({str(number): word for number, word in enumerate(words)}),
        METRICS: json_bytes(model.metrics),
        REPORT: report.encode("utf-8", errors="replace"),
    }
    described = {
        "schema": SCHEMA,
        "preset": model.origin.preset_name,
        "parameters": dataclasses.asdict(model.origin.preset),
        "vocabulary": len(words),
        "weights": sum(array.size for array in model.weights.values()),
        "speakers": sorted(model.vocabulary.speakers),
        "seed": model.origin.seed,
        "corpus": model.origin.corpus,
        "versions": model.origin.versions,
        "files": {name: _digest(content) for name, content in contents.items()},
    }
    contents[MODEL] = json_bytes({**described, "digest": _digest(json_bytes(described))})
    write_files(folder, contents)


def protect(path: Path, *, option: str = "--out", but: tuple[str, ...] = ()) -> None:
    """Raise BadInputError if writing `path` would replace a file of a model; `but` names files that may be replaced."""
    target = Path(os.path.realpath(path))
    if target.name in but or target.name not in (*FILES, LOG, CHECKPOINT):
        return
    if target.exists() and any((target.parent / name).is_file() for name in (MODEL, CHECKPOINT)):
        raise BadInputError(f"{option} {path} is a file of a model and would be overwritten", "name another file")


def load_model(folder: Path) -> TrainedModel:
    """Read a model directory; BadInputError says what is missing or broken."""
    if not folder.is_dir():
        raise BadInputError(f"no such model directory: {folder}", "give the --out of a train command")
    if not (folder / MODEL).is_file():
        raise BadInputError(f"{folder} holds no model", f"there is no {MODEL}: train it first")
    try:
        described = json.loads((folder / MODEL).read_bytes())
        if described["schema"] != SCHEMA:
            hint = f"this program reads {SCHEMA}: use the version that trained it"
            raise BadInputError(f"{folder} has schema {described['schema']}", hint)
        _check_digests(folder, described)
        names = json.loads((folder / ID_TO_WORD).read_bytes())
        words = tuple(names[str(number)] for number in range(len(names)))
        metrics = json.loads((folder / METRICS).read_bytes())
        vocabulary = Vocabulary(words, frozenset(described["speakers"]))
        origin = _origin(described)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInputError(f"{folder} is damaged: {error}", "train the model again") from error
    weights = read_arrays(folder / WEIGHTS)
    return TrainedModel(origin, vocabulary, weights, metrics)


def _origin(described: Mapping[str, Any]) -> Origin:
    known = {field.name for field in dataclasses.fields(Preset)}
    preset = Preset(**{key: value for key, value in described["parameters"].items() if key in known})
    return Origin(described["preset"], preset, described["seed"], described["corpus"], described["versions"])


def _check_digests(folder: Path, described: dict[str, Any]) -> None:
    own = described.pop("digest", None)  # models of before have none
    if own not in (None, _digest(json_bytes(described))):
        raise ValueError(f"{MODEL} is not as it was written")
    for name in (WEIGHTS, ID_TO_WORD, METRICS):
        if _digest((folder / name).read_bytes()) != described["files"][name]:
            raise ValueError(f"{name} is not the file that {MODEL} describes")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
