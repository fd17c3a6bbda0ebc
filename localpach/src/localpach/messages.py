"""The protobuf messages in which localpach keeps its state: their keys, times, and changed copies of them."""

from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue

from localpach.protocol import pfs, pps, transaction

__all__ = ["BytesValue", "Empty", "pfs", "pps", "transaction"]

DEFAULT_PROJECT = "default"
USER, SPEC, META = "user", "spec", "meta"
"""The types of repos."""
FINAL = (pps.JOB_SUCCESS, pps.JOB_FAILURE, pps.JOB_KILLED, pps.JOB_UNRUNNABLE)
"""The states that a job never leaves."""


def now() -> Timestamp:
    found = Timestamp()
    found.GetCurrentTime()
    return found


def key(reference: Any) -> str:
    """Return PROJECT/REPO.TYPE, with @BRANCH or @ID of a branch or a commit; PROJECT/PIPELINE, with @ID of a job.

    The default project is used if a reference has none. Some clients set the repo of a commit in its branch only.
    """
    match reference.DESCRIPTOR.name:
        case "Repo":
            return f"{reference.project.name or DEFAULT_PROJECT}/{reference.name}.{reference.type}"
        case "Pipeline":
            return f"{reference.project.name or DEFAULT_PROJECT}/{reference.name}"
        case "Branch":
            return f"{key(reference.repo)}@{reference.name}"
        case "Job":
            return f"{key(reference.pipeline)}@{reference.id}"
    return f"{key(repo_in(reference))}@{reference.id}"


def shown(reference: Any) -> str:
    """Return a reference, or a key, as the messages of the real server have it."""
    text = reference if isinstance(reference, str) else key(reference)
    return text.replace(f".{USER}", "", 1)


def repo_in(commit: pfs.Commit) -> pfs.Repo:
    return commit.repo if commit.HasField("repo") else commit.branch.repo


def repo_of(pipeline: pps.Pipeline, kind: str = USER) -> pfs.Repo:
    """Return the output repo of a pipeline, or its spec or meta repo."""
    return pfs.Repo(name=pipeline.name, type=kind, project={"name": pipeline.project.name or DEFAULT_PROJECT})


def changed(message: Any, /, **fields: Any) -> Any:
    """Return a copy of a message with other values of some fields; None clears one."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name in fields:
        copy.ClearField(name)
    copy.MergeFrom(type(message)(**fields))
    return copy


def filled(target: Message, source: Message) -> None:
    """Set the fields of a message that another one has, too, under the same names."""
    for field, value in source.ListFields():
        if field.name in target.DESCRIPTOR.fields_by_name:
            target.MergeFrom(type(target)(**{field.name: value}))
