"""Commit sets: all commits that one change has caused; their removal, and that of repos."""

from localpach.errors import NotFoundError, PachError
from localpach.pfs import branches, commits, repos
from localpach.pfs.commits import Commit, Origin
from localpach.pfs.content import CommitContent
from localpach.pfs.repos import Repo
from localpach.refs import SPEC, RepoRef
from localpach.store.database import Txn

OF_A_PIPELINE = "cannot delete a repo associated with a pipeline - delete the pipeline instead"


def members(txn: Txn, uuid: str, *, with_aliases: bool) -> list[Commit]:
    """Return the commits of a set in topological order, optionally with the commits of its provenance (aliases)."""
    found = [*(commits.provenance_of_set(txn, uuid) if with_aliases else ()), *commits.with_id(txn, uuid)]
    by_id = {commit.id: commit for commit in found}
    result: dict[int, Commit] = {}

    def visit(commit: Commit) -> None:
        if commit.id in result:
            return
        for source in commits.direct_provenance(txn, commit):
            if source.id in by_id:
                visit(by_id[source.id])
        result[commit.id] = commit

    for commit in found:
        visit(commit)
    return list(result.values())


def drop(txn: Txn, content: CommitContent, uuid: str) -> None:
    """Delete a commit set with its changes. Its commits must be the newest ones, from which nothing else was made."""
    if dependents := _dependent_sets(txn, uuid):
        names = " ".join(f'id:"{each}"' for each in dependents)
        raise PachError(
            f'commit set "id:\\"{uuid}\\"" cannot be dropped because it has subvenant commit sets: [{names}]'
        )
    found = members(txn, uuid, with_aliases=False)
    for commit in found:
        if commit.repo.type == SPEC and commit.origin == Origin.USER:
            raise PachError(f"cannot squash commit {commit} because it updated a pipeline")
    for commit in found:
        if commits.children(txn, commit):
            raise PachError(f"cannot drop a commit that has children: {commit}")
    for commit in found:
        _delete(txn, content, commit)


def _dependent_sets(txn: Txn, uuid: str) -> list[str]:
    reached: set[str] = set()
    frontier = {uuid}
    while frontier:
        marks = ", ".join("?" * len(frontier))
        found = txn.rows(
            "SELECT DISTINCT d.uuid FROM commits c JOIN commit_provenance p ON p.provenance = c.id"
            f" JOIN commits d ON d.id = p.commit_id WHERE c.uuid IN ({marks})",
            *frontier,
        )
        frontier = {row[0] for row in found} - reached - {uuid}
        reached |= frontier
    return sorted(reached)


def _delete(txn: Txn, content: CommitContent, commit: Commit) -> None:
    """Delete a commit without children; its parent, or an empty commit, is the head of its branches then."""
    content.delete(txn, commit)
    txn.db.execute("DELETE FROM commit_provenance WHERE commit_id = ? OR provenance = ?", (commit.id, commit.id))
    txn.db.execute("DELETE FROM commits WHERE id = ?", (commit.id,))
    txn.changed_keys.add(("commit", commit.id))
    headless = [branch for branch in branches.in_repo(txn, commit.repo) if branch.head == commit.id]
    if not headless:
        return
    if commit.parent is not None:
        head = commits.get(txn, commit.parent)
    else:
        upstream = [each.ref for each in branches.direct_provenance(txn, headless[0])]
        head = branches.make_empty_commit(txn, headless[0].ref, upstream, None)
    for branch in headless:
        branches.set_head(txn, branch, head)


def delete_repo(txn: Txn, content: CommitContent, ref: RepoRef, *, force: bool) -> None:
    """Delete a repo and, for a user repo, the system repos of its name. A missing repo is not an error."""
    repo = repos.find(txn, ref)
    if repo is None:
        return
    if repos.belongs_to_pipeline(txn, ref):
        raise PachError(f'error checking whether repo "{ref}" can be deleted: {OF_A_PIPELINE}')
    delete_repos(txn, content, repos.related(txn, repo), force=force)


def delete_repos(txn: Txn, content: CommitContent, targets: list[Repo], *, force: bool) -> None:
    """Delete several repos together, so that their branches may depend on each other."""
    found = [(branch, repo) for repo in targets for branch in sorted_branches(txn, repo.ref)]
    found.sort(key=lambda pair: -len(branches.provenance(txn, pair[0])))
    for branch, _ in found:
        try:
            branches.delete(txn, branch.ref, force=force)
        except PachError as error:
            raise error.within(f"delete branch {branch.ref}") from None
    for repo in targets:
        for commit in commits.in_repo(txn, repo.ref):
            txn.db.execute(
                "DELETE FROM commit_provenance WHERE commit_id = ? OR provenance = ?", (commit.id, commit.id)
            )
            content.delete(txn, commit)
            txn.changed_keys.add(("commit", commit.id))
        txn.db.execute("DELETE FROM commits WHERE repo = ?", (repo.id,))
        txn.db.execute("DELETE FROM repos WHERE id = ?", (repo.id,))


def sorted_branches(txn: Txn, ref: RepoRef) -> list[branches.Branch]:
    return sorted(branches.in_repo(txn, ref), key=lambda branch: branch.ref.key)


def require_set(txn: Txn, uuid: str) -> list[Commit]:
    """Return the commits of a set, including aliases. Raises NotFoundError if the set does not exist."""
    found = members(txn, uuid, with_aliases=True)
    if not found:
        raise NotFoundError(f"no commits found for commitset {uuid}")
    return found
