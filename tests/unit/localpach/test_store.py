"""The store: databases that were not completed, and errors that are not damage."""

from __future__ import annotations

import io
import os
import sqlite3
from pathlib import Path

import pytest

from localpach.store import schema
from localpach.store.backup import backup
from localpach.store.contents import Contents
from localpach.store.database import DamagedStoreError, Database
from localpach.store.opening import METADATA


@pytest.mark.parametrize(
    "create", [lambda root: Database(root / "metadata.db"), Contents], ids=["metadata", "contents"]
)
def test_a_database_whose_creation_was_killed_is_completed(tmp_path: Path, create: object) -> None:
    for name in ("metadata.db", "contents.db"):
        sqlite3.connect(tmp_path / name).execute("PRAGMA journal_mode = WAL").connection.close()
        assert (tmp_path / name).stat().st_size
    for _ in range(2):
        create(tmp_path).close()  # type: ignore[operator]  # parametrized


def test_a_store_of_the_first_format_gets_what_later_ones_have(tmp_path: Path) -> None:
    root = tmp_path
    tables = schema.METADATA.replace(schema.ATTEMPTS, "")
    first = sqlite3.connect(root / "metadata.db")
    first.executescript(tables)
    first.executescript("PRAGMA user_version = 1; INSERT INTO settings VALUES ('cluster', 'c');")
    first.close()
    for _ in range(2):
        db = Database(root / "metadata.db")
        with db.read() as txn:
            assert txn.row("SELECT value FROM settings") == ("c",)
            assert txn.rows("SELECT * FROM attempts") == []
        db.close()


def test_a_store_of_a_later_format_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "metadata.db").close()
    later = sqlite3.connect(tmp_path / "metadata.db")
    later.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    later.close()
    with pytest.raises(DamagedStoreError, match="use the localpach that wrote it"):
        Database(tmp_path / "metadata.db")


def test_an_error_that_ended_the_transaction_is_raised_unchanged(tmp_path: Path) -> None:
    db = Database(tmp_path / "metadata.db")
    with pytest.raises(sqlite3.OperationalError, match="no such table"), db.write() as txn:
        txn.db.executescript("SELECT * FROM missing")  # it ends the transaction, as SQLite does on a full disk
    db.close()


def test_contents_can_be_written_after_the_disk_was_full(tmp_path: Path) -> None:
    contents = Contents(tmp_path)
    pages = contents._db.execute("PRAGMA page_count").fetchone()[0]
    contents._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        contents.store_small({b"1": bytes(60_000)})
    contents._db.execute(f"PRAGMA max_page_count = {pages + 100}")
    contents.store_small({b"1": bytes(60_000)})
    contents.close()


def test_a_backup_without_a_small_part_that_was_collected_meanwhile_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in (Database(tmp_path / METADATA), Contents(tmp_path)):
        store.close()
    assert backup(tmp_path, io.BytesIO()) == 0
    monkeypatch.setattr("localpach.store.backup.referenced_parts", lambda _db: {bytes(32): 5})
    with pytest.raises(DamagedStoreError, match="back up once more"):
        backup(tmp_path, io.BytesIO())


def test_fsync_writes_the_folder_of_a_large_part_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    contents = Contents(tmp_path, fsync=True)
    contents.store_large(b"\xab\xcd", b"data")
    contents.close()
    assert synced == [tmp_path / "objects/ab", tmp_path / "objects"]
