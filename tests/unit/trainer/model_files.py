"""Reads what a training wrote, without the trainer's own code."""

import json
from pathlib import Path
from typing import Any


def described(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
    return value
