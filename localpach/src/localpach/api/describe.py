"""Conversion of values of the state to the messages that describe them."""

from localpach.messages import branch_message, commit_message, duration, job_message, pfs, pps, repo_message, timestamp
from localpach.pfs import branches, commits
from localpach.pfs.files import Entry
from localpach.refs import CommitRef
from localpach.state import Branch, Commit, Job, Project, Repo, State

A_MOMENT = 1000
"""How long a commit takes to be compacted and validated, in nanoseconds: there is nothing to do."""


def project_info(project: Project) -> pfs.ProjectInfo:
    return pfs.ProjectInfo(
        project=pfs.Project(name=project.name), description=project.description, created_at=timestamp(project.created)
    )


def repo_info(state: State, repo: Repo) -> pfs.RepoInfo:
    names = sorted(each.key.name for each in branches.in_repo(state, repo.key))
    return pfs.RepoInfo(
        repo=repo_message(repo.key),
        created=timestamp(repo.created),
        description=repo.description,
        branches=[branch_message(repo.key.branch(name)) for name in names],
    )


def repo_size(state: State, repo: Repo) -> int:
    """Return the size of the newest commit of master whose size is known."""
    master = repo.key.branch("master")
    commit = commits.head(state, master) if master in state.branches else None
    while commit is not None and not commit.details:
        commit = commits.parent(state, commit)
    return commit.size if commit else 0


def branch_info(state: State, branch: Branch) -> pfs.BranchInfo:
    return pfs.BranchInfo(
        branch=branch_message(branch.key),
        head=_message(commits.head(state, branch.key)),
        provenance=[branch_message(each.key) for each in branches.provenance(state, branch)],
        subvenance=[branch_message(each.key) for each in branches.subvenance(state, branch)],
        direct_provenance=[branch_message(each.key) for each in branches.direct_provenance(state, branch)],
    )


def commit_info(state: State, commit: Commit) -> pfs.CommitInfo:
    before = commits.parent(state, commit)
    info = pfs.CommitInfo(
        commit=_message(commit),
        origin=pfs.CommitOrigin(kind=int(commit.origin)),
        description=commit.description,
        parent_commit=None if before is None else _message(before),
        child_commits=map(_message, commits.children(state, commit)),
        direct_provenance=map(_message, commits.sources(state, commit)),
        started=timestamp(commit.started),
        error=commit.error,
    )
    if commit.finished:
        info.finishing.CopyFrom(timestamp(commit.finished))
        info.finished.CopyFrom(timestamp(commit.finished))
    if commit.details:
        info.details.size_bytes = commit.size
        info.details.SetInParent()
    if commit.compacted:
        info.details.compacting_time.CopyFrom(duration(A_MOMENT))
        info.details.validating_time.CopyFrom(duration(A_MOMENT))
        info.size_bytes_upper_bound = commit.size
    return info


def job_info(job: Job) -> pps.JobInfo:
    info = pps.JobInfo(
        job=job_message(job.key),
        pipeline_version=job.version,
        output_commit=commit_message(job.key.pipeline.repo(), job.key.id, job.branch),
        restart=job.restart,
        data_processed=job.processed,
        data_skipped=job.skipped,
        data_failed=job.failed,
        data_total=job.total,
        stats=pps.ProcessStats.FromString(job.stats),
        state=int(job.state),
        reason=job.reason,
        created=timestamp(job.created),
    )
    if job.started:
        info.started.CopyFrom(timestamp(job.started))
    if job.finished:
        info.finished.CopyFrom(timestamp(job.finished))
    return info


def file_info(commit: Commit | None, ref: CommitRef, entry: Entry) -> pfs.FileInfo:
    """Describe a file of a commit, or of a file set, which has no commit."""
    if commit is None:
        where = pfs.Commit(repo=pfs.Repo(name=ref.repo.name, type=ref.repo.type), id=ref.id)
    else:
        where = _message(commit)
    info = pfs.FileInfo(
        file=pfs.File(commit=where, path=entry.path, datum=entry.datum),
        file_type=pfs.FileType.FILE if entry.content else pfs.FileType.DIR,
        size_bytes=entry.size,
        hash=bytes.fromhex(entry.digest),
    )
    if commit is not None and commit.finished:
        info.committed.CopyFrom(timestamp(commit.finished))
    return info


def _message(commit: Commit) -> pfs.Commit:
    return commit_message(commit.repo, commit.id, commit.branch)
