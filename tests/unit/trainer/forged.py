"""Model directories whose files are changed so that all digests are right again."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts import load_model, save_model
from scriptmodel_trainer.storage import json_bytes


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of a model directory, and its digest in `model.json`."""
    (folder / name).unlink(missing_ok=True)  # never through a link, nor into a pipe
    (folder / name).write_bytes(content)
    describe(folder)


def rewrite_json(folder: Path, name: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the content of a JSON file of a model directory, and its digest in `model.json`."""
    value = json.loads((folder / name).read_bytes())
    change(value)
    rewrite(folder, name, json.dumps(value).encode())


def compressed(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an .npz file that is smaller than they are."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def describe(folder: Path) -> None:
    """Write the current digests of the files, and its own, into `model.json`."""
    described = json.loads((folder / "model.json").read_bytes())
    described.pop("digest", None)
    if isinstance(described.get("files"), dict):
        for name in described["files"]:
            if (folder / name).is_file():
                described["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    described["digest"] = hashlib.sha256(json_bytes(described)).hexdigest()
    (folder / "model.json").write_bytes(json_bytes(described))


def without_reference(model: Path, folder: Path) -> Path:
    """Store a copy of a model that cannot judge, as one of a tiny corpus."""
    found = load_model(model)
    metrics = dataclasses.replace(found.metrics, held_out=None)
    folder.mkdir()
    save_model(folder, dataclasses.replace(found, metrics=metrics, reference=None), "")
    return folder
