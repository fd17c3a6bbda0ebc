"""Projects, repos and temporary file sets."""

import uuid
from collections.abc import Iterable

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.messages import SECOND
from localpach.names import validate_name, validate_project_name
from localpach.pfs.files import Files, Tree
from localpach.refs import USER, PipelineRef, RepoRef
from localpach.state import FileSet, Project, Repo, State, Txn

FILESETS_REPO = "__filesets__"
FILESET_SECONDS = 30 * 60
ID_LENGTH = 32  # hex digits


def create_project(txn: Txn, name: str | None, description: str, *, update: bool) -> None:
    """Create a project, or with ``update`` change the description of an existing one."""
    try:
        valid = validate_project_name(name)
    except PachError as error:
        raise error.within("invalid project name") from None
    existing = txn.projects.get(valid)
    if existing is not None and not update:
        raise AlreadyExistsError(f'could not create project: project "{name}" already exists')
    txn.projects[valid] = Project(valid, description, existing.created if existing else txn.now)


def get(state: State, ref: RepoRef) -> Repo:
    found = state.repos.get(ref)
    if found is None:
        raise NotFoundError(f"repo {ref} not found")
    return found


def list_all(state: State, kind: str, projects: Iterable[str]) -> list[Repo]:
    """List the repos of a type (empty: all types) in some projects (empty: all), newest first."""
    chosen = set(projects)
    found = (each for each in state.repos.values() if kind in ("", each.key.type))
    return [each for each in found if not chosen or each.key.project in chosen][::-1]


def create(txn: Txn, ref: RepoRef | None, description: str, *, update: bool = False) -> None:
    """Create a repo, or with ``update`` change the description of an existing one."""
    if ref is None:
        raise PachError("repo cannot be nil")
    if ref.name == FILESETS_REPO:
        raise PachError(f"{FILESETS_REPO} is a reserved name")
    ref = ref.of_type(ref.type or USER)
    validate_name(ref.name)
    if ref.project not in txn.projects:
        raise NotFoundError(f'cannot find project "{ref.project}": project "{ref.project}" not found')
    existing = txn.repos.get(ref)
    user = ref.of_type(USER)
    if existing is None and ref.type != USER and user not in txn.repos:
        raise NotFoundError(f"cannot create a system repo without a corresponding 'user' repo: repo {user} not found")
    if existing is not None and not update:
        raise AlreadyExistsError(f"repo {ref} already exists")
    txn.repos[ref] = Repo(ref, description, existing.created if existing else txn.now)


def belongs_to_pipeline(state: State, ref: RepoRef) -> bool:
    """Return whether a pipeline of this name exists, so that the repo is managed by it."""
    return any(key.pipeline == PipelineRef(ref.name, ref.project) for key in state.pipelines)


def save_fileset(txn: Txn, files: Files, tree: Tree, seconds: int) -> str:
    """Store a file set for some seconds, and delete those that have expired; return its id."""
    name = uuid.uuid4().hex
    txn.filesets = {key: each for key, each in txn.filesets.items() if each.expires > txn.now}
    txn.filesets[name] = FileSet(name, txn.now + (seconds or FILESET_SECONDS) * SECOND, files.save(tree))
    return name


def load_fileset(state: State, files: Files, name: str) -> Tree:
    """Return the files of a file set. Raises NotFoundError if it does not exist or has expired."""
    length = len(name.replace("-", ""))
    if length != ID_LENGTH:
        raise PachError(f"parsing fileset.ID: too {'short' if length < ID_LENGTH else 'long'} to be ID len={length}")
    if name not in state.filesets:
        raise NotFoundError(f"fileset {name} not found")
    return files.tree(state.filesets[name].files)
