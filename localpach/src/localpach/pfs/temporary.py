"""Temporary file sets: changes that CreateFileSet stores for a limited time, from which ModifyFile copies."""

import uuid

from localpach.errors import NotFoundError, PachError
from localpach.messages import SECOND
from localpach.pfs.filesets import Change, Changes
from localpach.store.database import Txn

DEFAULT_TTL = 30 * 60
LAST_INSTANT = 2**63 - 1  # nanoseconds; SQLite's largest integer
ID_LENGTH = 32  # hex digits


def save(txn: Txn, changes: Changes, ttl: int = DEFAULT_TTL) -> str:
    """Store changes for ``ttl`` seconds, limited by the largest time of the database; return their id."""
    name = uuid.uuid4().hex
    expires = max(0, min(txn.now + ttl * SECOND, LAST_INSTANT))
    txn.db.execute("INSERT INTO filesets VALUES (?, ?)", (name, expires))
    txn.db.executemany(
        "INSERT INTO fileset_files VALUES (?, ?, ?, ?)",
        ((name, key, change.cut, change.parts) for key, change in changes.files.items()),
    )
    return name


def load(txn: Txn, name: str) -> Changes:
    """Return the changes of a file set. Raises NotFoundError if it does not exist or has expired."""
    length = len(name.replace("-", ""))
    if length != ID_LENGTH:
        raise PachError(f"parsing fileset.ID: too {'short' if length < ID_LENGTH else 'long'} to be ID len={length}")
    if txn.row("SELECT 1 FROM filesets WHERE id = ?", name) is None:
        raise NotFoundError(f"fileset {name} not found")
    found = txn.rows("SELECT key, cut, parts FROM fileset_files WHERE fileset = ? ORDER BY key", name)
    return Changes({key: Change(bool(cut), parts) for key, cut, parts in found})


def expire(txn: Txn) -> None:
    txn.db.execute("DELETE FROM fileset_files WHERE fileset IN (SELECT id FROM filesets WHERE expires < ?)", (txn.now,))
    txn.db.execute("DELETE FROM filesets WHERE expires < ?", (txn.now,))
