"""Propagation at the end of a transaction: new commits downstream of every branch whose head has changed."""

from localpach.errors import PachError
from localpach.pfs import branches, commits
from localpach.pfs.branches import Branch
from localpach.pfs.commits import Origin
from localpach.refs import SPEC, RepoRef
from localpach.store.database import Txn


def propagate(txn: Txn) -> None:
    """Create an open commit on each branch downstream of a changed one, with the new heads as its provenance."""
    moved = [branch for number in txn.moved_branches if (branch := branches.load(txn, number)) is not None]
    if not moved:
        return
    _require_one_branch_per_repo(txn, moved)
    downstream = {each.id: each for branch in moved for each in branches.subvenance(txn, branch)}
    upstream = {each.id: branches.provenance(txn, each) for each in downstream.values()}
    for branch in sorted(downstream.values(), key=lambda each: (len(upstream[each.id]), each.ref.key)):
        ancestors = upstream[branch.id]
        if len(ancestors) == 1 and ancestors[0].ref.repo.type == SPEC:
            continue
        head = commits.get(txn, branch.head)
        if head.uuid == txn.set_id:
            continue
        sources = [commits.head(txn, each.ref) for each in branches.direct_provenance(txn, branch)]
        commit = commits.add(txn, branch.ref, origin=Origin.AUTO, parent=head, provenance=sources)
        branches.set_head(txn, branch, commit)
    txn.new_downstream = True


def _require_one_branch_per_repo(txn: Txn, moved: list[Branch]) -> None:
    for start in moved:
        reached = {start.id: start}
        frontier = [start]
        while frontier:
            branch = frontier.pop()
            for each in (*branches.provenance(txn, branch), *branches.subvenance(txn, branch)):
                if each.id not in reached:
                    reached[each.id] = each
                    frontier.append(each)
        seen: set[RepoRef] = set()
        for branch in reached.values():
            repo = branch.ref.repo
            if repo in seen:
                raise PachError(
                    "validate DAG at end of transaction: multiple branches from the same repo, "
                    f'"{repo}", cannot participate in a DAG'
                )
            seen.add(repo)
