"""Repos."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.names import validate_name
from localpach.refs import USER, PipelineRef, RepoRef
from localpach.store.database import Txn

FILESETS_REPO = "__filesets__"
_COLUMNS = "id, project, name, type, description, created"
_FROM = f"SELECT {_COLUMNS} FROM repos"
_NAMED = f"{_FROM} WHERE project = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class Repo:
    id: int
    ref: RepoRef
    description: str
    created: int


def find(txn: Txn, ref: RepoRef) -> Repo | None:
    return txn.first(_from_row, f"{_NAMED} AND type = ?", *ref.columns)


def get(txn: Txn, ref: RepoRef) -> Repo:
    found = find(txn, ref)
    if found is None:
        raise NotFoundError(f"repo {ref} not found")
    return found


def list_all(txn: Txn, *, kind: str = "", projects: Iterable[str] = ()) -> list[Repo]:
    """List the repos of a type (empty: all types) in some projects (empty: all), newest first."""
    selected = set(projects)
    found = txn.rows(f"{_FROM} WHERE ? IN ('', type) ORDER BY id DESC", kind)
    return [repo for repo in map(_from_row, found) if not selected or repo.ref.project in selected]


def create(txn: Txn, ref: RepoRef | None, description: str, *, update: bool = False) -> None:
    """Create a repo, or with ``update`` change the description of an existing one."""
    if ref is None:
        raise PachError("repo cannot be nil")
    if ref.name == FILESETS_REPO:
        raise PachError(f"{FILESETS_REPO} is a reserved name")
    ref = ref.of_type(ref.type or USER)
    validate_name(ref.name)
    if txn.row("SELECT 1 FROM projects WHERE name = ?", ref.project) is None:
        raise NotFoundError(f'cannot find project "{ref.project}": project "{ref.project}" not found')
    existing = find(txn, ref)
    if existing is None:
        if ref.type != USER and find(txn, ref.of_type(USER)) is None:
            user = ref.of_type(USER)
            raise NotFoundError(
                f"cannot create a system repo without a corresponding 'user' repo: repo {user} not found"
            )
        txn.db.execute(
            "INSERT INTO repos (project, name, type, description, created) VALUES (?, ?, ?, ?, ?)",
            (*ref.columns, description, txn.now),
        )
    elif not update:
        raise AlreadyExistsError(f"repo {ref} already exists")
    else:
        txn.db.execute("UPDATE repos SET description = ? WHERE id = ?", (description, existing.id))


def belongs_to_pipeline(txn: Txn, ref: RepoRef) -> bool:
    """Return whether a pipeline of this name exists, so that the repo is managed by it."""
    pipeline = PipelineRef(ref.name, ref.project)
    found = txn.row("SELECT 1 FROM pipelines WHERE project = ? AND name = ?", *pipeline.columns)
    return found is not None


def related(txn: Txn, repo: Repo) -> list[Repo]:
    """Return the repos that are deleted together with this one: all of its name for a user repo, else itself."""
    if repo.ref.type != USER:
        return [repo]
    return txn.all(_from_row, f"{_NAMED} ORDER BY id DESC", repo.ref.project, repo.ref.name)


def _from_row(row: tuple[Any, ...]) -> Repo:
    number, project, name, kind, description, created = row
    ref = RepoRef(project, name, kind)
    return Repo(number, ref, description, created)
