"""Defines the group, version, kind and well-known keys of the API, and reads the engine of an object."""

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.safe_text import short_id

GROUP = "scriptmodel.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ScriptModel"
PLURAL = "scriptmodels"
SINGULAR = "scriptmodel"
SHORT_NAME = "sm"
CATEGORY = "all"

FINALIZER = f"{GROUP}/pipelines"
FIELD_MANAGER = "scriptmodel-operator"
COMMAND_MANAGER = "scriptmodel"
"""Field manager of what users change with the command, in contrast to the operator."""

RECONCILE_AT = f"{GROUP}/reconcile-at"
"""Any new value requests a reconcile; acknowledged in status.lastHandledReconcileAt."""
RETRAIN_AT = f"{GROUP}/retrain-at"
"""Any new value requests training with an unchanged spec; acknowledged in status.lastHandledRetrainAt."""
ENGINE = f"{GROUP}/engine"
"""The Pachyderm, localpach or bucket that the object's pipelines are made on; the operator sets it. Once it is removed,
the object starts anew on the one that the operator is connected to."""
ADOPT = f"{GROUP}/adopt"
"""With the value "true", pipelines of our names without a mark are adopted."""
LOCALPACH, PACHYDERM, JOBS = "localpach", "pachyderm", "jobs"
"""Kinds of the engine that an object's pipelines are made on, which the annotation has as KIND/ID."""


def engine_of(raw: Mapping[str, Any]) -> str:
    """Return the engine that is recorded on an object as the API server sends it; empty without a record."""
    return str((raw["metadata"].get("annotations") or {}).get(ENGINE, ""))


def engine_name(engine: str) -> str:
    """Return the name of an engine for messages; Pachyderm while the engine is unknown."""
    return {LOCALPACH: LOCALPACH, JOBS: "the bucket"}.get(engine.partition("/")[0], "Pachyderm")


def engine_fetcher(engine: str) -> str:
    """Return what fetches a corpus by URL, for messages."""
    return "a Job" if engine.startswith(f"{JOBS}/") else engine_name(engine)


def engine_check(engine: str) -> str:
    """Return what to check if an engine does not answer."""
    jobs = "check the bucket and the API server, and that the operator's --storage and its credentials are right"
    process = LOCALPACH if engine.startswith(f"{LOCALPACH}/") else "pachd"
    pachd = f"check that {process} runs and that the operator's --pachd is its address"
    return jobs if engine.startswith(f"{JOBS}/") else pachd


def engine_logs(engine: str) -> str:
    """Return whose logs may explain an error of an engine."""
    kind = engine.partition("/")[0]
    return {LOCALPACH: "of the operator and of localpach", JOBS: "of the operator"}.get(
        kind, "of the operator and of pachd"
    )


def engine_with_id(engine: str) -> str:
    return f"{engine_name(engine)} {short_id(engine.rpartition('/')[2])}" if engine else "one without an id"
