"""A store without a server."""

from pathlib import Path

from localpach.pfs import branches, commitsets, projects, repos
from localpach.pfs.content import CommitContent
from localpach.pfs.filesets import EMPTY
from localpach.pfs.reading import Reader
from localpach.pfs.writing import Upload
from localpach.refs import BranchRef, RepoRef
from localpach.store.contents import SMALL, Contents
from localpach.store.database import Database

BRANCH = BranchRef(RepoRef("default", "corpus"), "master")
FILES = {"/small": b"small", "/large": b"l" * (SMALL + 1)}


class Store:
    """A store with one commit of two files."""

    def __init__(self, root: Path) -> None:
        self.db, self.contents = Database(root / "metadata.db", fsync=False), Contents(root, fsync=False)
        self.content = CommitContent()
        self.reader = Reader(self.db, self.content, self.contents)
        with self.contents.session() as session:
            upload = Upload(self.contents, session, lambda: EMPTY)
            for path, data in FILES.items():
                upload.add(path, "", data)
            changes = upload.finish()
            with self.db.write() as txn:
                projects.create(txn, "default", "", update=False)
                repos.create(txn, BRANCH.repo, "")
                commit = branches.start_commit(txn, BRANCH, None, "")
                self.content.add(txn, commit, changes)
                self.content.finish(txn, commit)

    def delete_repo(self) -> None:
        """Delete the repo with its commit."""
        with self.db.write() as txn:
            commitsets.delete_repo(txn, self.content, BRANCH.repo, force=False)
