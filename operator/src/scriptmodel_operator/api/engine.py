"""The engine of an object: the Pachyderm or localpach that its pipelines are made on, as `KIND/ID` in an annotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.identity import ENGINE
from scriptmodel_operator.api.text import short_id

LOCALPACH, PACHYDERM = "localpach", "pachyderm"


def engine_of(raw: Mapping[str, Any]) -> str:
    """Return the engine that is recorded on an object as the API server sends it; empty without a record."""
    return str((raw["metadata"].get("annotations") or {}).get(ENGINE, ""))


def engine_name(engine: str) -> str:
    """Return the name of an engine for messages; Pachyderm while the engine is unknown."""
    return LOCALPACH if engine.startswith(f"{LOCALPACH}/") else "Pachyderm"


def engine_with_id(engine: str) -> str:
    return f"{engine_name(engine)} {short_id(engine.rpartition('/')[2])}" if engine else "one without an id"
