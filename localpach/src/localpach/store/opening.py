"""Opening the two halves of a store, metadata and contents, and the checks that they belong together."""

from pathlib import Path

from localpach.store.contents import CONTENTS, Contents
from localpach.store.database import DamagedStoreError, Database

METADATA = "metadata.db"


def open_store(root: Path, *, fsync: bool = True, accept_loss: bool = False) -> tuple[Database, Contents]:
    """Open a store or create an empty one. Raises DamagedStoreError if acknowledged changes are missing.

    With ``accept_loss`` a store that has lost its last changes continues from the state before them.
    """
    if (root / CONTENTS).exists() and not (root / METADATA).exists():
        raise DamagedStoreError(f"{root} has contents but no {METADATA}: restore the file, or use another --root")
    db, contents = Database(root / METADATA, fsync=fsync), Contents(root, fsync=fsync)
    lost = contents.generation() - db.generation()
    if lost > 0 and not accept_loss:
        raise DamagedStoreError(
            f"{root / METADATA} lost its last {lost} changes, which were acknowledged: continue without them by "
            f"`localpach serve --root {root} --accept-loss`, or use another --root"
        )
    contents.record_generation(db.generation())
    db.on_commit = contents.record_generation
    return db, contents
