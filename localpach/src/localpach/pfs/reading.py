"""Reading the files of commits."""

from dataclasses import dataclass

from localpach.errors import NotFoundError, PachError
from localpach.pfs import commits, temporary
from localpach.pfs.commits import Commit
from localpach.pfs.content import CommitContent
from localpach.pfs.filesets import EMPTY
from localpach.pfs.listing import Tree
from localpach.pfs.repos import FILESETS_REPO
from localpach.refs import CommitRef
from localpach.store.contents import Contents
from localpach.store.database import Database, Txn
from localpach.waiting import Caller, wait_until


@dataclass(frozen=True, slots=True)
class OpenCommit:
    """A commit whose files can be read. ``commit`` is None for a temporary file set."""

    commit: Commit | None
    ref: CommitRef
    tree: Tree


class Reader:
    """Reads the files of commits; waits for commits that are finishing."""

    def __init__(self, db: Database, content: CommitContent, contents: Contents) -> None:
        self._db = db
        self._content = content
        self._contents = contents

    def open(self, ref: CommitRef, caller: Caller | None) -> OpenCommit:
        """Open a commit at its current state. Raises NotFoundError."""
        if ref.repo.name == FILESETS_REPO:
            with self._db.read() as txn:
                snapshot = EMPTY.apply(temporary.load(txn, ref.id))
                return OpenCommit(None, ref, Tree(snapshot, self._contents, str(ref)))
        with self._db.read() as txn:
            commit = commits.resolve(txn, ref)
            if commit.finishing is None or commit.finished is not None:
                return self._opened(txn, commit, ref)
        finished = self.wait_finished(commit, caller)
        with self._db.read() as txn:
            return self._opened(txn, finished, ref)

    def open_commit(self, ref: CommitRef, caller: Caller | None) -> tuple[Commit, Tree]:
        """Open a commit, never a temporary file set. Raises NotFoundError."""
        opened = self.open(ref, caller)
        if opened.commit is None:
            raise NotFoundError(f"commit {ref} not found")
        return opened.commit, opened.tree

    def wait_finished(self, commit: Commit, caller: Caller | None) -> Commit:
        """Wait until a commit is finished and return it. Raises PachError if it is deleted first."""

        def ready(txn: Txn) -> Commit | None:
            now = commits.find(txn, commit.repo, commit.uuid)
            if now is None:
                raise PachError(f"commit {commit} was deleted")
            return now if now.finished is not None else None

        return wait_until(self._db, caller, ("commit", commit.id), ready)

    def _opened(self, txn: Txn, commit: Commit, ref: CommitRef) -> OpenCommit:
        return OpenCommit(commit, ref, Tree(self._content.snapshot(txn, commit), self._contents, str(commit)))
