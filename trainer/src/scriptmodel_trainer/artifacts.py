"""The model directory: self-contained, versioned, read without pickle, checked against its own digests."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import scriptmodel_trainer
from scriptmodel_trainer import presets
from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.corpus.layouts import AUTO, EXACT
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.judging.reference import LARGEST, Reference, arrays_of, reference_from
from scriptmodel_trainer.model_schema import (
    MOST_JSON,
    check_described,
    check_metrics,
    check_object,
    require_metrics,
    words_of,
)
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.records import (
    SCHEMA,
    Base,
    CorpusFacts,
    Metrics,
    base_from,
    corpus_from,
    metrics_from,
    metrics_json,
)
from scriptmodel_trainer.storage import (
    arrays_bytes,
    json_bytes,
    open_regular,
    parse_json,
    read_arrays,
    read_bounded,
    write_files,
)
from scriptmodel_trainer.trigrams import MOST_BYTES, Trigrams, trigrams_from
from scriptmodel_trainer.vocabulary import Vocabulary

MODEL, WEIGHTS, METRICS, REPORT = "model.json", "weights.npz", "metrics.json", "report.html"
WORD_TO_ID, ID_TO_WORD = "word_to_id.json", "id_to_word.json"
NGRAMS, TRIGRAMS = "ngrams.npz", "trigrams.npz"
FILES = (MODEL, WEIGHTS, METRICS, REPORT, WORD_TO_ID, ID_TO_WORD, NGRAMS, TRIGRAMS)
LOG = "train.log.jsonl"
CHECKPOINT = "checkpoint.npz"
_LARGEST = 1_000_000  # a weight; trained ones stay below 100
_HEADER = 1024  # bytes of an .npz file around each array, at most


@dataclass(frozen=True, slots=True)
class Origin:
    """The settings, seed and corpus of a model: enough to reproduce it."""

    preset_name: str
    preset: Preset
    seed: int
    corpus: CorpusFacts
    versions: dict[str, str]
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model directory in memory; without a `reference` its scripts cannot be judged.

    `trigrams` are those that the network is mixed with, if it is.
    """

    origin: Origin
    vocabulary: Vocabulary
    weights: dict[str, Floats]
    metrics: Metrics
    reference: Reference | None = None
    trigrams: Trigrams | None = None

    @property
    def size(self) -> int:
        """Number of weights, a number for each n-gram included."""
        return sum(array.size for array in self.weights.values()) + (self.trigrams.size if self.trigrams else 0)

    def network(self) -> Network:
        """Return what reads and predicts tokens."""
        return Network(self.weights, self.vocabulary.document, self.trigrams)


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
        METRICS: json_bytes(metrics_json(model.metrics)),
        REPORT: report.encode("utf-8", errors="replace"),
    }
    if model.reference is not None:
        contents[NGRAMS] = arrays_bytes(arrays_of(model.reference.known))
    if model.trigrams is not None:
        contents[TRIGRAMS] = arrays_bytes(model.trigrams.arrays())
    described = {
        "schema": SCHEMA,
        "preset": model.origin.preset_name,
        "parameters": dataclasses.asdict(model.origin.preset),
        "vocabulary": len(words),
        "weights": model.size,
        "speakers": sorted(model.vocabulary.speakers),
        **({"spelled_names": model.vocabulary.spelled_names} if model.vocabulary.spelled_names else {}),
        "seed": model.origin.seed,
        "corpus": dataclasses.asdict(model.origin.corpus),
        "versions": model.origin.versions,
        **({"base": dataclasses.asdict(model.origin.base)} if model.origin.base else {}),
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


def load_model(folder: Path, whole: bool = False, judged: bool = False) -> TrainedModel:
    """Read a model directory; if `whole`, its metrics must be complete; if `judged`, with the reference of the judge.

    Nothing in it is trusted: kinds of files, sizes, JSON, vocabulary and shapes are checked before weights are read.
    Raises BadInputError that says what is missing or broken.
    """
    if not folder.is_dir():
        raise BadInputError(f"no such model directory: {folder}", "give the --out of a train command")
    if not (folder / MODEL).is_file():
        raise BadInputError(f"{folder} holds no model", f"there is no {MODEL}: train it first")
    try:
        described = _described(folder)
        preset = presets.preset_from(described["parameters"])
        vocabulary = _vocabulary(folder, described)
        metrics = _described_json(folder, METRICS, described)
        check_metrics(metrics)
        if whole:
            require_metrics(metrics)
        reference = _reference(folder, described, metrics) if judged else None
        weights = _weights(folder, preset.shapes(len(vocabulary)), described["files"].get(WEIGHTS))
        trigrams = _trigrams(folder, described, len(vocabulary))
        corpus, base = corpus_from(described["corpus"]), base_from(described.get("base"))
        read = metrics_from(metrics)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{folder} is damaged: {error}", "train the model again") from error
    origin = Origin(described["preset"], preset, described["seed"], corpus, described["versions"], base)
    return TrainedModel(origin, vocabulary, weights, read, reference, trigrams)


def layout_of(model: TrainedModel, requested: str) -> str:
    """Return the layout to read texts for a model in: one of the layout `exact` reads no other, other models not it.

    Raises BadInputError if the requested layout is not possible.
    """
    if model.vocabulary.exact and requested in (AUTO, EXACT):
        return EXACT
    if model.vocabulary.exact or requested == EXACT:
        own = model.origin.corpus.layout
        raise BadInputError(f"the model was trained with layout {own}, not {requested}", f"use --layout {own}")
    return requested


def content_digest(folder: Path) -> str:
    """Return a digest of a model's weights and words, by which a model that starts from it names it."""
    files = _described(folder)["files"]
    identifying = (WEIGHTS, ID_TO_WORD, *((TRIGRAMS,) if TRIGRAMS in files else ()))
    return _digest(json_bytes({name: files.get(name) for name in identifying}))


def _described(folder: Path) -> dict[str, Any]:
    """Return what a model says of itself; BadInputError if this program cannot read it, ValueError if it is damaged."""
    described: dict[str, Any] = parse_json(read_bounded(folder / MODEL, MOST_JSON))
    check_object(described)
    if described["schema"] != SCHEMA:
        hint = f"this program reads {SCHEMA}: use the version that trained it"
        raise BadInputError(f"{folder} has schema {str(described['schema'])[:40]}", hint)
    if described.pop("digest", None) != _digest(json_bytes(described)):
        raise ValueError(f"{MODEL} is not as it was written")
    check_described(described)
    return described


def _vocabulary(folder: Path, described: Mapping[str, Any]) -> Vocabulary:
    words = words_of(_described_json(folder, ID_TO_WORD, described))
    if any(number >= len(words) for number in described["speakers"]):
        raise ValueError(f"{MODEL} names a speaker who is not in {ID_TO_WORD}")
    return Vocabulary(words, frozenset(described["speakers"]), tuple(described.get("spelled_names", ())))


def _described_json(folder: Path, name: str, described: Mapping[str, Any]) -> Any:
    """Return the JSON of a file whose digest `described` holds."""
    content = read_bounded(folder / name, MOST_JSON)
    if _digest(content) != described["files"].get(name):
        raise _other(name)
    return parse_json(content)


def _reference(folder: Path, described: Mapping[str, Any], metrics: Mapping[str, Any]) -> Reference | None:
    """Return what scripts of the model are judged by; models of tiny corpora have none."""
    digest = described["files"].get(NGRAMS)
    if digest is None or metrics.get("held_out") is None:
        return None
    _require_digest(folder, NGRAMS, digest, LARGEST)
    return reference_from(metrics["held_out"], read_arrays(folder / NGRAMS, LARGEST))


def _trigrams(folder: Path, described: Mapping[str, Any], vocabulary: int) -> Trigrams | None:
    digest = described["files"].get(TRIGRAMS)
    if digest is None:
        return None
    _require_digest(folder, TRIGRAMS, digest, MOST_BYTES)
    return trigrams_from(read_arrays(folder / TRIGRAMS, MOST_BYTES), vocabulary)


def _weights(folder: Path, shapes: Mapping[str, tuple[int, ...]], digest: str | None) -> dict[str, Floats]:
    """Return the weights, which must be numbers of exactly these shapes that do not overflow when multiplied."""
    most = sum(4 * math.prod(shape) + _HEADER for shape in shapes.values()) + _HEADER
    _require_digest(folder, WEIGHTS, digest, most)
    weights = read_arrays(folder / WEIGHTS, most)
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ValueError(f"{WEIGHTS} does not hold the arrays that {MODEL} describes")
    for name, array in weights.items():
        if array.dtype != np.float32 or not np.abs(array).max(initial=0) <= _LARGEST:  # NaN is not either
            raise ValueError(f"{name} in {WEIGHTS} holds something else than float32 numbers within {_LARGEST:,}")
    return weights


def _require_digest(folder: Path, name: str, digest: str | None, most: int) -> None:
    """Raise ValueError if a file has more than `most` bytes, or another digest."""
    with open_regular(folder / name) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise ValueError(f"{name} is larger than the {most:,} bytes that {MODEL} describes")
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:  # type: ignore[arg-type]  # it can readinto
            raise _other(name)


def _other(name: str) -> ValueError:
    return ValueError(f"{name} is not the file that {MODEL} describes")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
