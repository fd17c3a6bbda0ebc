"""The protobuf messages that localpach uses, and conversions to and from its own types."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue

from localpach.names import DEFAULT_PROJECT
from localpach.protocol import pfs, pps, transaction
from localpach.refs import BranchRef, CommitRef, JobRef, PipelineRef, RepoRef

__all__ = ["BytesValue", "Empty", "pfs", "pps", "transaction"]

SECOND = 1_000_000_000


def timestamp(nanos: int) -> Timestamp:
    return Timestamp(seconds=nanos // SECOND, nanos=nanos % SECOND)


def duration(nanos: int) -> Duration:
    return Duration(seconds=nanos // SECOND, nanos=nanos % SECOND)


def nanoseconds(span: Duration) -> int:
    return int(span.seconds) * SECOND + int(span.nanos)


def copy_fields(source: Message, target: Message) -> None:
    """Copy the fields that are set in a message to those of the same names in another message that has them."""
    for field, value in source.ListFields():
        if field.name in target.DESCRIPTOR.fields_by_name:
            copied = getattr(target, field.name)
            if field.label == field.LABEL_REPEATED:
                copied.extend(value)
            elif field.message_type is not None:
                copied.CopyFrom(value)
            else:
                setattr(target, field.name, value)


def repo_message(ref: RepoRef) -> pfs.Repo:
    return pfs.Repo(name=ref.name, type=ref.type, project=pfs.Project(name=ref.project))


def branch_message(ref: BranchRef) -> pfs.Branch:
    return pfs.Branch(repo=repo_message(ref.repo), name=ref.name)


def commit_message(repo: RepoRef, uuid: str, branch: str) -> pfs.Commit:
    return pfs.Commit(repo=repo_message(repo), id=uuid, branch=branch_message(repo.branch(branch)))


def pipeline_message(ref: PipelineRef) -> pps.Pipeline:
    return pps.Pipeline(name=ref.name, project=pfs.Project(name=ref.project))


def job_message(ref: JobRef) -> pps.Job:
    return pps.Job(pipeline=pipeline_message(ref.pipeline), id=ref.id)


def repo_ref(message: pfs.Repo) -> RepoRef:
    """Convert a message to a repo reference; the default project is used if the message has none."""
    return RepoRef(message.project.name or DEFAULT_PROJECT, message.name, message.type)


def branch_ref(message: pfs.Branch) -> BranchRef:
    return BranchRef(repo_ref(message.repo), message.name)


def commit_ref(message: pfs.Commit) -> CommitRef:
    """Convert a message to a commit reference; some clients set the repo in the branch only."""
    repo = message.repo if message.HasField("repo") else message.branch.repo
    return CommitRef(repo_ref(repo), message.id, message.branch.name)


def pipeline_ref(message: pps.Pipeline) -> PipelineRef:
    """Convert a message to a pipeline reference; the default project is used if the message has none."""
    return PipelineRef(message.name, message.project.name or DEFAULT_PROJECT)


def job_ref(message: pps.Job) -> JobRef:
    return JobRef(pipeline_ref(message.pipeline), message.id)
