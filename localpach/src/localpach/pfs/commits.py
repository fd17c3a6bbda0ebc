"""Commits: creating, finding and finishing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from localpach.errors import NotFoundError, PachError
from localpach.names import is_commit_id, parse_ancestry
from localpach.pfs import repos
from localpach.refs import META, SPEC, USER, BranchRef, CommitRef, RepoRef
from localpach.store.database import Txn

_COLUMNS = """c.id, r.project, r.name, r.type, c.uuid, c.branch, c.origin, c.description, c.parent, c.started,
c.finishing, c.finished, c.error, c.details, c.size, c.compacting, c.validating, c.files_since_total"""
_FROM = f"SELECT {_COLUMNS} FROM commits c JOIN repos r ON r.id = c.repo"
_IN_REPO = f"{_FROM} WHERE r.project = ? AND r.name = ? AND r.type = ?"


class Origin(IntEnum):
    """The origin of a commit, with the numbers of the message."""

    USER = 1
    AUTO = 2


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. ``id`` and ``parent`` are row ids, times are nanoseconds since the epoch, durations nanoseconds."""

    id: int
    repo: RepoRef
    uuid: str
    branch: str
    origin: int
    description: str
    parent: int | None
    started: int
    finishing: int | None
    finished: int | None
    error: str
    details: bool
    size: int | None
    compacting: int | None
    validating: int | None
    files_since_total: int

    def __str__(self) -> str:
        return f"{self.repo}@{self.uuid}"


def get(txn: Txn, number: int) -> Commit:
    found = txn.row(f"{_FROM} WHERE c.id = ?", number)
    assert found is not None, "rows that are referred to exist"  # noqa: S101  # a bug, not a request's fault
    return _from_row(found)


def find(txn: Txn, repo: RepoRef, uuid: str) -> Commit | None:
    return txn.first(_from_row, f"{_IN_REPO} AND c.uuid = ?", *repo.columns, uuid)


def in_repo(txn: Txn, repo: RepoRef | None) -> list[Commit]:
    """Return all commits of a repo, or of all repos, newest first."""
    if repo is None:
        return txn.all(_from_row, f"{_FROM} ORDER BY c.id DESC")
    return txn.all(_from_row, f"{_IN_REPO} ORDER BY c.id DESC", *repo.columns)


def with_id(txn: Txn, uuid: str) -> list[Commit]:
    """Return the commits with this id, sorted by repo."""
    found = txn.all(_from_row, f"{_FROM} WHERE c.uuid = ?", uuid)
    return sorted(found, key=lambda commit: commit.repo.key)


def children(txn: Txn, commit: Commit) -> list[Commit]:
    return txn.all(_from_row, f"{_FROM} WHERE c.parent = ? ORDER BY c.id", commit.id)


def direct_provenance(txn: Txn, commit: Commit) -> list[Commit]:
    """Return the direct provenance of a commit, in the order of its branch's provenance."""
    return txn.all(
        _from_row,
        f"SELECT {_COLUMNS} FROM commit_provenance p JOIN commits c ON c.id = p.provenance"
        " JOIN repos r ON r.id = c.repo WHERE p.commit_id = ? ORDER BY p.position",
        commit.id,
    )


def provenance_of_set(txn: Txn, uuid: str) -> list[Commit]:
    """Return the provenance of a commit set that is outside the set, sorted by repo."""
    found = txn.rows(
        "WITH RECURSIVE below (id) AS ("
        " SELECT p.provenance FROM commits c JOIN commit_provenance p ON p.commit_id = c.id WHERE c.uuid = ?"
        " UNION SELECT p.provenance FROM below b JOIN commit_provenance p ON p.commit_id = b.id)"
        f" SELECT {_COLUMNS} FROM below b JOIN commits c ON c.id = b.id JOIN repos r ON r.id = c.repo"
        " WHERE c.uuid != ?",
        uuid,
        uuid,
    )
    return sorted((_from_row(row) for row in found), key=lambda commit: commit.repo.key)


def resolve(txn: Txn, ref: CommitRef) -> Commit:
    """Return the commit of a reference: by id, by branch, by an id of another repo's commit, with ancestry suffixes."""
    if not ref.id and not ref.branch:
        raise PachError("cannot resolve commit with no ID or branch")
    uuid, generations = parse_ancestry(ref.id)
    branch = ref.branch
    if uuid and not is_commit_id(uuid):
        if branch:
            raise PachError(f"invalid commit ID given with a branch ({ref.repo.branch(branch)}): {uuid}\n")
        branch, uuid = uuid, ""
    commit = _by_id(txn, ref.repo, uuid) if uuid else head(txn, ref.repo.branch(branch))
    if generations >= 0:
        for _ in range(generations):
            if commit.parent is None:
                raise NotFoundError(f"commit {ref} not found")
            commit = get(txn, commit.parent)
        return commit
    history = [commit]
    while history[-1].parent is not None:
        history.append(get(txn, history[-1].parent))
    if len(history) < -generations:
        raise NotFoundError(f"commit {ref} not found")
    return history[generations]


def head(txn: Txn, branch: BranchRef) -> Commit:
    found = txn.row(
        f"SELECT {_COLUMNS} FROM branches b JOIN repos br ON br.id = b.repo JOIN commits c ON c.id = b.head"
        " JOIN repos r ON r.id = c.repo WHERE br.project = ? AND br.name = ? AND br.type = ? AND b.name = ?",
        *branch.repo.columns,
        branch.name,
    )
    if found is None:
        raise NotFoundError(f'branch "{branch.name}" not found in repo {branch.repo}')
    return _from_row(found)


def add(
    txn: Txn,
    branch: BranchRef,
    *,
    origin: Origin,
    parent: Commit | None,
    provenance: Sequence[Commit],
    description: str = "",
    details: bool = False,
) -> Commit:
    """Create an open commit with the id of the transaction. Raises PachError if the repo already has one."""
    repo = repos.get(txn, branch.repo)
    if txn.row("SELECT 1 FROM commits WHERE repo = ? AND uuid = ?", repo.id, txn.set_id) is not None:
        raise PachError(
            f"inconsistent dependencies: cannot create commit from {branch.repo}@{txn.set_id}; "
            f"repo ({branch.repo.name}) already has a commit in this transaction"
        )
    cursor = txn.db.execute(
        "INSERT INTO commits (repo, uuid, branch, origin, description, parent, started, details)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (repo.id, txn.set_id, branch.name, origin, description, parent and parent.id, txn.now, details),
    )
    number = cursor.lastrowid
    assert number is not None  # noqa: S101  # an INSERT has a row
    for position, commit in enumerate(provenance):
        txn.db.execute("INSERT OR IGNORE INTO commit_provenance VALUES (?, ?, ?)", (number, commit.id, position))
    txn.changed_keys.add(("commit", number))
    return get(txn, number)


def require_open(commit: Commit) -> None:
    """Raise PachError if a commit is finishing or finished."""
    if commit.finishing is not None:
        raise PachError(f"commit {commit} has already finished")


def mark_finishing(txn: Txn, commit: Commit, *, description: str, error: str, force: bool) -> Commit:
    """Close a commit to further changes. Raises PachError if it is already closed."""
    require_open(commit)
    if not force and commit.repo.type in (USER, META) and repos.belongs_to_pipeline(txn, commit.repo):
        direct = direct_provenance(txn, commit)
        if direct:
            raise PachError("cannot finish a pipeline output or meta commit, use 'stop job' instead")
    txn.db.execute(
        "UPDATE commits SET finishing = ?, error = ?, description = ? WHERE id = ?",
        (txn.now, error, description or commit.description, commit.id),
    )
    txn.changed_keys.add(("commit", commit.id))
    return get(txn, commit.id)


def has_spec_only(provenance: Sequence[BranchRef]) -> bool:
    """Return whether a branch has no provenance other than a spec repo; such a branch gets no open commits."""
    return all(branch.repo.type == SPEC for branch in provenance)


def _by_id(txn: Txn, repo: RepoRef, uuid: str) -> Commit:
    own = find(txn, repo, uuid)
    if own is not None:
        return own
    for commit in provenance_of_set(txn, uuid):
        if commit.repo == repo:
            return commit
    raise NotFoundError(f"commit {repo}@{uuid} not found")


def _from_row(row: tuple[Any, ...]) -> Commit:
    number, project, name, kind, *rest = row
    return Commit(number, RepoRef(project, name, kind), *rest)
