"""Paths: the checkout, its environments and the cache that outlives a clone."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPERATOR_ENV = ROOT / ".venv" / "operator"
TRAINER_ENV = ROOT / ".venv" / "trainer"
TOOLS_ENV = ROOT / ".venv" / "tools"


def cache() -> Path:
    """Return the folder for what is slow to make and the same for every clone (not created here)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "scriptmodel"
