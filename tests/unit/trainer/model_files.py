"""Reads what a training or an export wrote, without the trainer's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def described(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    return value


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray[Any, Any]]]:
    """A reader of the published format, without the library: metadata and arrays."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    metadata = header.pop("__metadata__")
    data = content[8 + length :]
    arrays, covered = {}, []
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        kind = {"F32": "<f4", "I32": "<i4"}[entry["dtype"]]
        arrays[name] = np.frombuffer(data[first:end], kind).reshape(entry["shape"])
        covered.append((first, end))
    assert (8 + length) % 8 == 0
    assert [first for first, _ in sorted(covered)] == [0, *(end for _, end in sorted(covered)[:-1])]
    assert max(end for _, end in covered) == len(data)
    return metadata, arrays
