"""Projects, repos and temporary file sets."""

import uuid
from collections.abc import Iterable

from localpach.errors import AlreadyExistsError, NotFoundError, PachError
from localpach.messages import DEFAULT_PROJECT, USER, changed, key, pfs, shown
from localpach.names import validate_name
from localpach.pfs.files import Files, Tree
from localpach.state import State, Txn, owned

FILESETS_REPO = "__filesets__"


def create_project(txn: Txn, request: pfs.CreateProjectRequest) -> None:
    """Create a project, or with ``update`` change the description of an existing one."""
    name = request.project.name
    try:
        validate_name(name)
    except PachError as error:
        raise error.within("invalid project name") from None
    existing = txn.projects.get(name)
    if existing is not None and not request.update:
        raise AlreadyExistsError(f'could not create project: project "{name}" already exists')
    made = existing or pfs.ProjectInfo(project=request.project, created_at=txn.now)
    txn.projects[name] = changed(made, description=request.description)


def get(state: State, ref: pfs.Repo) -> pfs.RepoInfo:
    found = state.repos.get(key(ref))
    if found is None:
        raise NotFoundError(f"repo {shown(ref)} not found")
    return found


def list_all(state: State, kind: str, projects: Iterable[str]) -> list[pfs.RepoInfo]:
    """List the repos of a type (empty: all types) in some projects (empty: all), newest first."""
    chosen = set(projects)
    found = (each for each in state.repos.values() if kind in ("", each.repo.type))
    return [each for each in found if not chosen or each.repo.project.name in chosen][::-1]


def create(txn: Txn, ref: pfs.Repo, description: str, *, update: bool = False) -> None:
    """Create a repo, or with ``update`` change the description of an existing one."""
    if ref.name == FILESETS_REPO:
        raise PachError(f"{FILESETS_REPO} is a reserved name")
    project = ref.project.name or DEFAULT_PROJECT
    ref = pfs.Repo(name=ref.name, type=ref.type or USER, project=pfs.Project(name=project))
    validate_name(ref.name)
    if project not in txn.projects:
        raise NotFoundError(f'cannot find project "{project}": project "{project}" not found')
    existing = txn.repos.get(key(ref))
    if existing is not None and not update:
        raise AlreadyExistsError(f"repo {shown(ref)} already exists")
    txn.repos[key(ref)] = changed(existing or pfs.RepoInfo(repo=ref, created=txn.now), description=description)


def belongs_to_pipeline(state: State, ref: pfs.Repo) -> bool:
    """Return whether a pipeline of this name exists, so that the repo is managed by it."""
    return bool(owned(state.pipelines, key(ref).rpartition(".")[0]))


def save_fileset(txn: Txn, files: Files, tree: Tree) -> str:
    """Store a file set until the server ends; return its id."""
    made = uuid.uuid4().hex
    txn.trees[made] = files.store(tree.files)
    return made


def load_fileset(state: State, files: Files, name: str) -> Tree:
    if name not in state.trees:
        raise NotFoundError(f"fileset {name} not found")
    return files.tree(state.trees[name])
