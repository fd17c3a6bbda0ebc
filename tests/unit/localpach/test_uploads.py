"""Uploads: they take effect whole or not at all."""

from contextlib import closing
from pathlib import Path
from typing import Any

from localpach.api.pfs_files import FileCalls
from localpach.pfs import branches
from tests.unit.localpach.client import modifications
from tests.unit.localpach.store import BRANCH, Store


def test_an_upload_takes_effect_once_grpc_has_sent_its_response_to_a_client_that_still_waits(tmp_path: Path) -> None:
    store: Any = Store(tmp_path)  # all that the call needs of a backend
    caller: Any = None

    def head() -> int:
        with store.db.read() as txn:
            return branches.get(txn, BRANCH).head

    before = head()
    with closing(FileCalls(store).ModifyFile(iter(modifications("corpus", {"/a": b"a"})), caller)) as cancelled:
        next(cancelled)
    assert head() == before
    for _ in FileCalls(store).ModifyFile(iter(modifications("corpus", {"/a": b"a"})), caller):
        assert head() == before
    assert head() != before
