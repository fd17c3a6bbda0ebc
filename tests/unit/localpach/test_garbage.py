"""Garbage collection beside other calls."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localpach.pfs.garbage import collect
from localpach.refs import CommitRef
from localpach.store import parts as parts_of
from tests.unit.localpach.store import BRANCH, FILES, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open the store."""
    opened = Store(tmp_path)
    yield opened
    opened.db.close()
    opened.contents.close()


def test_what_a_reader_has_opened_is_kept_until_it_has_ended(store: Store) -> None:
    tree = store.reader.open(CommitRef(BRANCH.repo, branch="master"), None).tree
    store.delete_repo()
    assert collect(store.db, store.contents) == (0, 0)
    read = {entry.path: b"".join(tree.read(entry)) for entry in tree.walk() if not entry.is_dir}
    assert read == FILES
    del tree
    assert collect(store.db, store.contents) == (2, sum(map(len, FILES.values())))


def test_calls_continue_while_the_store_is_scanned(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack, waited = parts_of.unpack, []

    def scanned(parts: bytes) -> Iterator[tuple[bytes, int]]:
        call = threading.Thread(target=store.delete_repo)
        call.start()
        call.join(20)
        waited.append(call.is_alive())
        return unpack(parts)

    monkeypatch.setattr(parts_of, "unpack", scanned)
    collect(store.db, store.contents)
    assert waited == [False, False]
