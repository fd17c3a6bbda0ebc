"""The state of a server: messages in dictionaries by their keys, in the order of creation, and their JSON."""

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from localpach.messages import DEFAULT_PROJECT, now, pfs, pps, transaction

FORMAT = 2
"""The format of the snapshot; one of another format is refused."""
_MESSAGES = {
    "projects": pfs.ProjectInfo,
    "repos": pfs.RepoInfo,
    "branches": pfs.BranchInfo,
    "commits": pfs.CommitInfo,
    "pipelines": pps.PipelineInfo,
    "jobs": pps.JobInfo,
    "transactions": transaction.TransactionInfo,
}
_OTHERS = ("trees", "datums")


class Content(NamedTuple):
    """Stored bytes: their BLAKE2b-256 digest in hex, and their number."""

    digest: str
    size: int


@dataclass
class State:
    """A consistent state. Neither it nor a message in it is changed once the model has it: a `Txn` is a copy.

    What follows from other messages is not stored: all provenance of a branch but the direct one, and sizes of repos.
    """

    cluster: str
    projects: dict[str, Any] = field(default_factory=dict)
    repos: dict[str, Any] = field(default_factory=dict)
    branches: dict[str, Any] = field(default_factory=dict)
    commits: dict[str, Any] = field(default_factory=dict)
    pipelines: dict[str, Any] = field(default_factory=dict)
    """Each version of each pipeline, by the key of the pipeline and `@VERSION`."""
    jobs: dict[str, Any] = field(default_factory=dict)
    transactions: dict[str, Any] = field(default_factory=dict)
    trees: dict[str, Content] = field(default_factory=dict)
    """The files of commits and of file sets. An open commit without any has those of its parent."""
    datums: dict[str, Content] = field(default_factory=dict)
    """The hashes of the datums, by id, of each job that succeeded."""


@dataclass
class Txn(State):
    """A copy of the state that one call changes, with the id that its new commits get and the time of the call.

    ``moved`` has the keys of the branches whose heads it has changed.
    """

    id: str = ""
    now: Timestamp = field(default_factory=Timestamp)
    moved: dict[str, None] = field(default_factory=dict)


def owner(name: str) -> str:
    """Return the repo in the key of a branch or commit, the pipeline in that of a version or job."""
    return name.partition("@")[0]


def owned(messages: dict[str, Any], by: str | None) -> list[Any]:
    """Return the branches or commits of a repo, the versions or jobs of a pipeline, or all for None, newest first."""
    return [message for name, message in reversed(messages.items()) if by is None or owner(name) == by]


def empty_state() -> State:
    default = pfs.ProjectInfo(project={"name": DEFAULT_PROJECT}, created_at=now())
    return State(uuid.uuid4().hex, projects={DEFAULT_PROJECT: default})


def copy_of(state: State, name: str = "") -> Txn:
    """Return a copy to change, as the call with the id ``name`` or a new one."""
    copies = {kind: dict(getattr(state, kind)) for kind in (*_MESSAGES, *_OTHERS)}
    return Txn(state.cluster, **copies, id=name or uuid.uuid4().hex, now=now())


def to_json(state: State, known: dict[int, tuple[Any, str]]) -> str:
    """Return a state as JSON, in which messages are in base64.

    ``known`` has those of the state before, which are not converted again. It keeps the messages, and so their ids.
    """
    before = dict(known)
    known.clear()
    found: dict[str, Any] = {"format": FORMAT, "cluster": state.cluster}
    for kind in _MESSAGES:
        texts = found[kind] = {}
        for name, message in getattr(state, kind).items():
            done = before.get(id(message)) or (message, base64.b64encode(message.SerializeToString()).decode())
            known[id(message)] = done
            texts[name] = done[1]
    return json.dumps(found | {kind: getattr(state, kind) for kind in _OTHERS})


def from_json(text: str) -> State:
    """Return the state of a snapshot. Raises ValueError if it is not one of this format."""
    try:
        found = json.loads(text)
        if found.pop("format") != FORMAT:
            raise ValueError("it has the format of another localpach")
        state = State(str(found.pop("cluster")))
        for kind, made in _MESSAGES.items():
            converted = {name: made.FromString(base64.b64decode(each)) for name, each in found[kind].items()}
            getattr(state, kind).update(converted)
        for kind in _OTHERS:  # without file sets, which end with the server
            getattr(state, kind).update((name, Content(*each)) for name, each in found[kind].items() if "@" in name)
    except (AttributeError, KeyError, TypeError, DecodeError) as error:
        raise ValueError(f"it is not a snapshot: {error!r}") from error
    return state
