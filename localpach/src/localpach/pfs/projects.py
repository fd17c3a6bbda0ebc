"""Projects."""

from dataclasses import dataclass

from localpach.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError, PachError
from localpach.names import validate_project_name
from localpach.pfs import repos
from localpach.store.database import Txn


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``created`` is in nanoseconds since the epoch."""

    name: str
    description: str
    created: int


def create(txn: Txn, name: str | None, description: str, *, update: bool) -> None:
    """Create a project, or with ``update`` change the description of an existing one."""
    try:
        validate_project_name(name)
    except PachError as error:
        raise error.within("invalid project name") from None
    exists = txn.row("SELECT 1 FROM projects WHERE name = ?", name) is not None
    if exists and not update:
        raise AlreadyExistsError(f'could not create project: project "{name}" already exists')
    if exists:
        txn.db.execute("UPDATE projects SET description = ? WHERE name = ?", (description, name))
        return
    txn.db.execute("INSERT INTO projects (name, description, created) VALUES (?, ?, ?)", (name, description, txn.now))


def get(txn: Txn, name: str) -> Project:
    found = txn.row("SELECT name, description, created FROM projects WHERE name = ?", name)
    if found is None:
        raise NotFoundError(f'project "{name}" not found')
    return Project(*found)


def list_all(txn: Txn) -> list[Project]:
    """List all projects, oldest first."""
    found = txn.rows("SELECT name, description, created FROM projects ORDER BY id")
    return [Project(*row) for row in found]


def delete(txn: Txn, name: str | None) -> None:
    try:
        validate_project_name(name)
    except PachError as error:
        raise error.within("invalid project name") from None
    assert name is not None  # noqa: S101  # refused above
    remaining = [f"repo {repo.ref} still exists" for repo in repos.list_all(txn, projects=[name])]
    if remaining:
        raise FailedPreconditionError(f"cannot delete project {name}: " + "\n".join(remaining))
    if txn.db.execute("DELETE FROM projects WHERE name = ?", (name,)).rowcount == 0:
        raise NotFoundError(f'delete project "{name}": project "{name}" not found')
