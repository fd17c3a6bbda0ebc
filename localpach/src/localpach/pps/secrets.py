"""Secrets: stand in for those of Kubernetes, given to commands as environment variables."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from localpach.errors import PachError, UnimplementedError
from localpach.messages import pps
from localpach.store.database import Txn


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret without its data."""

    name: str
    type: str
    created: int


def create(txn: Txn, file: bytes) -> None:
    """Keep a secret given as a Kubernetes object in JSON."""
    try:
        given = json.loads(file)
        name = given.get("metadata", {}).get("name", "")
        data = {key: base64.b64decode(value).decode() for key, value in given.get("data", {}).items()}
        data |= given.get("stringData", {})
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise PachError(f"failed to unmarshal secret: {error}") from None
    if not name:
        raise PachError(
            'failed to create secret: Secret "" is invalid: metadata.name: Required value: '
            "name or generateName is required"
        )
    if txn.row("SELECT 1 FROM secrets WHERE name = ?", name) is not None:
        raise PachError(f'failed to create secret: secrets "{name}" already exists')
    txn.db.execute(
        "INSERT INTO secrets VALUES (?, ?, ?, ?)", (name, given.get("type", "Opaque"), txn.now, json.dumps(data))
    )


def inspect(txn: Txn, name: str) -> Secret:
    """A secret by name."""
    found = txn.row("SELECT name, type, created FROM secrets WHERE name = ?", name)
    if found is None:
        raise PachError(f'failed to get secret: secrets "{name}" not found')
    return Secret(*found)


def listed(txn: Txn) -> list[Secret]:
    """All secrets by name."""
    return [Secret(*row) for row in txn.rows("SELECT name, type, created FROM secrets ORDER BY name")]


def delete(txn: Txn, name: str) -> None:
    """Delete a secret."""
    if not txn.db.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount:
        raise PachError(f'failed to delete secret: secrets "{name}" not found')


def delete_all(txn: Txn) -> None:
    """Delete all secrets."""
    txn.db.execute("DELETE FROM secrets")


def check(txn: Txn, transform: pps.Transform) -> None:
    """Refuse a pipeline that wants a secret that is not there."""
    for wanted in transform.secrets:
        if wanted.env_var and not wanted.key:
            raise PachError(f"secret {wanted.name} has env_var set but is missing key")
        data = _data(txn, wanted.name)
        if data is None:
            raise PachError(f"missing Kubernetes secret {wanted.name}")
        if wanted.env_var and wanted.key not in data:
            raise PachError(f"Kubernetes secret {wanted.name} missing key {wanted.key}")
        if wanted.mount_path:
            raise UnimplementedError("localpach gives secrets as environment variables only, not as files")


def variables(txn: Txn, transform: pps.Transform) -> dict[str, str]:
    """The environment variables that a command gets from secrets."""
    found: dict[str, str] = {}
    for wanted in transform.secrets:
        data = _data(txn, wanted.name) or {}
        if wanted.env_var and wanted.key in data:
            found[wanted.env_var] = data[wanted.key]
    return found


def _data(txn: Txn, name: str) -> dict[str, Any] | None:
    found = txn.row("SELECT data FROM secrets WHERE name = ?", name)
    return None if found is None else json.loads(found[0])
