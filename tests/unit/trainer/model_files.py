"""Reads what a training or an export wrote, without the trainer's own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open


def described(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    return value


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray[Any, Any]]]:
    """Metadata and arrays of an exported file."""
    with safe_open(path, "np") as file:
        return file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
