"""The message classes that python-pachyderm ships, under one roof, and the shapes that several services share."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps
from python_pachyderm.proto.v2.transaction import transaction_pb2 as transaction

from localpach.names import DEFAULT_PROJECT
from localpach.refs import BranchRef, CommitRef, JobRef, PipelineRef, RepoRef

__all__ = [
    "BytesValue",
    "Empty",
    "branch_message",
    "branch_ref",
    "commit_message",
    "commit_ref",
    "duration",
    "job_message",
    "job_ref",
    "nanoseconds",
    "pfs",
    "pipeline_message",
    "pipeline_ref",
    "pps",
    "repo_message",
    "repo_ref",
    "timestamp",
    "transaction",
]

SECOND = 1_000_000_000


def timestamp(nanos: int) -> Timestamp:
    """A time from nanoseconds since the epoch."""
    return Timestamp(seconds=nanos // SECOND, nanos=nanos % SECOND)


def duration(nanos: int) -> Duration:
    """A duration from nanoseconds."""
    return Duration(seconds=nanos // SECOND, nanos=nanos % SECOND)


def nanoseconds(span: Duration) -> int:
    """The nanoseconds of a duration."""
    return int(span.seconds) * SECOND + int(span.nanos)


def repo_message(ref: RepoRef) -> pfs.Repo:
    """A repo as a message."""
    return pfs.Repo(name=ref.name, type=ref.type, project=pfs.Project(name=ref.project))


def branch_message(ref: BranchRef) -> pfs.Branch:
    """A branch as a message."""
    return pfs.Branch(repo=repo_message(ref.repo), name=ref.name)


def commit_message(repo: RepoRef, uuid: str, branch: str) -> pfs.Commit:
    """A commit as a message."""
    return pfs.Commit(repo=repo_message(repo), id=uuid, branch=branch_message(repo.branch(branch)))


def pipeline_message(ref: PipelineRef) -> pps.Pipeline:
    """A pipeline as a message."""
    return pps.Pipeline(name=ref.name, project=pfs.Project(name=ref.project))


def job_message(ref: JobRef) -> pps.Job:
    """A job as a message."""
    return pps.Job(pipeline=pipeline_message(ref.pipeline), id=ref.id)


def repo_ref(message: pfs.Repo) -> RepoRef:
    """The repo of a message; without a project it is in the default one."""
    return RepoRef(message.project.name or DEFAULT_PROJECT, message.name, message.type)


def branch_ref(message: pfs.Branch) -> BranchRef:
    """The branch of a message."""
    return BranchRef(repo_ref(message.repo), message.name)


def commit_ref(message: pfs.Commit) -> CommitRef:
    """The commit of a message, whose repo may stand in its branch only."""
    repo = message.repo if message.HasField("repo") else message.branch.repo
    return CommitRef(repo_ref(repo), message.id, message.branch.name)


def pipeline_ref(message: pps.Pipeline) -> PipelineRef:
    """The pipeline of a message; without a project it is in the default one."""
    return PipelineRef(message.name, message.project.name or DEFAULT_PROJECT)


def job_ref(message: pps.Job) -> JobRef:
    """The job of a message."""
    return JobRef(pipeline_ref(message.pipeline), message.id)
