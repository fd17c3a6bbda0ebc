"""The files of commits: applying changes to the parent's files, and finishing commits."""

import time
from collections.abc import Callable

from localpach.errors import PachError
from localpach.pfs import commits
from localpach.pfs.commits import Commit
from localpach.pfs.filesets import EMPTY, Change, Changes, Snapshot, SnapshotCache
from localpach.store.database import Txn

# A total is written once the changes since the last one exceed this number and the number of files.
FILES_BETWEEN_TOTALS = 1000
CACHED_FILES = 300_000


class CommitContent:
    """The files of commits, read through a cache of snapshots."""

    def __init__(self) -> None:
        self._cache = SnapshotCache(CACHED_FILES)
        self.on_finished: list[Callable[[Txn, Commit], None]] = []

    def snapshot(self, txn: Txn, commit: Commit) -> Snapshot:
        if commit.finished is not None and not commit.error:
            return self._finished_snapshot(txn, commit)
        base = self._base(txn, commit)
        base_snapshot = EMPTY if base is None else self._finished_snapshot(txn, base)
        return base_snapshot.apply(self.changes(txn, commit))

    def changes(self, txn: Txn, commit: Commit) -> Changes:
        """Return the changes of a commit relative to its parent."""
        found = txn.rows("SELECT key, cut, parts FROM files WHERE commit_id = ? ORDER BY key", commit.id)
        return Changes({name: Change(bool(cut), parts) for name, cut, parts in found})

    def size_upper_bound(self, txn: Txn, commit: Commit) -> int:
        """Return the size of a commit in bytes; for an open or failed commit, overwritten bytes count too."""
        if commit.finished is not None and not commit.error:
            return commit.size or 0
        try:
            base = self._base(txn, commit)
        except PachError:
            return 0
        return (0 if base is None else base.size or 0) + self.changes(txn, commit).added_bytes()

    def add(self, txn: Txn, commit: Commit, changes: Changes) -> None:
        commits.require_open(commit)
        for name, change in changes.files.items():
            before = txn.row("SELECT cut, parts FROM files WHERE commit_id = ? AND key = ?", commit.id, name)
            if before is not None:
                earlier = Changes({name: Change(bool(before[0]), before[1])})
                combined = earlier.then(Changes({name: change})).files[name]
            else:
                combined = change
            txn.db.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (commit.id, name, combined.cut, combined.parts)
            )

    def clear(self, txn: Txn, commit: Commit) -> None:
        txn.db.execute("DELETE FROM files WHERE commit_id = ?", (commit.id,))

    def finish(self, txn: Txn, commit: Commit, *, description: str = "", error: str = "", force: bool = False) -> None:
        """Finish a commit now, or together with its parent if that is not finished yet."""
        closed = commits.mark_finishing(txn, commit, description=description, error=error, force=force)
        self._finalize(txn, closed)

    def delete(self, txn: Txn, commit: Commit) -> None:
        for table in ("files", "totals", "datums"):
            txn.db.execute(f"DELETE FROM {table} WHERE commit_id = ?", (commit.id,))
        txn.run_after_commit(lambda: self._cache.discard(commit.id))

    def _finalize(self, txn: Txn, commit: Commit) -> None:
        if commit.error:
            txn.db.execute("UPDATE commits SET finished = ?, details = 0 WHERE id = ?", (txn.now, commit.id))
        else:
            try:
                base = self._base(txn, commit)
            except PachError:
                return  # the parent is not finished yet: this commit is finished together with it
            self._close(txn, commit, base)
        txn.changed_keys.add(("commit", commit.id))
        finished = commits.get(txn, commit.id)
        for action in self.on_finished:
            action(txn, finished)
        for child in commits.children(txn, finished):
            if child.finishing is not None and child.finished is None:
                self._finalize(txn, child)

    def _close(self, txn: Txn, commit: Commit, base: Commit | None) -> None:
        start = time.perf_counter_ns()
        base_snapshot = EMPTY if base is None else self._finished_snapshot(txn, base)
        changes = self.changes(txn, commit)
        snapshot = base_snapshot.apply(changes)
        composed = time.perf_counter_ns()
        conflict = snapshot.conflict_after(changes)
        distance = (0 if base is None else base.files_since_total) + len(changes.files)
        if not conflict and distance > max(FILES_BETWEEN_TOTALS, len(snapshot)):
            distance = 0
            self._write_total(txn, commit, snapshot)
        txn.db.execute(
            "UPDATE commits SET finished = ?, error = ?, details = 1, size = ?, compacting = ?, validating = ?,"
            " files_since_total = ? WHERE id = ?",
            (
                max(txn.now, commit.finishing or 0),
                conflict,
                snapshot.size,
                composed - start,
                time.perf_counter_ns() - composed,
                distance,
                commit.id,
            ),
        )
        if not conflict:
            txn.run_after_commit(lambda: self._cache.put(commit.id, snapshot))

    def _finished_snapshot(self, txn: Txn, commit: Commit) -> Snapshot:
        """Return the files of a finished commit without error: from the cache, or from a total and later changes."""
        pending: list[Commit] = []
        current: Commit | None = commit
        snapshot: Snapshot | None = None
        while current is not None and snapshot is None:
            snapshot = self._cache.get(current.id)
            if snapshot is None:  # an empty one is false
                snapshot = self._total(txn, current)
            if snapshot is None:
                pending.append(current)
                current = self._base(txn, current)
        result = EMPTY if snapshot is None else snapshot
        for later in reversed(pending):
            result = result.apply(self.changes(txn, later))
        txn.run_after_commit(lambda: self._cache.put(commit.id, result))
        return result

    def _base(self, txn: Txn, commit: Commit) -> Commit | None:
        """Return the nearest ancestor without error; files of commits with an error are not inherited."""
        current = commit.parent
        while current is not None:
            ancestor = commits.get(txn, current)
            if not ancestor.error:
                if ancestor.finished is None:
                    raise PachError(f"base commit {ancestor} for commit {commit} unfinished")
                return ancestor
            current = ancestor.parent
        return None

    def _total(self, txn: Txn, commit: Commit) -> Snapshot | None:
        if commit.files_since_total:
            return None
        found = txn.rows("SELECT key, parts FROM totals WHERE commit_id = ? ORDER BY key", commit.id)
        if not found:
            return None
        return Snapshot(dict(found), [row[0] for row in found])

    def _write_total(self, txn: Txn, commit: Commit, snapshot: Snapshot) -> None:
        txn.db.executemany(
            "INSERT INTO totals VALUES (?, ?, ?)", ((commit.id, name, parts) for name, parts in snapshot.files.items())
        )
