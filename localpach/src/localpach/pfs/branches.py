"""Branches and their provenance.

Only direct provenance is stored. Everything derived from it is queried each time, so it cannot become stale.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from localpach.errors import NotFoundError, PachError
from localpach.names import is_commit_id, parse_ancestry, validate_name
from localpach.pfs import commits, repos
from localpach.pfs.commits import Commit, Origin
from localpach.refs import BranchRef, CommitRef, RepoRef
from localpach.store.database import Txn

_COLUMNS = "b.id, r.project, r.name, r.type, b.name, b.head"
_FROM = f"SELECT {_COLUMNS} FROM branches b JOIN repos r ON r.id = b.repo"
_IN_REPO = f"{_FROM} WHERE r.project = ? AND r.name = ? AND r.type = ?"
_UP = "p.provenance FROM reached JOIN branch_provenance p ON p.branch"
_DOWN = "p.branch FROM reached JOIN branch_provenance p ON p.provenance"
_DELETE_INHERITED = """
WITH RECURSIVE older (id) AS (SELECT ? UNION SELECT c.parent FROM older o JOIN commits c ON c.id = o.id)
INSERT INTO files SELECT DISTINCT ?, f.key, 1, NULL FROM older o JOIN files f ON f.commit_id = o.id"""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch. ``id`` and ``head`` are row ids."""

    id: int
    ref: BranchRef
    head: int


def find(txn: Txn, ref: BranchRef) -> Branch | None:
    repo = ref.repo
    return txn.first(_from_row, f"{_IN_REPO} AND b.name = ?", *repo.columns, ref.name)


def get(txn: Txn, ref: BranchRef) -> Branch:
    found = find(txn, ref)
    if found is None:
        raise NotFoundError(f'branch "{ref.name}" not found in repo {ref.repo}')
    return found


def in_repo(txn: Txn, repo: RepoRef | None) -> list[Branch]:
    """Return the branches of a repo, or of all repos, newest first."""
    if repo is None:
        return txn.all(_from_row, f"{_FROM} ORDER BY b.id DESC")
    number = repos.get(txn, repo).id
    return txn.all(_from_row, f"{_FROM} WHERE b.repo = ? ORDER BY b.id DESC", number)


def direct_provenance(txn: Txn, branch: Branch) -> list[Branch]:
    """Return the direct provenance of a branch, sorted."""
    return _load(
        txn, (row[0] for row in txn.rows("SELECT provenance FROM branch_provenance WHERE branch = ?", branch.id))
    )


def provenance(txn: Txn, branch: Branch) -> list[Branch]:
    """Return all branches upstream of a branch, sorted."""
    return _load(txn, _closure(txn, branch.id, _UP))


def subvenance(txn: Txn, branch: Branch) -> list[Branch]:
    """Return all branches downstream of a branch, sorted."""
    return _load(txn, _closure(txn, branch.id, _DOWN))


def start_commit(txn: Txn, ref: BranchRef | None, parent: CommitRef | None, description: str) -> Commit:
    """Start a commit at the head of a branch; the branch is created if it does not exist."""
    if ref is None or not ref.name:
        raise PachError("branch must be specified")
    validate_name(ref.name)
    repos.get(txn, ref.repo)
    branch = find(txn, ref)
    if branch is None:
        _reject_commit_id(ref)
    if branch is not None and direct_provenance(txn, branch):
        raise PachError(f"cannot start a commit on an output branch: {ref}")
    before = _next_parent(txn, ref, branch, parent)
    if before is not None and before.finishing is None:
        raise PachError(f"parent commit {before} has not been finished")
    commit = commits.add(
        txn, ref, origin=Origin.USER, parent=before, provenance=(), description=description, details=True
    )
    branch = _insert(txn, ref, commit) if branch is None else set_head(txn, branch, commit)
    txn.moved_branches[branch.id] = None
    return commit


def create(txn: Txn, ref: BranchRef, head: CommitRef | None, upstream: Sequence[BranchRef]) -> Branch:
    """Create a branch, or change its head and provenance."""
    for each in (*upstream, ref):
        validate_name(each.name)
    repos.get(txn, ref.repo)
    _create_missing(txn, upstream)
    target = _resolve_head(txn, head)
    branch = find(txn, ref)
    if branch is None:
        _reject_commit_id(ref)
    if target is not None and target.repo.name != ref.repo.name:
        raise PachError("branch and head commit must belong to the same repo")
    for each in upstream:
        if each.repo == ref.repo:
            raise PachError(f"repo {ref.repo} cannot be in the provenance of its own branch")
    old = {b.ref for b in direct_provenance(txn, branch)} if branch else set()
    propagate = target is not None
    current = target or (commits.get(txn, branch.head) if branch else None)
    if current is None or (upstream and old != set(upstream)):
        current = make_empty_commit(txn, ref, upstream, current)
        propagate = True
    branch = _insert(txn, ref, current) if branch is None else set_head(txn, branch, current)
    _set_provenance(txn, branch, upstream)
    if propagate:
        txn.moved_branches[branch.id] = None
    return branch


def delete(txn: Txn, ref: BranchRef, *, force: bool) -> None:
    """Delete a branch. A missing branch is not an error; one with subvenance needs ``force``."""
    branch = find(txn, ref)
    if branch is None:
        if not force:
            repos.get(txn, ref.repo)
        return
    below = subvenance(txn, branch)
    if below and not force:
        names = " ".join(str(each.ref) for each in below)
        raise PachError(f"branch {ref.name} has [{names}] as subvenance, deleting it would break those branches")
    txn.db.execute("DELETE FROM branch_provenance WHERE branch = ? OR provenance = ?", (branch.id, branch.id))
    txn.db.execute("DELETE FROM branches WHERE id = ?", (branch.id,))
    txn.moved_branches.pop(branch.id, None)


def make_empty_commit(txn: Txn, ref: BranchRef, upstream: Sequence[BranchRef], parent: Commit | None) -> Commit:
    """Create a commit without files: finished on a source branch, open on an output branch that a job will fill."""
    heads = [commits.head(txn, branch) for branch in sorted(upstream, key=lambda branch: branch.key)]
    commit = commits.add(txn, ref, origin=Origin.AUTO, parent=parent, provenance=heads)
    if commits.has_spec_only(upstream):
        txn.db.execute(
            "UPDATE commits SET finishing = started, finished = started, details = 1, size = 0 WHERE id = ?",
            (commit.id,),
        )
        if parent is not None:
            txn.db.execute(_DELETE_INHERITED, (parent.id, commit.id))
        return commits.get(txn, commit.id)
    return commit


def set_head(txn: Txn, branch: Branch, commit: Commit) -> Branch:
    """Set the head of a branch; return the changed branch."""
    txn.db.execute("UPDATE branches SET head = ? WHERE id = ?", (commit.id, branch.id))
    return Branch(branch.id, branch.ref, commit.id)


def load(txn: Txn, number: int) -> Branch | None:
    """Return the branch of a row, or None if it was deleted."""
    return txn.first(_from_row, f"{_FROM} WHERE b.id = ?", number)


def _next_parent(txn: Txn, ref: BranchRef, branch: Branch | None, parent: CommitRef | None) -> Commit | None:
    if parent is None:
        return commits.get(txn, branch.head) if branch else None
    named = parse_ancestry(parent.id)[0] or parent.branch
    if parent.repo == ref.repo and named == ref.name:  # its head would be the new commit
        raise NotFoundError(f"parent commit not found: commit {ref.repo}@{txn.set_id} not found")
    try:
        return commits.resolve(txn, parent)
    except PachError as error:
        raise error.within("parent commit not found") from None


def _resolve_head(txn: Txn, head: CommitRef | None) -> Commit | None:
    if head is None:
        return None
    try:
        return commits.resolve(txn, head)
    except PachError as error:
        raise error.within(f"unable to inspect {head}") from None


def _create_missing(txn: Txn, upstream: Iterable[BranchRef]) -> None:
    created: dict[RepoRef, Commit] = {}
    for ref in upstream:
        if find(txn, ref) is None:
            repos.get(txn, ref.repo)
            _reject_commit_id(ref)
            if ref.repo not in created:
                created[ref.repo] = make_empty_commit(txn, ref, (), None)
            _insert(txn, ref, created[ref.repo])


def _set_provenance(txn: Txn, branch: Branch, upstream: Sequence[BranchRef]) -> None:
    below = {each.ref for each in subvenance(txn, branch)}
    for ref in upstream:
        if ref in below:
            raise PachError(f'branch "{ref}" cannot be both in "{branch.ref}"\'s provenance and subvenance')
    txn.db.execute("DELETE FROM branch_provenance WHERE branch = ?", (branch.id,))
    for ref in upstream:
        txn.db.execute("INSERT OR IGNORE INTO branch_provenance VALUES (?, ?)", (branch.id, get(txn, ref).id))


def _reject_commit_id(ref: BranchRef) -> None:
    if is_commit_id(ref.name):
        raise PachError("bad key: branch name cannot be a UUID V4")


def _insert(txn: Txn, ref: BranchRef, commit: Commit) -> Branch:
    repo = repos.get(txn, ref.repo)
    txn.db.execute("INSERT INTO branches (repo, name, head) VALUES (?, ?, ?)", (repo.id, ref.name, commit.id))
    return get(txn, ref)


def _closure(txn: Txn, start: int, step: str) -> list[int]:
    found = txn.rows(
        f"WITH RECURSIVE reached (id) AS (SELECT ? UNION SELECT {step} = reached.id)"
        " SELECT id FROM reached WHERE id != ?",
        start,
        start,
    )
    return [row[0] for row in found]


def _load(txn: Txn, numbers: Iterable[int]) -> list[Branch]:
    found = (load(txn, number) for number in numbers)
    return sorted((branch for branch in found if branch is not None), key=lambda branch: branch.ref.key)


def _from_row(row: tuple[Any, ...]) -> Branch:
    number, project, name, kind, branch, head = row
    return Branch(number, BranchRef(RepoRef(project, name, kind), branch), head)
