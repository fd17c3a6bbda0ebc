"""Commits: creating, finding and finishing them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from localpach.errors import NotFoundError, PachError
from localpach.names import is_commit_id, parse_ancestry
from localpach.pfs.files import EMPTY_TREE, Changes, Files, Tree
from localpach.refs import SPEC, BranchRef, CommitKey, CommitRef, RepoRef
from localpach.state import Commit, State, Txn
from localpach.states import Origin


def children(state: State, commit: Commit) -> list[Commit]:
    found = (each for each in state.commits.values() if each.parent == commit.id)
    return [each for each in found if each.repo == commit.repo]


def parent(state: State, commit: Commit) -> Commit | None:
    return state.commits[CommitKey(commit.repo, commit.parent)] if commit.parent else None


def sources(state: State, commit: Commit) -> list[Commit]:
    """Return the direct provenance of a commit, in the order of its branch's provenance."""
    return [state.commits[key] for key in commit.provenance if key in state.commits]


def of_set(state: State, name: str) -> list[Commit]:
    """Return the commits with an id in topological order."""
    found = {each.key: each for each in state.commits.values() if each.id == name}
    result: dict[CommitKey, Commit] = {}

    def visit(commit: Commit) -> None:
        for source in commit.provenance:
            if source in found:
                visit(found[source])
        result.setdefault(commit.key, commit)

    for commit in sorted(found.values(), key=lambda each: each.repo.sorted_by):
        visit(commit)
    return list(result.values())


def resolve(state: State, ref: CommitRef) -> Commit:
    """Return the commit of a reference: by id, by branch, by an id of another repo's commit, with ancestry suffixes."""
    if not ref.id and not ref.branch:
        raise PachError("cannot resolve commit with no ID or branch")
    name, generations = parse_ancestry(ref.id)
    branch = ref.branch
    if name and not is_commit_id(name):
        if branch:
            raise PachError(f"invalid commit ID given with a branch ({ref.repo.branch(branch)}): {name}\n")
        branch, name = name, ""
    history = [_by_id(state, ref.repo, name) if name else head(state, ref.repo.branch(branch))]
    while (before := parent(state, history[-1])) is not None:
        history.append(before)
    if not -len(history) <= generations < len(history):
        raise NotFoundError(f"commit {ref} not found")
    return history[generations]


def head(state: State, ref: BranchRef) -> Commit:
    branch = state.branches.get(ref)
    if branch is None:
        raise NotFoundError(f'branch "{ref.name}" not found in repo {ref.repo}')
    return state.commits[CommitKey(ref.repo, branch.head)]


def add(
    txn: Txn,
    branch: BranchRef,
    origin: Origin,
    before: Commit | None,
    provenance: Iterable[Commit] = (),
    description: str = "",
) -> Commit:
    """Create an open commit with the id of the transaction. Raises PachError if the repo already has one."""
    key = CommitKey(branch.repo, txn.id)
    if key in txn.commits:
        raise PachError(
            f"inconsistent dependencies: cannot create commit from {key}; repo ({branch.repo.name}) already has a "
            "commit in this transaction"
        )
    found = Commit(
        key,
        branch.name,
        origin,
        txn.now,
        description,
        before.id if before else "",
        tuple(dict.fromkeys(each.key for each in provenance)),
        details=origin == Origin.USER,
    )
    txn.commits[key] = found
    return found


def require_open(commit: Commit) -> None:
    """Raise PachError if a commit is finished."""
    if commit.finished:
        raise PachError(f"commit {commit} has already finished")


def tree(state: State, files: Files, commit: Commit) -> Tree:
    """Return all files of a commit: its own, or those of its nearest finished ancestor without error."""
    if commit.finished or commit.files is not None:
        return files.tree(commit.files)
    ancestor = parent(state, commit)
    while ancestor is not None and (ancestor.error or not ancestor.finished):
        ancestor = parent(state, ancestor)
    return EMPTY_TREE if ancestor is None else files.tree(ancestor.files)


def change(txn: Txn, files: Files, commit: Commit, changes: Changes) -> Commit:
    """Add changes to an open commit."""
    require_open(commit)
    changed = files.apply(tree(txn, files, commit), changes)
    txn.commits[commit.key] = replace(commit, files=files.save(changed))
    return txn.commits[commit.key]


def finish(txn: Txn, files: Files, commit: Commit, *, description: str = "", error: str = "") -> Commit:
    """Finish an open commit. It has an error, too, if its files are in conflict with each other."""
    found = tree(txn, files, commit)
    conflict = "" if error else found.conflict()
    txn.commits[commit.key] = replace(
        commit,
        description=description or commit.description,
        finished=max(txn.now, commit.started),
        error=error or conflict,
        details=not error,
        compacted=not error,
        size=found.size,
        files=files.save(found),
    )
    return txn.commits[commit.key]


def finish_empty(txn: Txn, commit: Commit) -> None:
    """Finish an open commit without files, also without those that it inherits."""
    txn.commits[commit.key] = replace(commit, finished=commit.started, details=True)


def has_spec_only(provenance: Sequence[BranchRef]) -> bool:
    """Return whether a branch has no provenance other than a spec repo; such a branch gets no open commits."""
    return all(branch.repo.type == SPEC for branch in provenance)


def _by_id(state: State, repo: RepoRef, name: str) -> Commit:
    """Return the commit of a repo in a commit set, or the one from which commits of the set were made."""
    own = state.commits.get(CommitKey(repo, name))
    if own is not None:
        return own
    reached: dict[CommitKey, Commit] = {}
    frontier = [each for each in state.commits.values() if each.id == name]
    while frontier:
        for source in sources(state, frontier.pop()):
            if source.key not in reached:
                reached[source.key] = source
                frontier.append(source)
    found = next((each for each in reached.values() if each.repo == repo), None)
    if found is None:
        raise NotFoundError(f"commit {repo}@{name} not found")
    return found
