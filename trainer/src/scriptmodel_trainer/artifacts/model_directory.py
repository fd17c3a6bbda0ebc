"""The model directory: self-contained, versioned, read without pickle, checked against its own digests."""

import dataclasses
import hashlib
import math
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

import scriptmodel_trainer
from scriptmodel_trainer.artifacts.description import MOST_JSON, Description, Play
from scriptmodel_trainer.artifacts.trials import model_folder
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.trigrams import MOST_BYTES, Trigrams, trigrams_from
from scriptmodel_trainer.model.verse import Lines
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, as_bfloat16, from_bfloat16
from scriptmodel_trainer.storage.files import (
    arrays_bytes,
    arrays_from,
    converted,
    json_bytes,
    parse_json,
    read_bounded,
    write_files,
)
from scriptmodel_trainer.storage.records import SCHEMA, Base, Card, CorpusFacts, Metrics

Arrays = Mapping[str, npt.NDArray[Any]]
MODEL, METRICS, REPORT = "model.json", "metrics.json", "report.html"
WEIGHTS, TRIGRAMS, NGRAMS = "weights", "trigrams", "ngrams"
FILES = (MODEL, METRICS, REPORT, *(f"{kind}-*.safetensors" for kind in (WEIGHTS, TRIGRAMS, NGRAMS)))
"""Patterns of the names of a model's files."""
LOG = "train.log.jsonl"
SLOTS = ("checkpoint-a.safetensors", "checkpoint-b.safetensors")
"""The two newest states of a training that has not ended."""
_ARRAYS = re.compile(rf"({WEIGHTS}|{TRIGRAMS}|{NGRAMS})-[0-9a-f]{{16}}\.safetensors")
_LARGEST = 1_000_000  # a weight; trained ones stay below 100
_HEADER = 1024  # bytes that describe an array in its file, at most
_MOST_NGRAMS = 1 << 25  # bytes of their file


@dataclass(frozen=True, slots=True)
class Origin:
    """The settings, seed and corpus of a model: enough to reproduce it."""

    preset_name: str
    preset: Preset
    seed: int
    corpus: CorpusFacts
    versions: Mapping[str, str]
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model directory in memory.

    `ngrams` are the arrays of its training text, without which its scripts cannot be judged; `trigrams` those that the
    network is mixed with, if it is. `plays` are those that casts are taken from, `lines` those of the corpus. A base
    has a `card`, and its weights are stored in bfloat16. `digest` is that of the weights and words of a stored model.
    """

    origin: Origin
    vocabulary: Vocabulary
    weights: dict[str, Floats]
    metrics: Metrics
    ngrams: Arrays | None = None
    trigrams: Trigrams | None = None
    plays: tuple[Play, ...] = ()
    lines: Lines = field(default_factory=Lines)
    card: Card | None = None
    digest: str = ""

    @property
    def size(self) -> int:
        """Number of weights, a number for each n-gram included."""
        return sum(array.size for array in self.weights.values()) + (self.trigrams.size if self.trigrams else 0)

    @property
    def preset_title(self) -> str:
        """Name of the preset, after `auto` where that chose it."""
        name = self.origin.preset_name
        return f"auto ({name})" if self.metrics.auto else name

    def network(self, copied: float = 1.0) -> Network:
        """Return what reads and predicts tokens; its cache copies that share of what it was trained to copy."""
        network = Network(self.weights, self.vocabulary.document, self.trigrams, self.origin.preset.softmax_cutoff)
        if network.cache:
            network.cache = dataclasses.replace(network.cache, share=np.float32(copied))
        return network


def versions(**more: str) -> dict[str, str]:
    """Versions of what computes, to be kept with a model."""
    return {
        "scriptmodel-trainer": scriptmodel_trainer.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        **more,
    }


def save_model(folder: Path, model: TrainedModel, report: str) -> None:
    """Write all files of a model directory; a kill at any moment leaves the earlier model there, or the new one whole.

    Files of arrays have their digest in their names, so they replace none of the earlier model. Metrics and report,
    which no command needs, follow them, and `model.json`, without which a folder has no model, is the last. Raises
    WriteError if the files cannot be stored.
    """
    arrays: dict[str, Arrays] = {WEIGHTS: model.weights}
    if model.card:
        arrays[WEIGHTS] = {name: as_bfloat16(weights) for name, weights in model.weights.items()}
    if model.trigrams is not None:
        arrays[TRIGRAMS] = model.trigrams.arrays()
    if model.ngrams is not None:
        arrays[NGRAMS] = model.ngrams
    contents = {kind: arrays_bytes(parts) for kind, parts in arrays.items()}
    files = {kind: _digest(content) for kind, content in contents.items()}
    described = Description(
        preset=model.origin.preset_name,
        parameters=dataclasses.asdict(model.origin.preset),
        vocabulary=len(model.vocabulary),
        weights=model.size,
        speakers=tuple(sorted(model.vocabulary.speakers)),
        spelled_names=model.vocabulary.spelled_names,
        parts=tuple(sorted(model.vocabulary.parts)),
        seed=model.origin.seed,
        corpus=model.origin.corpus,
        versions=model.origin.versions,
        base=model.origin.base,
        plays=model.plays,
        lines=model.lines,
        files=files,
        metrics=model.metrics,
        words=model.vocabulary.words,
        card=model.card,
    )
    lines = msgspec.to_builtins(model.lines, order="deterministic")  # sets are in any order
    metrics = {"schema": SCHEMA, **msgspec.to_builtins(model.metrics)}
    write_files(
        folder,
        {file_name(kind, files[kind]): content for kind, content in contents.items()}
        | {METRICS: json_bytes(metrics), REPORT: report.encode("utf-8", errors="replace")}
        | {MODEL: sealed(msgspec.to_builtins(described) | {"lines": lines})},
    )
    kept = {file_name(*each) for each in files.items()}
    for path in folder.iterdir():
        if _ARRAYS.fullmatch(path.name) and path.name not in kept:
            path.unlink(missing_ok=True)


def file_name(kind: str, digest: str) -> str:
    """Return the name of a file of arrays with that digest."""
    return f"{kind}-{digest[:16]}.safetensors"


def sealed(described: Mapping[str, Any]) -> bytes:
    """Return the content of `model.json`: the description and its digest."""
    return json_bytes({**described, "digest": _digest(json_bytes(described))})


def is_file_of_model(name: str) -> bool:
    """Return whether a model directory has a file of that name."""
    return name in (MODEL, METRICS, REPORT) or _ARRAYS.fullmatch(name) is not None


def protect(path: Path, *, option: str = "--out", but: tuple[str, ...] = ()) -> None:
    """Raise BadInputError if writing `path` would replace a file of a model; `but` names files that may be replaced."""
    target = Path(os.path.realpath(path))
    names = (MODEL, METRICS, REPORT, LOG, *SLOTS)
    if target.name in but or not (target.name in names or _ARRAYS.fullmatch(target.name)):
        return
    if target.exists() and any((target.parent / name).is_file() for name in (MODEL, *SLOTS)):
        raise BadInputError(f"{option} {path} is a file of a model and would be overwritten", "name another file")


def load_model(folder: Path, judged: bool = False) -> TrainedModel:
    """Read a model directory, of a search that of its best run, with the n-grams of its training text if `judged`.

    Nothing in it is trusted: kinds of files, sizes, JSON, vocabulary and shapes are checked before weights are read.
    Raises BadInputError that says what is missing or broken.
    """
    if not folder.is_dir():
        raise BadInputError(f"no such model directory: {folder}", "give the --out of a train command")
    folder = model_folder(folder)
    if not (folder / MODEL).is_file():
        raise BadInputError(f"{folder} holds no model", f"there is no {MODEL}: train it first")
    try:
        described = _description(folder)
        preset = presets.preset_from(described.parameters)
        names = frozenset(described.speakers), described.spelled_names
        vocabulary = Vocabulary(described.words, *names, frozenset(described.parts))
        stored = judged and NGRAMS in described.files
        ngrams = _arrays(folder, NGRAMS, described, _MOST_NGRAMS) if stored else None
        weights = _weights(folder, preset.shapes(len(vocabulary)), described)
        trigrams = None
        if TRIGRAMS in described.files:
            trigrams = trigrams_from(_arrays(folder, TRIGRAMS, described, MOST_BYTES), len(vocabulary))
    except (FileNotFoundError, ValueError, RecursionError) as error:
        raise BadInputError(f"{folder} is damaged: {error}", "train the model again") from error
    except OSError as error:
        raise BadInputError(
            f"{folder} cannot be read: {error.strerror or error}", "check disk and permissions"
        ) from error
    arrays = {kind: digest for kind, digest in described.files.items() if kind != NGRAMS}
    origin = Origin(described.preset, preset, described.seed, described.corpus, described.versions, described.base)
    return TrainedModel(
        origin,
        vocabulary,
        weights,
        described.metrics,
        ngrams,
        trigrams,
        described.plays,
        described.lines,
        described.card,
        _digest(json_bytes([arrays, described.words])),
    )


def name_of(folder: Path) -> str:
    """Return the name of a model: that of its folder, or of the one above for a folder called `model`."""
    path = folder.resolve()
    return (path.parent.name if path.name == "model" else path.name) or "model"


def _description(folder: Path) -> Description:
    """Return what a model says of itself; BadInputError if this program cannot read it, ValueError if it is damaged."""
    described = parse_json(read_bounded(folder / MODEL, MOST_JSON))
    if not isinstance(described, dict) or "schema" not in described:
        raise ValueError(f"{MODEL} describes no model")
    if described["schema"] != SCHEMA:
        hint = f"this program reads {SCHEMA}: use the version that trained it"
        raise BadInputError(f"{folder} has schema {str(described['schema'])[:40]}", hint)
    if described.pop("digest", None) != _digest(json_bytes(described)):
        raise ValueError(f"{MODEL} is not as it was written")
    return converted(described, Description)


def _weights(folder: Path, shapes: Mapping[str, tuple[int, ...]], described: Description) -> dict[str, Floats]:
    """Return the weights, which must be numbers of exactly these shapes that do not overflow when multiplied."""
    most = sum(4 * math.prod(shape) + _HEADER for shape in shapes.values()) + _HEADER
    weights = _arrays(folder, WEIGHTS, described, most)
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise ValueError(f"the {WEIGHTS} are not the arrays that {MODEL} describes")
    if described.card and all(array.dtype == np.uint16 for array in weights.values()):
        weights = {name: from_bfloat16(array) for name, array in weights.items()}
    for name, array in weights.items():
        if array.dtype != np.float32 or not np.abs(array).max(initial=0) <= _LARGEST:  # NaN is not either
            raise ValueError(f"{name} holds something else than float32 numbers within {_LARGEST:,}")
    return weights


def _arrays(folder: Path, kind: str, described: Description, most: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file; ValueError if the file has more than `most` bytes, or another digest."""
    digest = described.files.get(kind)
    if digest is None:
        raise ValueError(f"{MODEL} names no {kind}")
    name = file_name(kind, digest)
    content = read_bounded(folder / name, most)
    if _digest(content) != digest:
        raise ValueError(f"{name} is not the file that {MODEL} describes")
    try:
        return arrays_from(content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
