"""The files of commits, as they are composed from their ancestors."""

from pathlib import Path

import pytest

from localpach.pfs import branches, commits, projects, repos
from localpach.pfs.content import CommitContent
from localpach.store.database import Database
from tests.unit.localpach.store import BRANCH


def test_the_files_of_an_empty_commit_are_composed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db, content = Database(tmp_path / "metadata.db"), CommitContent()
    with db.write() as txn:
        projects.create(txn, "default", "", update=False)
        repos.create(txn, BRANCH.repo, "")
    for _ in range(3):
        with db.write() as txn:
            content.finish(txn, branches.start_commit(txn, BRANCH, None, ""))
    read: list[object] = []
    monkeypatch.setattr(CommitContent, "changes", lambda _self, _txn, commit: read.append(commit))
    with db.read() as txn:
        assert len(content.snapshot(txn, commits.head(txn, BRANCH))) == 0
    assert read == []
    db.close()
