"""Integrity checks of the store."""

from __future__ import annotations

from contextlib import closing

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store.contents import Contents
from localpach.store.database import Database, snapshot
from localpach.store.parts import PartSet


def referenced_parts(db: Database) -> PartSet:
    """Return the parts that the metadata references. Calls can change it meanwhile."""
    found = PartSet()
    with snapshot(db.path) as connection:
        for table in ("files", "totals", "fileset_files"):
            packed = connection.execute(f"SELECT parts FROM {table} WHERE parts IS NOT NULL")
            found.add(row[0] for row in packed)
    return found


def damaged_parts(db: Database, contents: Contents) -> PartSet:
    """Read every part that the metadata references; return those that are missing or damaged."""
    damaged = PartSet()
    with closing(referenced_parts(db)) as referenced:
        for digest, size in referenced:
            part = parts_of.pack(digest, size)
            try:
                for _ in contents.read(part):
                    pass
            except DataLossError:
                damaged.add([part])
    return damaged
