"""Model directories whose files are changed so that all digests are right again."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts import file_name, load_model, save_model
from scriptmodel_trainer.storage import json_bytes


def arrays_file(folder: Path, kind: str) -> Path:
    """The file of weights, trigrams or n-grams of a model directory."""
    (path,) = folder.glob(f"{kind}-*.npz")
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


def compressed(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an .npz file that is smaller than they are."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def without_reference(model: Path, folder: Path) -> Path:
    """Store a copy of a model that cannot judge, as one of a tiny corpus."""
    found = load_model(model)
    metrics = msgspec.structs.replace(found.metrics, held_out=None)
    folder.mkdir()
    save_model(folder, dataclasses.replace(found, metrics=metrics, reference=None), "")
    return folder
