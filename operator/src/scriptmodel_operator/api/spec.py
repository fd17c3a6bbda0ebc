"""The spec of a ScriptModel. The CRD's schema is generated from these classes: docstrings are its descriptions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.durations import DECIMAL_PATTERN, DURATION_PATTERN, QUANTITY_PATTERN
from scriptmodel_operator.api.names import MAX_PROJECT_NAME


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """CEL rules for a class: (expression, message)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


class ApiModel(BaseModel):
    """Camel case outside, snake case inside; immutable; what is unknown is ignored (the API server prunes it)."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    BeforeValidator(_text),
    Field(
        pattern=QUANTITY_PATTERN,
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "type": None,
            "pattern": QUANTITY_PATTERN,
        },
    ),
]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=24)]
Decimal = Annotated[str, Field(pattern=DECIMAL_PATTERN, max_length=12)]
RepoName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", min_length=1, max_length=128)]
ProjectName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", min_length=1, max_length=51)]
BranchName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]+$", min_length=1, max_length=128)]
ImageName = Annotated[str, Field(pattern=r"^$|^[a-z0-9][A-Za-z0-9._/:@-]*$", max_length=512)]
DnsName = Annotated[str, Field(pattern=r"^$|^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253)]
LabelKey = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
LabelValue = r"^$|^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Layout(StrEnum):
    """How the scripts are laid out."""

    AUTO = "auto"
    NORMALIZED = "normalized"
    PLAIN = "plain"
    MARKDOWN = "markdown"
    FOUNTAIN = "fountain"
    CAPS_PERIOD = "caps-period"
    TITLE_PERIOD = "title-period"
    CAPS_COLON = "caps-colon"
    TITLE_COLON = "title-colon"
    DASH = "dash"
    COLUMN = "column"
    NAME_ALONE = "name-alone"


class Preset(StrEnum):
    """A named set of hyperparameters."""

    TEST = "test"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    DEMO = "demo"


class DeletionPolicy(StrEnum):
    """What deleting the object leaves behind."""

    DELETE = "Delete"
    RETAIN = "Retain"
    ORPHAN = "Orphan"


class DriftPolicy(StrEnum):
    """What happens to a pipeline that somebody else changed."""

    CORRECT = "Correct"
    WARN = "Warn"


class CorpusRepo(ApiModel):
    """A branch of an existing Pachyderm repo. The operator reads it; it never changes or deletes it."""

    name: RepoName
    """Name of the repo."""
    branch: BranchName = "master"
    """Branch whose newest commit is learned from; a new commit trains again."""
    project: ProjectName = "default"
    """Pachyderm project that the repo is in."""


class CorpusHttp(ApiModel):
    """Files to be fetched from a web server into a repo that the object owns."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2048)]
    """Address of a tar, tar.gz, zip or text file."""
    sha256: Annotated[str, Field(pattern=r"^$|^[a-f0-9]{64}$")] = ""
    """Digest that the file must have."""
    include: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=32)] = Field(default_factory=list)
    """Globs of the files in the archive to keep; all when empty."""
    max_size_mi: Annotated[int, Field(ge=1, le=16384)] = 256
    """Largest size in MiB, before and after unpacking."""
    interval: Duration = "1h"
    """How often to look for a newer file."""


class CorpusConfigMap(ApiModel):
    """Scripts kept in a ConfigMap of the object's namespace, one file a key."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", min_length=1, max_length=253)]
    """Name of the ConfigMap."""


class Corpus(ApiModel):
    """The scripts to learn from: exactly one source, and how they are laid out."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "[has(self.repo), has(self.http), has(self.configMap)].filter(x, x).size() == 1",
                "name exactly one source of the corpus: repo, http or configMap",
            ),
            (
                "!has(self.http)",
                "corpus.http is not served by this version: put the files into a repo and name it in corpus.repo",
            ),
        )
    )

    repo: CorpusRepo | None = None
    """A branch of an existing Pachyderm repo. The operator reads it; it never changes or deletes it."""
    http: CorpusHttp | None = None
    """Files on a web server."""
    config_map: CorpusConfigMap | None = None
    """Files in a ConfigMap."""
    layout: Layout = Layout.AUTO
    """Layout of the scripts; `auto` recognises it for each file."""


class Overrides(ApiModel):
    """Single hyperparameters that differ from the preset; each is optional."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            ("!has(self.dropout) || double(self.dropout) <= 0.95", "dropout must be at most 0.95"),
            ("!has(self.learningRate) || double(self.learningRate) > 0.0", "learningRate must be above 0"),
            (
                "!has(self.learningRateDecay) || "
                "(double(self.learningRateDecay) > 0.0 && double(self.learningRateDecay) <= 1.0)",
                "learningRateDecay must be above 0 and at most 1",
            ),
            ("!has(self.clipNorm) || double(self.clipNorm) > 0.0", "clipNorm must be above 0"),
        )
    )

    layers: Annotated[int, Field(ge=1, le=8)] | None = None
    """LSTM layers."""
    hidden_units: Annotated[int, Field(ge=1, le=8192)] | None = None
    """Units of a layer."""
    embedding_units: Annotated[int, Field(ge=0, le=8192)] | None = None
    """Width of the word vectors; 0 for as many as hiddenUnits."""
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Words that gradients flow back through."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Streams that are learned from side by side."""
    epochs: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Times that the whole corpus is read."""
    full_rate_epochs: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Epochs before the learning rate begins to fall."""
    learning_rate: Decimal | None = None
    """Learning rate at the start."""
    learning_rate_decay: Decimal | None = None
    """Factor of the learning rate from one epoch to the next."""
    dropout: Decimal | None = None
    """Share of connections left out in training, from 0 to below 1."""
    clip_norm: Decimal | None = None
    """Largest norm of the gradient."""
    vocabulary_size: Annotated[int, Field(ge=16, le=1000000)] | None = None
    """Words known to the model; the rest is one unknown word."""


class Model(ApiModel):
    """The network to be trained."""

    preset: Preset = Preset.SMALL
    """test, small, medium and large as published; demo is for the first ten minutes."""
    overrides: Overrides = Field(default_factory=Overrides)
    """Hyperparameters that differ from the preset."""
    seed: Seed = 0
    """Seed of all random numbers; the same seed, corpus and image give the same model on the same machine."""


class Gpu(ApiModel):
    """GPUs for training; without this, training runs on CPUs."""

    count: Annotated[int, Field(ge=1, le=16)] = 1
    """Number of GPUs."""
    resource: Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[a-z0-9A-Z._-]+$", max_length=128)] = "nvidia.com/gpu"
    """Resource name under which the nodes offer them."""


class ResourceList(ApiModel):
    """Amounts of a kind; what is left out is up to Pachyderm."""

    cpu: Quantity | None = None
    """Cores, such as 2 or 500m."""
    memory: Quantity | None = None
    """Memory, such as 4Gi."""


class Resources(ApiModel):
    """What the training container asks for and may use."""

    requests: ResourceList = Field(default_factory=ResourceList)
    """What a node must have free."""
    limits: ResourceList = Field(default_factory=ResourceList)
    """What may not be exceeded."""


class TolerationOperator(StrEnum):
    """How a toleration matches a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """The effect of a taint."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A taint of nodes that training tolerates."""

    key: Annotated[str, Field(max_length=317)] = ""
    """Key of the taint; empty with Exists matches all."""
    operator: TolerationOperator = TolerationOperator.EQUAL
    """Exists or Equal."""
    value: Annotated[str, Field(max_length=63)] = ""
    """Value of the taint, with Equal."""
    effect: TaintEffect | None = None
    """Effect of the taint; all when absent."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long a NoExecute taint is tolerated."""


class Training(ApiModel):
    """Where and how the training job runs."""

    image: ImageName = ""
    """Trainer image. Empty: the operator's default, resolved once, so that upgrading the operator never retrains."""
    gpu: Gpu | None = None
    """GPUs to train on."""
    resources: Resources = Field(default_factory=Resources)
    """CPU and memory of the training container."""
    node_selector: Annotated[
        dict[str, Annotated[str, Field(pattern=LabelValue, max_length=63)]], Field(max_length=32)
    ] = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=32)] = Field(default_factory=list)
    """Taints that are tolerated."""
    priority_class_name: DnsName = ""
    """Priority class of the pods."""
    runtime_class_name: DnsName = ""
    """Runtime class of the pods."""
    pending_deadline: Duration = "30m"
    """Longest wait for a worker; counted only while no older job of the pipeline runs."""
    active_deadline: Duration = "6h"
    """Longest time that a training job may run; the operator stops it then."""
    backoff_limit: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a failed computation is repeated within a job."""


class Generation(ApiModel):
    """The script to be written. Changing it writes a new script and does not train again."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.temperature) || double(self.temperature) <= 10.0",
                "temperature must be at most 10",
            ),
            (
                "!has(self.topP) || double(self.topP) > 0.0 && double(self.topP) <= 1.0",
                "topP must be above 0 and at most 1",
            ),
        )
    )

    words: Annotated[int, Field(ge=1, le=1000000)] = 1000
    """Length of the script in words, at most."""
    temperature: Decimal = "0.8"
    """Below 1 the script keeps to what is likely, above 1 it dares more; 0 always takes the likeliest word."""
    top_p: Decimal = "0.95"
    """Only the likeliest words that together have this share are drawn from."""
    seed: Seed = 0
    """Another seed writes another script from the same model."""
    prompt: Annotated[str, Field(max_length=1000)] = ""
    """Words that the script begins with."""
    speaker: Annotated[str, Field(max_length=100)] = ""
    """Who speaks first."""
    samples: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of scripts; further ones are new_script.2.txt and so on."""


class Pachyderm(ApiModel):
    """Where in Pachyderm the pipelines are. Address, token and TLS belong to the operator's configuration."""

    project: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
            min_length=1,
            max_length=MAX_PROJECT_NAME,
            json_schema_extra=rules(
                ("self == oldSelf", "pachyderm.project cannot be changed: create another ScriptModel")
            ),
        ),
    ] = "default"
    """Project of the pipelines; it must exist and cannot be changed."""


class ScriptModelSpec(ApiModel):
    """Which scripts to learn from, how, and what to write."""

    corpus: Corpus
    """The scripts to learn from."""
    model: Model = Field(default_factory=Model)
    """The network."""
    training: Training = Field(default_factory=Training)
    """Where and how training runs."""
    generation: Generation = Field(default_factory=Generation)
    """The script to be written."""
    pachyderm: Pachyderm = Field(default_factory=Pachyderm)
    """Where in Pachyderm the pipelines are."""
    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """Delete removes pipelines and their repos, Retain keeps the repos, Orphan touches nothing."""
    drift_policy: DriftPolicy = DriftPolicy.CORRECT
    """Correct undoes changes that somebody else made to a pipeline, Warn only tells of them."""
    suspend: bool = False
    """Stops both pipelines; a running job is killed and starts from its first epoch later."""
    history_limit: Annotated[int, Field(ge=0, le=50)] = 5
    """Number of earlier models that status tells of."""
