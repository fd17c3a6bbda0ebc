"""The files of commits: composing changes with what is below them, and closing commits."""

from __future__ import annotations

import time
from collections.abc import Callable

from localpach.errors import PachError
from localpach.pfs import commits
from localpach.pfs.commits import Commit
from localpach.pfs.filesets import EMPTY, Change, Changes, Snapshot, SnapshotCache
from localpach.store.database import Txn

# A whole list of files is written down once the changes since the last one are as many as this, or as the files.
FILES_BETWEEN_TOTALS = 1000
CACHED_FILES = 300_000


class CommitContent:
    """The files of commits, read through a cache of snapshots."""

    def __init__(self) -> None:
        self._cache = SnapshotCache(CACHED_FILES)
        self.on_finished: list[Callable[[Txn, Commit], None]] = []

    def snapshot(self, txn: Txn, commit: Commit) -> Snapshot:
        """All files of a commit, open or finished."""
        if commit.finished is not None and not commit.error:
            return self._finished(txn, commit)
        base = self._base(txn, commit)
        below = EMPTY if base is None else self._finished(txn, base)
        return below.apply(self.changes(txn, commit))

    def changes(self, txn: Txn, commit: Commit) -> Changes:
        """What a commit changes."""
        found = txn.rows("SELECT key, cut, parts FROM files WHERE commit_id = ? ORDER BY key", commit.id)
        return Changes({name: Change(bool(cut), parts) for name, cut, parts in found})

    def size_upper_bound(self, txn: Txn, commit: Commit) -> int:
        """The bytes of a commit, counting what is overwritten as long as it is not closed without error."""
        if commit.finished is not None and not commit.error:
            return commit.size or 0
        try:
            base = self._base(txn, commit)
        except PachError:
            return 0
        return (0 if base is None else base.size or 0) + self.changes(txn, commit).added_bytes()

    def add(self, txn: Txn, commit: Commit, changes: Changes) -> None:
        """Put changes into an open commit, after those that it has."""
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
        txn.touched.add(("files", commit.id))

    def clear(self, txn: Txn, commit: Commit) -> None:
        """Forget what a commit changes."""
        txn.db.execute("DELETE FROM files WHERE commit_id = ?", (commit.id,))

    def finish(self, txn: Txn, commit: Commit, *, description: str = "", error: str = "", force: bool = False) -> None:
        """Close a commit. It is finished at once, or as soon as the one below it is."""
        closed = commits.mark_finishing(txn, commit, description=description, error=error, force=force)
        self._finalize(txn, closed)

    def fold_into_children(self, txn: Txn, commit: Commit) -> None:
        """Hand the changes of a commit that is about to be deleted to its children."""
        own = self.changes(txn, commit)
        for child in commits.children(txn, commit):
            if not commit.error and own.files:
                combined = own.then(self.changes(txn, child))
                self.clear(txn, child)
                self._write(txn, child.id, combined)
            distance = child.files_since_total + commit.files_since_total
            txn.db.execute("UPDATE commits SET files_since_total = ? WHERE id = ?", (distance, child.id))

    def forget(self, txn: Txn, commit: Commit) -> None:
        """Remove the files of a deleted commit."""
        for table in ("files", "totals", "datums"):
            txn.db.execute(f"DELETE FROM {table} WHERE commit_id = ?", (commit.id,))
        txn.when_kept(lambda: self._cache.forget([commit.id]))

    def _finalize(self, txn: Txn, commit: Commit) -> None:
        if commit.error:
            txn.db.execute("UPDATE commits SET finished = ?, details = 0 WHERE id = ?", (txn.now, commit.id))
        else:
            try:
                base = self._base(txn, commit)
            except PachError:
                return  # the commit below is still open: finished together with it
            self._close(txn, commit, base)
        txn.touched |= {("commit", commit.id), ("commits of", commit.repo)}
        finished = commits.get(txn, commit.id)
        for action in self.on_finished:
            action(txn, finished)
        for child in commits.children(txn, finished):
            if child.finishing is not None and child.finished is None:
                self._finalize(txn, child)

    def _close(self, txn: Txn, commit: Commit, base: Commit | None) -> None:
        start = time.perf_counter_ns()
        below = EMPTY if base is None else self._finished(txn, base)
        changes = self.changes(txn, commit)
        snapshot = below.apply(changes)
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
            txn.when_kept(lambda: self._cache.put(commit.id, snapshot))

    def _finished(self, txn: Txn, commit: Commit) -> Snapshot:
        """The files of a finished commit without error: from the cache, a total, or the changes since one."""
        pending: list[Commit] = []
        current: Commit | None = commit
        snapshot: Snapshot | None = None
        while current is not None and snapshot is None:
            snapshot = self._cache.get(current.id) or self._total(txn, current)
            if snapshot is None:
                pending.append(current)
                current = self._base(txn, current)
        result = snapshot or EMPTY
        for later in reversed(pending):
            result = result.apply(self.changes(txn, later))
        txn.when_kept(lambda: self._cache.put(commit.id, result))
        return result

    def _base(self, txn: Txn, commit: Commit) -> Commit | None:
        """The nearest commit below that has no error: files of commits with an error are not handed on."""
        below = commit.parent
        while below is not None:
            parent = commits.get(txn, below)
            if not parent.error:
                if parent.finished is None:
                    raise PachError(f"base commit {parent} for commit {commit} unfinished")
                return parent
            below = parent.parent
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
            "INSERT INTO totals VALUES (?, ?, ?)",
            ((commit.id, name, parts) for name, parts in snapshot.files.items()),
        )

    def _write(self, txn: Txn, commit: int, changes: Changes) -> None:
        txn.db.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?)",
            ((commit, name, change.cut, change.parts) for name, change in changes.files.items()),
        )
