"""Looking whether the store holds what its metadata names."""

from __future__ import annotations

from collections.abc import Iterator

from localpach.errors import DataLossError
from localpach.store import parts as parts_of
from localpach.store.contents import Contents
from localpach.store.database import DamagedStoreError, Database

SHOWN = 3


def named_parts(db: Database) -> dict[bytes, int]:
    """The parts that the metadata names, with their sizes."""
    found: dict[bytes, int] = {}
    with db.read() as txn:
        for table in ("files", "totals", "fileset_files"):
            for (packed,) in txn.db.execute(f"SELECT DISTINCT parts FROM {table} WHERE parts IS NOT NULL"):
                found.update(parts_of.unpack(packed))
    return found


def refuse_damaged(db: Database, contents: Contents) -> None:
    """Raise DamagedStoreError when a part is missing or of another size. Does not read the parts."""
    missing = contents.missing(named_parts(db))
    if missing:
        shown = ", ".join(name.hex() for name in missing[:SHOWN])
        raise DamagedStoreError(f"{len(missing)} contents are missing or cut off, among them {shown}")


def damaged_parts(db: Database, contents: Contents) -> Iterator[str]:
    """Read every part that the metadata names; a sentence for each that is not what it should be."""
    for name, size in named_parts(db).items():
        try:
            for _ in contents.read(parts_of.pack(name, size)):
                pass
        except DataLossError as error:
            yield error.message
