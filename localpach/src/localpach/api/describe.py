"""What is computed for the messages that describe repos, branches, commits and files."""

from localpach.messages import changed, key, pfs
from localpach.pfs import branches, commits
from localpach.pfs.files import Entry
from localpach.state import State


def repo_info(state: State, info: pfs.RepoInfo, **fields: object) -> pfs.RepoInfo:
    """Return the message with the branches of the repo, and its size in some more fields."""
    return changed(
        info, branches=sorted((each.branch for each in branches.in_repo(state, info.repo)), key=key), **fields
    )


def repo_size(state: State, repo: pfs.Repo) -> int:
    """Return the size of the newest commit of master whose size is known."""
    master = pfs.Branch(repo=repo, name="master")
    commit = commits.head(state, master) if key(master) in state.branches else None
    while commit is not None and not commit.HasField("details"):
        commit = commits.parent(state, commit)
    return commit.details.size_bytes if commit else 0


def branch_info(state: State, info: pfs.BranchInfo) -> pfs.BranchInfo:
    name = key(info.branch)
    return changed(
        info,
        provenance=[state.branches[each].branch for each in branches.upstream(state, name)],
        subvenance=[state.branches[each].branch for each in branches.downstream(state, name)],
    )


def commit_info(state: State, info: pfs.CommitInfo) -> pfs.CommitInfo:
    return changed(info, direct_provenance=[each.commit for each in commits.sources(state, info)])


def file_info(commit: pfs.Commit, info: pfs.CommitInfo | None, entry: Entry) -> pfs.FileInfo:
    """Describe a file of a commit, or of a file set, which has no description."""
    return pfs.FileInfo(
        file=pfs.File(commit=commit, path=entry.path, datum=entry.datum),
        file_type=pfs.FileType.FILE if entry.content else pfs.FileType.DIR,
        size_bytes=entry.size,
        hash=bytes.fromhex(entry.digest),
        committed=info.finished if info is not None and info.HasField("finished") else None,
    )
