"""Integrity checks of the store."""

from __future__ import annotations

from collections.abc import Iterator

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store.contents import Contents
from localpach.store.database import DamagedStoreError, Database

MAX_SHOWN = 3


def referenced_parts(db: Database) -> dict[bytes, int]:
    """Return the parts that the metadata references, with their sizes."""
    found: dict[bytes, int] = {}
    with db.read() as txn:
        for table in ("files", "totals", "fileset_files"):
            for (packed,) in txn.db.execute(f"SELECT DISTINCT parts FROM {table} WHERE parts IS NOT NULL"):
                found.update(parts_of.unpack(packed))
    return found


def require_intact(db: Database, contents: Contents) -> None:
    """Raise DamagedStoreError if a part is missing or has another size. Does not read the parts."""
    missing = contents.missing(referenced_parts(db))
    if missing:
        shown = ", ".join(digest.hex() for digest in missing[:MAX_SHOWN])
        raise DamagedStoreError(f"{len(missing)} contents are missing or truncated, e.g. {shown}")


def damaged_parts(db: Database, contents: Contents) -> Iterator[str]:
    """Read every part that the metadata references; yield a message for each that is missing or damaged."""
    for digest, size in referenced_parts(db).items():
        try:
            for _ in contents.read(parts_of.pack(digest, size)):
                pass
        except DataLossError as error:
            yield error.message
