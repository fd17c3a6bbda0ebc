"""Branches, their provenance, the propagation of new heads to the branches downstream, and the deletion of repos."""

from collections.abc import Iterable, Sequence

from localpach.errors import PachError
from localpach.messages import SPEC, USER, changed, key, pfs, shown
from localpach.names import is_commit_id, validate_name
from localpach.pfs import commits, repos
from localpach.state import State, Txn, owned, owner

OF_A_PIPELINE = "cannot delete a repo associated with a pipeline - delete the pipeline instead"


def get(state: State, ref: pfs.Branch) -> pfs.BranchInfo:
    commits.head(state, ref)
    return state.branches[key(ref)]


def in_repo(state: State, repo: pfs.Repo) -> list[pfs.BranchInfo]:
    """Return the branches of a repo, newest first."""
    return owned(state.branches, key(repos.get(state, repo).repo))


def upstream(state: State, name: str) -> list[str]:
    """Return the keys of all branches upstream of a branch, sorted."""
    return _reached(name, {each: [key(ref) for ref in info.direct_provenance] for each, info in state.branches.items()})


def downstream(state: State, name: str) -> list[str]:
    """Return the keys of all branches downstream of a branch, sorted."""
    below: dict[str, list[str]] = {}
    for each, info in state.branches.items():
        for ref in info.direct_provenance:
            below.setdefault(key(ref), []).append(each)
    return _reached(name, below)


def start_commit(txn: Txn, ref: pfs.Branch, description: str = "") -> pfs.CommitInfo:
    """Start a commit at the head of a branch; the branch is created if it does not exist."""
    validate_name(ref.name)
    ref = pfs.Branch(repo=repos.get(txn, ref.repo).repo, name=ref.name)
    branch = txn.branches.get(key(ref))
    if branch is None:
        _reject_commit_id(ref)
    elif branch.direct_provenance:
        raise PachError(f"cannot start a commit on an output branch: {shown(ref)}")
    before = commits.head(txn, ref) if branch else None
    if before is not None and not before.HasField("finished"):
        raise PachError(f"parent commit {shown(before.commit)} has not been finished")
    commit = commits.add(txn, ref, pfs.USER, before, description=description)
    _set_head(txn, ref, commit)
    txn.moved[key(ref)] = None
    return commit


def connect(txn: Txn, ref: pfs.Branch, sources: Sequence[pfs.Branch]) -> None:
    """Create an output branch, or change its provenance. It gets a new commit if there is something to compute."""
    for each in (*sources, ref):
        validate_name(each.name)
    repos.get(txn, ref.repo)
    _create_missing(txn, sources)
    name = key(ref)
    branch = txn.branches.get(name)
    if branch is None:
        _reject_commit_id(ref)
    above = {key(each): each for each in sources}
    if any(key(each.repo) == key(ref.repo) for each in sources):
        raise PachError(f"repo {shown(ref.repo)} cannot be in the provenance of its own branch")
    if branch is None or (above and set(map(key, branch.direct_provenance)) != above.keys()):
        before = commits.head(txn, ref) if branch else None
        _set_head(txn, ref, _make_empty_commit(txn, ref, sources, before))
        txn.moved[name] = None
    for each in above.keys() & set(downstream(txn, name)):
        both = f'branch "{shown(each)}" cannot be both in "{shown(ref)}"\'s provenance and subvenance'
        raise PachError(f"could not create/update output branch: {both}")
    txn.branches[name] = changed(txn.branches[name], direct_provenance=[above[each] for each in sorted(above)])


def delete_repo(txn: Txn, ref: pfs.Repo, *, force: bool) -> None:
    """Delete a repo and, for a user repo, the system repos of its name. A missing repo is not an error."""
    name = key(ref)
    if name not in txn.repos:
        return
    if repos.belongs_to_pipeline(txn, ref):
        raise PachError(f'error checking whether repo "{shown(ref)}" can be deleted: {OF_A_PIPELINE}')
    same_name = [each for each in txn.repos if each.rpartition(".")[0] == name.rpartition(".")[0]]
    delete_repos(txn, same_name if ref.type == USER else [name], force=force)


def delete_repos(txn: Txn, targets: list[str], *, force: bool) -> None:
    """Delete repos with their branches, which may depend on each other, and their commits."""
    found = [name for name in txn.branches if owner(name) in targets]
    for name in sorted(found, key=lambda each: (-len(upstream(txn, each)), targets.index(owner(each)), each)):
        try:
            _delete(txn, name, force=force)
        except PachError as error:
            raise error.within(f"delete branch {shown(name)}") from None
    for name in [name for name in txn.commits if owner(name) in targets]:
        del txn.commits[name]
        txn.trees.pop(name, None)
    for name in targets:
        del txn.repos[name]


def propagate(txn: Txn) -> bool:
    """Create an open commit on each branch downstream of a changed one; return whether a branch has changed.

    Run it at the end of a transaction, when all heads are known that are the provenance of the new commits.
    """
    moved = [name for name in txn.moved if name in txn.branches]
    ancestors = {each: upstream(txn, each) for name in moved for each in downstream(txn, name)}
    for name in sorted(ancestors, key=lambda each: (len(ancestors[each]), each)):
        branch, above = txn.branches[name], ancestors[name]
        before = commits.head(txn, branch.branch)
        if (len(above) == 1 and _is_spec(txn.branches[above[0]].branch)) or before.commit.id == txn.id:
            continue
        heads = [commits.head(txn, each) for each in branch.direct_provenance]
        _set_head(txn, branch.branch, commits.add(txn, branch.branch, pfs.AUTO, before, heads))
    return bool(moved)


def _delete(txn: Txn, name: str, *, force: bool) -> None:
    """Delete a branch; one with subvenance needs ``force``."""
    below = downstream(txn, name)
    if below and not force:
        names, branch = " ".join(map(shown, below)), name.partition("@")[2]
        raise PachError(f"branch {branch} has [{names}] as subvenance, deleting it would break those branches")
    for each in below:
        kept = [source for source in txn.branches[each].direct_provenance if key(source) != name]
        txn.branches[each] = changed(txn.branches[each], direct_provenance=kept)
    del txn.branches[name]
    txn.moved.pop(name, None)


def _make_empty_commit(
    txn: Txn, ref: pfs.Branch, sources: Sequence[pfs.Branch], before: pfs.CommitInfo | None
) -> pfs.CommitInfo:
    """Create a commit without files: finished on a source branch, open on an output branch that a job will fill."""
    heads = [commits.head(txn, branch) for branch in sorted(sources, key=key)]
    commit = commits.add(txn, ref, pfs.AUTO, before, heads)
    if all(map(_is_spec, sources)):
        commits.finish_empty(txn, commit)
    return commit


def _create_missing(txn: Txn, sources: Iterable[pfs.Branch]) -> None:
    for ref in sources:
        if key(ref) not in txn.branches:
            repos.get(txn, ref.repo)
            _reject_commit_id(ref)
            _set_head(txn, ref, _make_empty_commit(txn, ref, (), None))


def _reject_commit_id(ref: pfs.Branch) -> None:
    if is_commit_id(ref.name):
        raise PachError("bad key: branch name cannot be a UUID V4")


def _set_head(txn: Txn, ref: pfs.Branch, commit: pfs.CommitInfo) -> None:
    txn.branches[key(ref)] = changed(txn.branches.get(key(ref)) or pfs.BranchInfo(branch=ref), head=commit.commit)


def _is_spec(ref: pfs.Branch) -> bool:
    return bool(ref.repo.type == SPEC)


def _reached(start: str, following: dict[str, list[str]]) -> list[str]:
    reached: set[str] = set()
    frontier = [start]
    while frontier:
        new = set(following.get(frontier.pop(), ())) - reached
        reached |= new
        frontier += new
    return sorted(reached - {start})
