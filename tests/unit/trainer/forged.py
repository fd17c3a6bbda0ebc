"""Model directories whose files are changed so that all digests are right again."""

import dataclasses
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import file_name, load_model, save_model
from scriptmodel_trainer.storage.files import arrays_from, json_bytes


def arrays_file(folder: Path, kind: str) -> Path:
    """The file of weights, trigrams or n-grams of a model directory."""
    (path,) = folder.glob(f"{kind}-*.safetensors")
    return path


def rewrite(folder: Path, kind: str, content: bytes) -> None:
    """Replace a file of arrays of a model directory, and its digest in its name and in `model.json`."""
    arrays_file(folder, kind).unlink()  # never through a link, nor into a pipe
    digest = hashlib.sha256(content).hexdigest()
    (folder / file_name(kind, digest)).write_bytes(content)
    rewrite_json(folder, lambda described: described["files"].update({kind: digest}))


def rewrite_json(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the content of `model.json`, and its digest."""
    described = json.loads((folder / "model.json").read_bytes())
    described.pop("digest", None)
    change(described)
    write_description(folder, described)


def write_description(folder: Path, described: Any) -> None:
    """Replace `model.json`, with its right digest if it describes anything."""
    if not isinstance(described, dict):
        (folder / "model.json").write_text(json.dumps(described))
        return
    digest = hashlib.sha256(json_bytes(described)).hexdigest()
    (folder / "model.json").write_text(json.dumps({**described, "digest": digest}))


def with_header(header: Any, contents: bytes, length: int | None = None) -> bytes:
    """A safetensors file of that header, which may lie, also about its own length."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + contents


def stored_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file of a model."""
    return arrays_from(path.read_bytes())


def without_reference(model: Path, folder: Path) -> Path:
    """Store a copy of a model that cannot judge, as one of a tiny corpus."""
    found = load_model(model)
    metrics = msgspec.structs.replace(found.metrics, held_out=None)
    folder.mkdir()
    save_model(folder, dataclasses.replace(found, metrics=metrics, ngrams=None), "")
    return folder
