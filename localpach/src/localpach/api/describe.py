"""Conversion of stored objects to the messages that describe them."""

from localpach.messages import branch_message, commit_message, duration, job_message, pfs, pps, repo_message, timestamp
from localpach.pfs import branches, commits, commitsets
from localpach.pfs.branches import Branch
from localpach.pfs.commits import Commit
from localpach.pfs.projects import Project
from localpach.pfs.repos import Repo
from localpach.pps.jobs import Job
from localpach.store.database import Txn


def project_info(project: Project) -> pfs.ProjectInfo:
    return pfs.ProjectInfo(
        project=pfs.Project(name=project.name), description=project.description, created_at=timestamp(project.created)
    )


def repo_info(txn: Txn, repo: Repo) -> pfs.RepoInfo:
    return pfs.RepoInfo(
        repo=repo_message(repo.ref),
        created=timestamp(repo.created),
        description=repo.description,
        branches=[branch_message(each.ref) for each in commitsets.sorted_branches(txn, repo.ref)],
    )


def repo_size(txn: Txn, repo: Repo) -> int:
    """Return the size of the newest commit of master whose size is known."""
    master = branches.find(txn, repo.ref.branch("master"))
    commit = None if master is None else commits.get(txn, master.head)
    while commit is not None:
        if commit.details:
            return commit.size or 0
        commit = None if commit.parent is None else commits.get(txn, commit.parent)
    return 0


def branch_info(txn: Txn, branch: Branch) -> pfs.BranchInfo:
    head = commits.get(txn, branch.head)
    return pfs.BranchInfo(
        branch=branch_message(branch.ref),
        head=commit_message(head.repo, head.uuid, head.branch),
        provenance=[branch_message(each.ref) for each in branches.provenance(txn, branch)],
        subvenance=[branch_message(each.ref) for each in branches.subvenance(txn, branch)],
        direct_provenance=[branch_message(each.ref) for each in branches.direct_provenance(txn, branch)],
    )


def commit_info(txn: Txn, commit: Commit) -> pfs.CommitInfo:
    info = pfs.CommitInfo(
        commit=commit_message(commit.repo, commit.uuid, commit.branch),
        origin=pfs.CommitOrigin(kind=commit.origin),
        description=commit.description,
        started=timestamp(commit.started),
        error=commit.error,
    )
    if commit.parent is not None:
        parent = commits.get(txn, commit.parent)
        info.parent_commit.CopyFrom(commit_message(parent.repo, parent.uuid, parent.branch))
    for child in commits.children(txn, commit):
        info.child_commits.append(commit_message(child.repo, child.uuid, child.branch))
    for source in commits.direct_provenance(txn, commit):
        info.direct_provenance.append(commit_message(source.repo, source.uuid, source.branch))
    if commit.finishing is not None:
        info.finishing.CopyFrom(timestamp(commit.finishing))
    if commit.finished is not None:
        info.finished.CopyFrom(timestamp(commit.finished))
    if commit.details:
        info.details.SetInParent()
        info.details.size_bytes = commit.size or 0
        if commit.compacting is not None and commit.validating is not None:
            info.details.compacting_time.CopyFrom(duration(commit.compacting))
            info.details.validating_time.CopyFrom(duration(commit.validating))
            info.size_bytes_upper_bound = commit.size or 0
    return info


def job_info(job: Job) -> pps.JobInfo:
    info = pps.JobInfo(
        job=job_message(job.ref),
        pipeline_version=job.version,
        output_commit=commit_message(job.ref.pipeline.repo(), job.ref.id, job.branch),
        restart=job.restart,
        data_processed=job.counts.processed,
        data_skipped=job.counts.skipped,
        data_failed=job.counts.failed,
        data_total=job.counts.total,
        stats=pps.ProcessStats.FromString(job.stats),
        state=int(job.state),
        reason=job.reason,
        created=timestamp(job.created),
    )
    if job.started is not None:
        info.started.CopyFrom(timestamp(job.started))
    if job.finished is not None:
        info.finished.CopyFrom(timestamp(job.finished))
    return info
