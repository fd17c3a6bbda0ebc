"""The state of a server: immutable values in dictionaries, which keep the order of creation, and their JSON."""

from __future__ import annotations

import base64
import json
import time
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, lru_cache
from typing import Any, get_args, get_origin, get_type_hints

from localpach.names import DEFAULT_PROJECT
from localpach.refs import BranchRef, CommitKey, JobRef, PipelineRef, RepoRef
from localpach.states import JobState, Origin, PipelineState

FORMAT = 1
"""The format of the snapshot; one of another format is refused."""


@dataclass(frozen=True, slots=True)
class Content:
    """Stored bytes: their BLAKE2b-256 digest in hex, and their number."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Project:
    name: str
    description: str
    created: int

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Repo:
    key: RepoRef
    description: str
    created: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch. Only its direct provenance is stored; what follows from it is computed, so it cannot become stale."""

    key: BranchRef
    head: str
    provenance: tuple[BranchRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. Times are nanoseconds since the epoch; 0 in ``finished`` means that it is open.

    ``files`` is its stored tree; an open commit without one has the files of its parent, an id in the same repo.
    ``details`` tells whether its size is known, ``compacted`` whether it was finished with its files.
    """

    key: CommitKey
    branch: str
    origin: Origin
    started: int
    description: str = ""
    parent: str = ""
    provenance: tuple[CommitKey, ...] = ()
    finished: int = 0
    error: str = ""
    details: bool = False
    compacted: bool = False
    size: int = 0
    files: Content | None = None

    def __str__(self) -> str:
        return str(self.key)

    @property
    def repo(self) -> RepoRef:
        return self.key.repo

    @property
    def id(self) -> str:
        return self.key.id


@dataclass(frozen=True, slots=True)
class FileSet:
    """Temporary files, from which ModifyFile can copy until they expire."""

    key: str
    expires: int
    files: Content


@dataclass(frozen=True, slots=True)
class VersionKey:
    pipeline: PipelineRef
    version: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One version of a pipeline. ``info`` is its serialized PipelineInfo, which never changes."""

    key: VersionKey
    state: PipelineState
    reason: str
    stopped: bool
    parallelism: int
    info: bytes

    @property
    def ref(self) -> PipelineRef:
        return self.key.pipeline

    @property
    def version(self) -> int:
        return self.key.version


@dataclass(frozen=True, slots=True)
class Job:
    """A job. ``stats`` is a serialized ProcessStats; ``datums`` has the hashes of its datums, by id, once it ended."""

    key: JobRef
    version: int
    branch: str
    state: JobState
    created: int
    reason: str = ""
    restart: int = 0
    processed: int = 0
    skipped: int = 0
    failed: int = 0
    total: int = 0
    stats: bytes = b""
    started: int = 0
    finished: int = 0
    datums: Content | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """An open transaction. ``info`` is a serialized TransactionInfo with the requests so far."""

    key: str
    info: bytes


@dataclass
class State:
    """A consistent state. It is never changed once the model has it: changes are made to a copy, a `Txn`."""

    cluster: str
    projects: dict[str, Project] = field(default_factory=dict)
    repos: dict[RepoRef, Repo] = field(default_factory=dict)
    branches: dict[BranchRef, Branch] = field(default_factory=dict)
    commits: dict[CommitKey, Commit] = field(default_factory=dict)
    filesets: dict[str, FileSet] = field(default_factory=dict)
    pipelines: dict[VersionKey, Pipeline] = field(default_factory=dict)
    jobs: dict[JobRef, Job] = field(default_factory=dict)
    transactions: dict[str, Pending] = field(default_factory=dict)

    def to_json(self) -> str:
        parts = [f'"format": {FORMAT}', f'"cluster": {json.dumps(self.cluster)}']
        for name in _KINDS:
            values = ",\n".join(map(_text, getattr(self, name).values()))
            parts.append(f'"{name}": [\n{values}\n]')
        return "{" + ",\n".join(parts) + "}\n"


@dataclass
class Txn(State):
    """A copy of the state that one call changes, with the id that its new commits get and the time of the call.

    ``moved`` has the branches whose heads it has changed.
    """

    id: str = ""
    now: int = 0
    moved: dict[BranchRef, None] = field(default_factory=dict)


_KINDS: dict[str, type[Any]] = {
    "projects": Project,
    "repos": Repo,
    "branches": Branch,
    "commits": Commit,
    "filesets": FileSet,
    "pipelines": Pipeline,
    "jobs": Job,
    "transactions": Pending,
}


def empty_state() -> State:
    default = Project(DEFAULT_PROJECT, "", time.time_ns())
    return State(uuid.uuid4().hex, projects={DEFAULT_PROJECT: default})


def copy_of(state: State, name: str = "") -> Txn:
    """Return a copy to change, as the call with the id ``name`` or a new one."""
    copies = {kind: dict(getattr(state, kind)) for kind in _KINDS}
    return Txn(state.cluster, **copies, id=name or uuid.uuid4().hex, now=time.time_ns())


def from_json(text: str) -> State:
    """Return the state of a snapshot. Raises ValueError if it is not one of this format."""
    try:
        found = json.loads(text)
        if found.pop("format") != FORMAT:
            raise ValueError("it has the format of another localpach")
        state = State(str(found.pop("cluster")))
        for name, kind in _KINDS.items():
            getattr(state, name).update((value.key, value) for value in (_decoded(kind, each) for each in found[name]))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not a snapshot: {error!r}") from error
    return state


@lru_cache(maxsize=1 << 17)
def _text(value: Any) -> str:
    """Return the JSON of a value, which never changes."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [getattr(value, each.name) for each in fields(value)]


@cache
def _types(kind: type[Any]) -> list[Any]:
    return list(get_type_hints(kind).values())


def _decoded(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        make: Callable[..., Any] = kind  # type: ignore[assignment]  # is_dataclass also takes an instance
        return make(*(_decoded(each, item) for each, item in zip(_types(kind), value, strict=True)))  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return tuple(_decoded(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is types.UnionType:
        return None if value is None else _decoded(get_args(kind)[0], value)
    return base64.b64decode(value) if kind is bytes else kind(value)
