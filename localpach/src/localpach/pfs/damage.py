"""Files whose contents are damaged: which they are, and their deletion."""

from __future__ import annotations

from localpach.pfs import commits
from localpach.pfs.content import CommitContent
from localpach.pfs.paths import split_key
from localpach.store import parts as parts_of
from localpach.store.database import Database, Txn
from localpach.store.parts import PartSet

# A file is damaged in the commit that wrote a damaged part, and in later ones until one writes it anew.
_DAMAGED_FILES = """
WITH RECURSIVE found (id, key) AS (
    SELECT commit_id, key FROM files WHERE damaged(parts)
    UNION SELECT c.id, found.key FROM found JOIN commits c ON c.parent = found.id
    LEFT JOIN files f ON f.commit_id = c.id AND f.key = found.key
    WHERE c.error != '' OR NOT coalesce(f.cut, 0))
SELECT id, key FROM found"""


def files(db: Database, damaged: PartSet) -> list[str]:
    """Return the files that were written with a damaged part, as repo@commit:/path."""
    with db.read() as txn:
        _define(txn, damaged)
        written = txn.rows("SELECT commit_id, key FROM files WHERE damaged(parts) ORDER BY commit_id, key")
        return [f"{commits.get(txn, number)}:{split_key(key)[0]}" for number, key in written]


def drop(db: Database, damaged: PartSet) -> None:
    """Delete the damaged files from all commits. The next job processes the datums that wrote them again."""
    with db.write() as txn:
        _define(txn, damaged)
        found = txn.rows(_DAMAGED_FILES)
        txn.db.executemany("UPDATE files SET cut = 1, parts = NULL WHERE commit_id = ? AND key = ?", found)
        txn.db.executemany("DELETE FROM totals WHERE commit_id = ? AND key = ?", found)
        datums = {split_key(key)[1] for _, key in found}
        txn.db.executemany("UPDATE datums SET hash = '' WHERE datum = ?", ((each,) for each in datums))
    content = CommitContent()
    for number in sorted({number for number, _ in found}):
        with db.write() as txn:  # one for each, after which its files are cached
            commit = commits.get(txn, number)
            if commit.finished is not None and not commit.error:
                size = content.snapshot(txn, commit).size
                txn.db.execute("UPDATE commits SET size = ? WHERE id = ?", (size, number))


def _define(txn: Txn, damaged: PartSet) -> None:
    """Define the SQL function that returns whether a content has a damaged part."""

    def is_damaged(parts: bytes | None) -> bool:
        return any(digest in damaged for digest, _ in parts_of.unpack(parts or b""))

    txn.db.create_function("damaged", 1, is_damaged)
