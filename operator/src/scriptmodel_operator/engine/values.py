"""Immutable values that the operator and Pachyderm exchange, independent of gRPC."""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from scriptmodel_operator.engine.errors import EngineError

BASE_INPUT = "base"
"""Name of the input with the model that training starts from; part of a datum's identity, so it never changes."""
TRIAL_INPUT = "trial"
"""Name of the input with one folder for each run of a search; part of a datum's identity, too."""
EACH_ENTRY = "/*"
"""The glob that makes each file or folder at the top of a commit a datum."""
WHOLE_REPO = "/"
"""The glob that makes everything in a commit one datum."""
EVERYTHING = "/"
"""The path whose deletion removes all files, because it ends with a slash."""


@dataclass(frozen=True, slots=True, order=True)
class RepoRef:
    project: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"


def commit_of(text: str) -> tuple[RepoRef, str]:
    """Return repo and commit of `project/repo@commit`, or of `project/repo@commit:/folder`."""
    repo, _, commit = text.rpartition("@")
    return RepoRef(*repo.rpartition("/")[::2]), commit.partition(":")[0]


def folder_of(text: str) -> str:
    """Return the folder of `project/repo@commit:/folder`, with its slash; empty for the root."""
    return text.rpartition("@")[2].partition(":")[2]


@dataclass(frozen=True, slots=True, order=True)
class BranchRef:
    repo: RepoRef
    name: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.name}"

    @property
    def finish_command(self) -> str:
        """What a person types to finish its open commit."""
        return f"pachctl finish commit {self.repo.name}@{self.name} --project {self.repo.project}"

    def push_command(self, namespace: str) -> str:
        """Return what a person types to put scripts into it that a namespace reads; it works with each engine."""
        project = "" if self.repo.project == "default" else f" --project {self.repo.project}"
        branch = "" if self.name == "master" else f" --branch {self.name}"
        return f"scriptmodel push DIR --repo {self.repo.name}{project}{branch} --create -n {namespace}"


@dataclass(frozen=True, slots=True, order=True)
class PipelineRef:
    """A pipeline; its output repo has the same project and name."""

    project: str
    name: str

    @property
    def output(self) -> RepoRef:
        return RepoRef(self.project, self.name)

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class JobRef:
    """A job; its output commit has the same id."""

    pipeline: PipelineRef
    id: str

    def __str__(self) -> str:
        return f"{self.pipeline}@{self.id}"


class _State(Enum):
    @classmethod
    def _missing_(cls, _value: object) -> Any:
        return cls(0)  # a state of a newer server is unknown


class PipelineState(_State):
    UNKNOWN = 0
    STARTING = 1
    RUNNING = 2
    RESTARTING = 3
    FAILURE = 4
    PAUSED = 5
    STANDBY = 6
    CRASHING = 7


class JobState(_State):
    UNKNOWN = 0
    CREATED = 1
    STARTING = 2
    RUNNING = 3
    FAILURE = 4
    SUCCESS = 5
    KILLED = 6
    EGRESSING = 7
    FINISHING = 8
    UNRUNNABLE = 9

    @property
    def final(self) -> bool:
        return self in (JobState.SUCCESS, JobState.FAILURE, JobState.KILLED, JobState.UNRUNNABLE)

    @property
    def waiting(self) -> bool:
        """Whether no worker has taken the job yet; False in an unknown state."""
        return self in (JobState.CREATED, JobState.STARTING)


def as_float32(value: float) -> float:
    """`value` as it comes back from a protobuf float, so that sent and observed compare equal."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@dataclass(frozen=True, slots=True)
class ResourceAmounts:
    """CPU in cores (0: not set), memory as a quantity ("": not set), GPUs by resource name."""

    cpu: float = 0.0
    memory: str = ""
    gpu_type: str = ""
    gpu_count: int = 0


@dataclass(frozen=True, slots=True)
class PodToleration:
    """A toleration as in a pod; `operator` and `effect` in Kubernetes' words, effect "" for all."""

    key: str
    operator: str
    value: str = ""
    effect: str = ""
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class PipelineInput:
    """What a pipeline reads; several branches are crossed, so that each datum has something of each."""

    name: str
    branch: BranchRef
    glob: str
    base: BranchRef | None = None
    trials: BranchRef | None = None
    """Another input, one datum for each of its folders."""
    others: int = 0
    """Number of inputs that somebody else has added."""

    @property
    def branches(self) -> tuple[tuple[str, BranchRef], ...]:
        """The names and branches of the inputs."""
        found = ((self.name, self.branch), (BASE_INPUT, self.base), (TRIAL_INPUT, self.trials))
        return tuple((name, branch) for name, branch in found if branch)


@dataclass(frozen=True, slots=True)
class Datums:
    """How the data of a job is divided among workers."""

    tries: int = 1
    workers: int = 1
    autoscaling: bool = True
    per_task: int = 0
    """How many datums a worker takes, and loses, at a time; 0 for as many as Pachyderm chooses."""


@dataclass(frozen=True, slots=True)
class PodSpec:
    """The pods of a pipeline, besides image, command and resources of their container."""

    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[PodToleration, ...] = ()
    priority_class: str = ""
    runtime_class: str = ""
    claim: str = ""
    """The PersistentVolumeClaim with the trainer's state, where the engine keeps none itself."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of the trainer."""
    patch: str = ""
    """What somebody else changes in the pods, in the engine's form."""
    image_pull_secrets: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    """Labels of its pods, besides Pachyderm's own."""


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """Exactly the fields of a pipeline that the operator sets; `projection` of what is observed has the same type."""

    ref: PipelineRef
    image: str
    command: tuple[str, ...]
    input: PipelineInput
    datums: Datums = Datums()
    requests: ResourceAmounts = ResourceAmounts()
    limits: ResourceAmounts = ResourceAmounts()
    pods: PodSpec = PodSpec()
    description: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineApply:
    spec: PipelineSpec
    update: bool = False
    reprocess: bool = False


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """An observed pipeline. `spec` is the projection onto the fields that the operator sets."""

    ref: PipelineRef
    version: int
    state: PipelineState
    reason: str
    stopped: bool
    spec: PipelineSpec
    inputs: tuple[BranchRef, ...]
    submitted: PipelineSpec | None = None
    """What its author submitted, before defaults of the engine were merged into it; None if that is not known."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    ref: JobRef
    version: int
    state: JobState
    reason: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    data_total: int = 0
    data_processed: int = 0
    data_skipped: int = 0
    queued: bool = False
    """Whether the engine knows that it waits for quota in a queue."""
    released: datetime | None = None
    """When it was first observed to wait for quota no longer."""

    @property
    def good(self) -> bool:
        return self.state is JobState.SUCCESS and self.data_total > 0

    @property
    def skipped(self) -> bool:
        """Whether it computed nothing, so that its result is that of an earlier job."""
        return bool(self.data_total) and self.data_skipped == self.data_total


def running_job(jobs: Iterable[JobInfo]) -> JobInfo | None:
    """Return the job that a worker has taken. It is reported before any newer one."""
    return next((job for job in jobs if not job.state.final and not job.state.waiting), None)


@dataclass(frozen=True, slots=True)
class RepoInfo:
    ref: RepoRef
    description: str = ""
    branches: tuple[str, ...] = ()
    size_bytes: int = 0
    """Size of the newest good commit of master."""
    namespace: str = ""
    """The namespace that it is in, whose objects may read it; empty in Pachyderm, which has none."""

    @property
    def delete_command(self) -> str:
        """What a person types to delete it, if it has the name of a pipeline."""
        if self.namespace:
            return f"kubectl delete configmap scriptmodel-repo-{self.ref.name} -n {self.namespace}"
        return f"pachctl delete repo {self.ref.name} --project {self.ref.project}"

    def describe_command(self, addition: str) -> str:
        """Return what a person types to add to its description; the text that it has is not repeated here."""
        name = f"{self.ref.name} --project {self.ref.project}"
        kept = f"$(pachctl inspect repo {name} --raw | jq -r .description) " if self.description else ""
        return f'pachctl update repo {name} --description "{kept}{addition}"'


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """An observed commit; `provenance` has the commits of user repos that it was made from, directly."""

    repo: RepoRef
    id: str
    finished: bool
    finishing: bool = False
    """Whether it is closed but not validated by the server yet."""
    finished_at: datetime | None = None
    error: str = ""
    size_bytes: int = 0
    provenance: tuple[tuple[RepoRef, str], ...] = ()

    @property
    def open(self) -> bool:
        return not self.finished and not self.finishing


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in Pachyderm; files of equal content have equal hashes, whatever their paths are."""

    size: int
    hash: bytes


FILE_SETS = RepoRef("default", "__filesets__")
"""The repo whose commits are file sets: files outside any branch, which Pachyderm deletes after a while."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of web servers in a file set, or the errors of those that could not be fetched, by URL."""

    file_set: str
    """Empty if the bucket of a user has the known listing."""
    errors: Mapping[str, EngineError]
    discard: Callable[[], None] = lambda: None
    """Deletes what of the file set no commit has. An engine may do that by itself."""
    listing: str = ""
    """Digest of that of the bucket of a user."""
    kept: Set[str] = frozenset()
    """Paths that the newest version has as that bucket does. They are not in the file set."""


@dataclass(frozen=True, slots=True)
class UserBucket:
    """A bucket of a user, as s3://plays/shaw."""

    url: str
    secret: str
    """Name of the Secret with its credentials, in the namespace of the object."""
    known: str = ""
    """Digest of the listing that the newest commit was made from."""


Upload = tuple[str, Iterable[bytes]]
"""A path and the contents of its file, in pieces of at most a few MiB; each is produced when the last one is sent."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Files of a commit, or of a file set, to copy to the same paths of a branch."""

    repo: RepoRef
    commit: str
    paths: Sequence[str]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that the user's process printed."""

    text: str
    time: datetime | None = None
    verdict: bool = False
    """Not printed by the process: how it ended, in the worker's words, such as `signal: killed`."""
    worker_error: bool = False
    """Not printed by the process: why the worker repeats the whole job, such as storage that refuses its output."""
