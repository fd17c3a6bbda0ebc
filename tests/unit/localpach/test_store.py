"""The store: databases that were not completed, and errors that are not damage."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from localpach.store.contents import Contents
from localpach.store.database import Database


@pytest.mark.parametrize(
    "create", [lambda root: Database(root / "metadata.db"), Contents], ids=["metadata", "contents"]
)
def test_a_database_whose_creation_was_killed_is_completed(tmp_path: Path, create: object) -> None:
    for name in ("metadata.db", "contents.db"):
        sqlite3.connect(tmp_path / name).execute("PRAGMA journal_mode = WAL").connection.close()
        assert (tmp_path / name).stat().st_size
    for _ in range(2):
        create(tmp_path).close()  # type: ignore[operator]  # parametrized
