"""Secrets in place of those of Kubernetes; commands get them as environment variables."""

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
    """Store a secret from a Kubernetes object in JSON."""
    try:
        given = json.loads(file)
        name = given.get("metadata", {}).get("name") or ""
        data = {key: base64.b64decode(value).decode() for key, value in given.get("data", {}).items()}
        data |= given.get("stringData", {})
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise PachError(f"failed to unmarshal secret: {error}") from None
    kind = given.get("type") or "Opaque"
    if not all(isinstance(text, str) for text in (name, kind, *data.values())):
        raise PachError("failed to unmarshal secret: its name, type and data must be strings")
    if not name:
        raise PachError(
            'failed to create secret: Secret "" is invalid: metadata.name: Required value: '
            "name or generateName is required"
        )
    if txn.row("SELECT 1 FROM secrets WHERE name = ?", name) is not None:
        raise PachError(f'failed to create secret: secrets "{name}" already exists')
    txn.db.execute("INSERT INTO secrets VALUES (?, ?, ?, ?)", (name, kind, txn.now, json.dumps(data)))


def inspect(txn: Txn, name: str) -> Secret:
    """Return a secret by name. Raises PachError if it does not exist."""
    found = txn.row("SELECT name, type, created FROM secrets WHERE name = ?", name)
    if found is None:
        raise PachError(f'failed to get secret: secrets "{name}" not found')
    return Secret(*found)


def list_all(txn: Txn) -> list[Secret]:
    """List all secrets, sorted by name."""
    return [Secret(*row) for row in txn.rows("SELECT name, type, created FROM secrets ORDER BY name")]


def delete(txn: Txn, name: str) -> None:
    """Delete a secret."""
    if not txn.db.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount:
        raise PachError(f'failed to delete secret: secrets "{name}" not found')


def delete_all(txn: Txn) -> None:
    """Delete all secrets."""
    txn.db.execute("DELETE FROM secrets")


def check(txn: Txn, transform: pps.Transform) -> None:
    """Raise PachError for a pipeline whose secrets do not exist."""
    for reference in transform.secrets:
        if reference.env_var and not reference.key:
            raise PachError(f"secret {reference.name} has env_var set but is missing key")
        data = _data(txn, reference.name)
        if data is None:
            raise PachError(f"missing Kubernetes secret {reference.name}")
        if reference.env_var and reference.key not in data:
            raise PachError(f"Kubernetes secret {reference.name} missing key {reference.key}")
        if reference.mount_path:
            raise UnimplementedError("localpach does not support secrets as files: use env_var instead of mount_path")


def variables(txn: Txn, transform: pps.Transform) -> dict[str, str]:
    """Return the environment variables that a command gets from secrets."""
    found: dict[str, str] = {}
    for reference in transform.secrets:
        data = _data(txn, reference.name) or {}
        if reference.env_var and reference.key in data:
            found[reference.env_var] = data[reference.key]
    return found


def _data(txn: Txn, name: str) -> dict[str, Any] | None:
    found = txn.row("SELECT data FROM secrets WHERE name = ?", name)
    return None if found is None else json.loads(found[0])
