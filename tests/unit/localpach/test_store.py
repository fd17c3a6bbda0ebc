"""The store: databases that were not completed, and errors that are not damage."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from localpach.errors import DataLossError
from localpach.store import schema
from localpach.store.contents import SMALL, Contents
from localpach.store.database import DamagedStoreError, Database


@pytest.mark.parametrize(
    "create", [lambda root: Database(root / "metadata.db"), Contents], ids=["metadata", "contents"]
)
def test_a_database_whose_creation_was_killed_is_completed(tmp_path: Path, create: object) -> None:
    for name in ("metadata.db", "contents.db"):
        sqlite3.connect(tmp_path / name).execute("PRAGMA journal_mode = WAL").connection.close()
        assert (tmp_path / name).stat().st_size
    for _ in range(2):
        create(tmp_path).close()  # type: ignore[operator]  # parametrized


@pytest.mark.parametrize("other", [schema.VERSION - 1, schema.VERSION + 1])
def test_a_store_of_another_format_is_refused(tmp_path: Path, other: int) -> None:
    Database(tmp_path / "metadata.db").close()
    store = sqlite3.connect(tmp_path / "metadata.db")
    store.execute(f"PRAGMA user_version = {other}")
    store.close()
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


@pytest.fixture
def contents(tmp_path: Path) -> Iterator[Contents]:
    """Open an empty content store without fsync."""
    opened = Contents(tmp_path, fsync=False)
    yield opened
    opened.close()


def test_a_large_part_is_on_the_disk_before_it_gets_its_name_and_its_folders_after_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    replace = Path.replace

    def synced(number: int) -> None:
        steps.append(str(Path(f"/proc/self/fd/{number}").readlink().relative_to(tmp_path)))

    def replaced(path: Path, target: Path) -> None:
        steps.append(f"{path.name} -> {target.name}")
        replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    contents = Contents(tmp_path)
    part = ["objects/ab/abcd", "objects/ab", "objects"]
    contents.store_large(b"\xab\xcd", b"data")
    assert steps == ["incoming/1", "1 -> abcd", *part]
    steps.clear()
    contents.store_large(b"\xab\xcd", b"data")  # which another call may have written, and not synced yet
    assert steps == part
    contents.close()


def test_content_that_is_damaged_on_disk_is_written_anew_when_it_is_pushed_again(contents: Contents) -> None:
    for data in (b"small", b"l" * (SMALL + 1)):
        with contents.session() as session:
            parts = session.add(data)
            session.flush()
        contents._db.execute("UPDATE small SET data = x'00'")
        for path in contents._objects.glob("*/*"):
            path.write_bytes(b"damaged")
        with pytest.raises(DataLossError):
            list(contents.read(parts))
        with contents.session() as session:
            session.add(data)
            session.flush()
        assert b"".join(contents.read(parts)) == data
