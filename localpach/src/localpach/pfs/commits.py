"""Commits: creating, finding and finishing them."""

from collections.abc import Iterable, Sequence

from localpach.errors import NotFoundError, PachError
from localpach.messages import changed, key, pfs, repo_in, shown
from localpach.names import is_commit_id
from localpach.pfs.files import EMPTY_TREE, Edit, Files, Tree
from localpach.state import State, Txn, owner


def parent(state: State, info: pfs.CommitInfo) -> pfs.CommitInfo | None:
    return state.commits[key(info.parent_commit)] if info.HasField("parent_commit") else None


def sources(state: State, info: pfs.CommitInfo) -> list[pfs.CommitInfo]:
    """Return the direct provenance of a commit that was not deleted, in the order of its branch's provenance."""
    return [state.commits[name] for name in map(key, info.direct_provenance) if name in state.commits]


def of_set(state: State, uuid: str) -> list[pfs.CommitInfo]:
    """Return the commits with an id, oldest first."""
    return [info for name, info in state.commits.items() if name.endswith(f"@{uuid}")]


def resolve(state: State, ref: pfs.Commit) -> pfs.CommitInfo:
    """Return the commit of a reference: by id, by branch, or by an id of another repo's commit."""
    repo, branch, name = repo_in(ref), ref.branch.name, ref.id
    if not name and not branch:
        raise PachError("cannot resolve commit with no ID or branch")
    if name and not is_commit_id(name):
        if branch:
            raise PachError(f"invalid commit ID given with a branch ({shown(repo)}@{branch}): {name}\n")
        branch, name = name, ""
    return _by_id(state, repo, name) if name else head(state, pfs.Branch(repo=repo, name=branch))


def head(state: State, ref: pfs.Branch) -> pfs.CommitInfo:
    branch = state.branches.get(key(ref))
    if branch is None:
        raise NotFoundError(f'branch "{ref.name}" not found in repo {shown(ref.repo)}')
    return state.commits[key(branch.head)]


def add(
    txn: Txn,
    branch: pfs.Branch,
    origin: int,
    before: pfs.CommitInfo | None,
    provenance: Iterable[pfs.CommitInfo] = (),
    description: str = "",
) -> pfs.CommitInfo:
    """Create an open commit with the id of the transaction. Raises PachError if the repo already has one."""
    commit = pfs.Commit(repo=branch.repo, id=txn.id, branch=branch)
    name = key(commit)
    if name in txn.commits:
        raise PachError(
            f"inconsistent dependencies: cannot create commit from {shown(name)}; repo ({branch.repo.name}) already "
            "has a commit in this transaction"
        )
    info = pfs.CommitInfo(
        commit=commit,
        origin=pfs.CommitOrigin(kind=origin),
        description=description,
        started=txn.now,
        direct_provenance={key(each.commit): each.commit for each in provenance}.values(),
    )
    if origin == pfs.USER:
        info.details.SetInParent()
    if before is not None:
        info.parent_commit.CopyFrom(before.commit)
    txn.commits[name] = info
    return info


def require_open(info: pfs.CommitInfo) -> None:
    """Raise PachError if a commit is finished."""
    if info.HasField("finished"):
        raise PachError(f"commit {shown(info.commit)} has already finished")


def tree(state: State, files: Files, info: pfs.CommitInfo) -> Tree:
    """Return all files of a commit: its own, or those of its nearest finished ancestor without error."""
    name = key(info.commit)
    if info.HasField("finished") or name in state.trees:
        return files.tree(state.trees.get(name))
    ancestor = parent(state, info)
    while ancestor is not None and (ancestor.error or not ancestor.HasField("finished")):
        ancestor = parent(state, ancestor)
    return EMPTY_TREE if ancestor is None else files.tree(state.trees.get(key(ancestor.commit)))


def change(txn: Txn, files: Files, info: pfs.CommitInfo, edits: Sequence[Edit]) -> None:
    """Change the files of an open commit."""
    require_open(info)
    txn.trees[key(info.commit)] = files.store(files.apply(tree(txn, files, info), edits).files)


def finish(txn: Txn, files: Files, info: pfs.CommitInfo, *, description: str = "", error: str = "") -> None:
    """Finish an open commit. It has an error, too, if its files are in conflict with each other."""
    name = key(info.commit)
    found = tree(txn, files, info)
    details = pfs.CommitInfo.Details(size_bytes=found.size)
    txn.trees[name] = files.store(found.files)
    txn.commits[name] = changed(
        txn.commits[name],
        description=description or info.description,
        finishing=txn.now,
        finished=txn.now,
        error=error or found.conflict(),
        details=None if error else details,
        size_bytes_upper_bound=0 if error else found.size,
    )


def finish_empty(txn: Txn, info: pfs.CommitInfo) -> None:
    """Finish an open commit without files, also without those that it inherits."""
    details = pfs.CommitInfo.Details()
    txn.commits[key(info.commit)] = changed(info, finishing=info.started, finished=info.started, details=details)


def _by_id(state: State, repo: pfs.Repo, uuid: str) -> pfs.CommitInfo:
    """Return the commit of a repo in a commit set, or the one from which commits of the set were made."""
    own = state.commits.get(f"{key(repo)}@{uuid}")
    if own is not None:
        return own
    reached: dict[str, pfs.CommitInfo] = {}
    frontier = of_set(state, uuid)
    while frontier:
        for source in sources(state, frontier.pop()):
            if key(source.commit) not in reached:
                reached[key(source.commit)] = source
                frontier.append(source)
    found = next((info for name, info in reached.items() if owner(name) == key(repo)), None)
    if found is None:
        raise NotFoundError(f"commit {shown(repo)}@{uuid} not found")
    return found
