"""Backup of a store as a tar archive, while it is served, and its restoration, which the next start of a server ends.

The metadata is copied before the contents, so every part that it references exists in them. A part that was collected
in between is noticed, and the backup fails.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO

from localpach.store.checking import referenced_parts
from localpach.store.contents import CONTENTS, OBJECTS, SMALL, part_path
from localpach.store.database import DamagedStoreError
from localpach.store.opening import METADATA, open_store

RESTORING, RESTORED = "restoring", "restored"
_NAME = re.compile(rf"{METADATA}|{CONTENTS}|{OBJECTS}/[0-9a-f]{{2}}/[0-9a-f]{{64}}")


def backup(root: Path, target: IO[bytes]) -> int:
    """Write an archive of a store; return its number of parts. Raises DamagedStoreError if one is lost or short."""
    with (
        tempfile.TemporaryDirectory(prefix="backup-", dir=root) as folder,
        tarfile.open(fileobj=target, mode="w|") as tar,
    ):
        copy = Path(folder)
        for name in (METADATA, CONTENTS):
            with closing(_connected(root / name)) as source, closing(sqlite3.connect(copy / name)) as copied:
                source.backup(copied)
        with (
            closing(sqlite3.connect(copy / METADATA)) as metadata,
            closing(sqlite3.connect(copy / CONTENTS)) as contents,
        ):
            generation = metadata.execute("SELECT number FROM generation").fetchone()
            contents.execute("UPDATE generation SET number = ?", generation)
            contents.commit()
        db, opened = open_store(copy)
        count = 0
        with closing(db), closing(opened), closing(referenced_parts(db)) as parts:
            for digest, size in parts:
                path = part_path(Path(OBJECTS), digest)
                try:
                    intact = opened.holds(digest, size) if size <= SMALL else (root / path).stat().st_size == size
                    if size > SMALL:
                        tar.add(root / path, str(path))
                except FileNotFoundError:
                    intact = False
                if not intact:
                    raise DamagedStoreError(f"content {digest.hex()} is lost: back up again, or see `localpach check`")
                count += 1
        for name in (CONTENTS, METADATA):
            tar.add(copy / name, name)
        return count


def restore(root: Path, source: IO[bytes]) -> None:
    """Unpack an archive next to the store, which `install` replaces. Raises DamagedStoreError if it is not whole."""
    folder = root / RESTORING
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        _unpack(source, folder)
        os.sync()
        shutil.rmtree(root / RESTORED, ignore_errors=True)
        folder.rename(root / RESTORED)
    except tarfile.TarError as error:
        raise DamagedStoreError(f"the backup cannot be read: {error}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: IO[bytes], folder: Path) -> None:
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            data = tar.extractfile(member) if _NAME.fullmatch(member.name) and member.isreg() else None
            if data is None:
                raise DamagedStoreError(f"{member.name} does not belong to a backup of localpach")
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(data, file)
    if not (folder / METADATA).exists():
        raise DamagedStoreError(f"the backup has no {METADATA}: it is not whole")
    db, contents = open_store(folder)
    with closing(db), closing(contents), closing(referenced_parts(db)) as parts:
        if not all(contents.holds(digest, size) for digest, size in parts):
            raise DamagedStoreError("the backup lacks contents: it is not whole")


def install(root: Path) -> None:
    """Replace a store that nobody serves by a restored one, if there is one. A start after a kill continues it."""
    restored = root / RESTORED
    if not restored.exists():
        return
    for name in (OBJECTS, CONTENTS, METADATA):
        if (restored / name).exists():
            for old in root.glob(f"{name}*"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            (restored / name).rename(root / name)
    shutil.rmtree(restored)


def _connected(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise DamagedStoreError(f"{path.parent} is not a root folder of localpach: it has no {path.name}")
    return sqlite3.connect(path)
