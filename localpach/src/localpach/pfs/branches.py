"""Branches, their provenance, the propagation of new heads to the branches downstream, and the deletion of repos."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from localpach.errors import NotFoundError, PachError
from localpach.names import is_commit_id, parse_ancestry, validate_name
from localpach.pfs import commits, repos
from localpach.refs import SPEC, USER, BranchRef, CommitRef, RepoRef
from localpach.state import Branch, Commit, State, Txn
from localpach.states import Origin

OF_A_PIPELINE = "cannot delete a repo associated with a pipeline - delete the pipeline instead"


def get(state: State, ref: BranchRef) -> Branch:
    found = state.branches.get(ref)
    if found is None:
        raise NotFoundError(f'branch "{ref.name}" not found in repo {ref.repo}')
    return found


def in_repo(state: State, repo: RepoRef | None) -> list[Branch]:
    """Return the branches of a repo, or of all repos, newest first."""
    if repo is not None:
        repos.get(state, repo)
    return [each for each in reversed(state.branches.values()) if repo is None or each.key.repo == repo]


def direct_provenance(state: State, branch: Branch) -> list[Branch]:
    """Return the direct provenance of a branch, sorted."""
    return _sorted(state.branches[ref] for ref in branch.provenance)


def provenance(state: State, branch: Branch) -> list[Branch]:
    """Return all branches upstream of a branch, sorted."""
    return _reached(state, branch, {each.key: list(each.provenance) for each in state.branches.values()})


def subvenance(state: State, branch: Branch) -> list[Branch]:
    """Return all branches downstream of a branch, sorted."""
    below: dict[BranchRef, list[BranchRef]] = {}
    for each in state.branches.values():
        for ref in each.provenance:
            below.setdefault(ref, []).append(each.key)
    return _reached(state, branch, below)


def start_commit(txn: Txn, ref: BranchRef | None, parent: CommitRef | None, description: str) -> Commit:
    """Start a commit at the head of a branch; the branch is created if it does not exist."""
    if ref is None or not ref.name:
        raise PachError("branch must be specified")
    validate_name(ref.name)
    repos.get(txn, ref.repo)
    branch = txn.branches.get(ref)
    if branch is None:
        _reject_commit_id(ref)
    if branch is not None and branch.provenance:
        raise PachError(f"cannot start a commit on an output branch: {ref}")
    before = _next_parent(txn, ref, branch, parent)
    if before is not None and not before.finished:
        raise PachError(f"parent commit {before} has not been finished")
    commit = commits.add(txn, ref, Origin.USER, before, description=description)
    _set_head(txn, ref, commit)
    txn.moved[ref] = None
    return commit


def connect(txn: Txn, ref: BranchRef, upstream: Sequence[BranchRef]) -> None:
    """Create an output branch, or change its provenance. It gets a new commit if there is something to compute."""
    for each in (*upstream, ref):
        validate_name(each.name)
    repos.get(txn, ref.repo)
    _create_missing(txn, upstream)
    branch = txn.branches.get(ref)
    if branch is None:
        _reject_commit_id(ref)
    for each in upstream:
        if each.repo == ref.repo:
            raise PachError(f"repo {ref.repo} cannot be in the provenance of its own branch")
    if branch is None or (upstream and set(branch.provenance) != set(upstream)):
        before = commits.head(txn, ref) if branch else None
        branch = _set_head(txn, ref, _make_empty_commit(txn, ref, upstream, before))
        txn.moved[ref] = None
    below = {each.key for each in subvenance(txn, branch)}
    for each in upstream:
        if each in below:
            raise PachError(f'branch "{each}" cannot be both in "{ref}"\'s provenance and subvenance')
    txn.branches[ref] = replace(branch, provenance=tuple(dict.fromkeys(upstream)))


def delete_repo(txn: Txn, ref: RepoRef, *, force: bool) -> None:
    """Delete a repo and, for a user repo, the system repos of its name. A missing repo is not an error."""
    if ref not in txn.repos:
        return
    if repos.belongs_to_pipeline(txn, ref):
        raise PachError(f'error checking whether repo "{ref}" can be deleted: {OF_A_PIPELINE}')
    same_name = [each for each in txn.repos if (each.project, each.name) == (ref.project, ref.name)]
    delete_repos(txn, same_name if ref.type == USER else [ref], force=force)


def delete_repos(txn: Txn, targets: list[RepoRef], *, force: bool) -> None:
    """Delete repos with their branches, which may depend on each other, and their commits."""
    found = [each for each in txn.branches.values() if each.key.repo in targets]
    found.sort(key=lambda each: (-len(provenance(txn, each)), targets.index(each.key.repo), each.key.name))
    for branch in found:
        try:
            _delete(txn, branch.key, force=force)
        except PachError as error:
            raise error.within(f"delete branch {branch.key}") from None
    txn.commits = {key: each for key, each in txn.commits.items() if key.repo not in targets}
    for ref in targets:
        del txn.repos[ref]


def propagate(txn: Txn) -> bool:
    """Create an open commit on each branch downstream of a changed one; return whether a branch has changed.

    Run it at the end of a transaction, when all heads are known that are the provenance of the new commits.
    """
    moved = [txn.branches[ref] for ref in txn.moved if ref in txn.branches]
    _require_one_branch_per_repo(txn, moved)
    downstream = {each.key: each for branch in moved for each in subvenance(txn, branch)}
    upstream = {each.key: provenance(txn, each) for each in downstream.values()}
    for branch in sorted(downstream.values(), key=lambda each: (len(upstream[each.key]), each.key.sorted_by)):
        ancestors = upstream[branch.key]
        before = commits.head(txn, branch.key)
        if (len(ancestors) == 1 and ancestors[0].key.repo.type == SPEC) or before.id == txn.id:
            continue
        heads = [commits.head(txn, each.key) for each in direct_provenance(txn, branch)]
        _set_head(txn, branch.key, commits.add(txn, branch.key, Origin.AUTO, before, heads))
    return bool(moved)


def _delete(txn: Txn, ref: BranchRef, *, force: bool) -> None:
    """Delete a branch; one with subvenance needs ``force``."""
    branch = txn.branches[ref]
    below = subvenance(txn, branch)
    if below and not force:
        names = " ".join(str(each.key) for each in below)
        raise PachError(f"branch {ref.name} has [{names}] as subvenance, deleting it would break those branches")
    for each in below:
        kept = tuple(source for source in each.provenance if source != ref)
        txn.branches[each.key] = replace(each, provenance=kept)
    del txn.branches[ref]
    txn.moved.pop(ref, None)


def _require_one_branch_per_repo(txn: Txn, moved: list[Branch]) -> None:
    for start in moved:
        reached = {start.key: start}
        frontier = [start]
        while frontier:
            branch = frontier.pop()
            for each in (*provenance(txn, branch), *subvenance(txn, branch)):
                if each.key not in reached:
                    reached[each.key] = each
                    frontier.append(each)
        seen: set[RepoRef] = set()
        for ref in reached:
            if ref.repo in seen:
                raise PachError(
                    "validate DAG at end of transaction: multiple branches from the same repo, "
                    f'"{ref.repo}", cannot participate in a DAG'
                )
            seen.add(ref.repo)


def _make_empty_commit(txn: Txn, ref: BranchRef, upstream: Sequence[BranchRef], before: Commit | None) -> Commit:
    """Create a commit without files: finished on a source branch, open on an output branch that a job will fill."""
    heads = [commits.head(txn, branch) for branch in sorted(upstream, key=lambda each: each.sorted_by)]
    commit = commits.add(txn, ref, Origin.AUTO, before, heads)
    if commits.has_spec_only(upstream):
        commits.finish_empty(txn, commit)
    return txn.commits[commit.key]


def _next_parent(txn: Txn, ref: BranchRef, branch: Branch | None, parent: CommitRef | None) -> Commit | None:
    if parent is None:
        return commits.head(txn, ref) if branch else None
    named = parse_ancestry(parent.id)[0] or parent.branch
    if parent.repo == ref.repo and named == ref.name:  # its head would be the new commit
        raise NotFoundError(f"parent commit not found: commit {ref.repo}@{txn.id} not found")
    try:
        found = commits.resolve(txn, parent)
    except PachError as error:
        raise error.within("parent commit not found") from None
    if found.repo != ref.repo:
        raise PachError(f"parent commit {found} is in another repo than branch {ref}")
    return found


def _create_missing(txn: Txn, upstream: Iterable[BranchRef]) -> None:
    created: dict[RepoRef, Commit] = {}
    for ref in upstream:
        if ref not in txn.branches:
            repos.get(txn, ref.repo)
            _reject_commit_id(ref)
            if ref.repo not in created:
                created[ref.repo] = _make_empty_commit(txn, ref, (), None)
            _set_head(txn, ref, created[ref.repo])


def _reject_commit_id(ref: BranchRef) -> None:
    if is_commit_id(ref.name):
        raise PachError("bad key: branch name cannot be a UUID V4")


def _set_head(txn: Txn, ref: BranchRef, commit: Commit) -> Branch:
    old = txn.branches.get(ref)
    txn.branches[ref] = Branch(ref, commit.id) if old is None else replace(old, head=commit.id)
    return txn.branches[ref]


def _reached(state: State, start: Branch, following: dict[BranchRef, list[BranchRef]]) -> list[Branch]:
    reached: set[BranchRef] = set()
    frontier = [start.key]
    while frontier:
        new = set(following.get(frontier.pop(), ())) - reached
        reached |= new
        frontier += new
    return _sorted(state.branches[ref] for ref in reached - {start.key})


def _sorted(found: Iterable[Branch]) -> list[Branch]:
    return sorted(found, key=lambda each: each.key.sorted_by)
