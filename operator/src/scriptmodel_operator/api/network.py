"""`spec.model`: the network and its hyperparameters."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.corpus import BranchName, ProjectName, RepoName
from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, DnsName, Seed, decimal, formatted, rules

AUTO_PRESET = "auto"
_FOR_AUTO = (
    f"!has(self.minutes) || self.preset == '{AUTO_PRESET}'",
    "minutes needs preset: auto",
)
_BASE_OR_FROM = (
    "!has(self.base) || !has(self.from)",
    "name one model to start from: base or from",
)
_ONE_BASE = (
    "has(self.scriptModel) != has(self.repo)",
    "name exactly one source of the base model: scriptModel or repo",
)


Preset = Literal["auto", "demo", "test", "small", "medium", "large", "tuned"]
"""A named set of hyperparameters."""


BaseName = Annotated[
    str, formatted("^[a-z0-9][a-z0-9-]*$", "a name of lower case letters, digits and -", max_length=63)
]


class Overrides(ApiModel):
    """Hyperparameters that replace those of the preset; a search varies the same ones."""

    epochs: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Passes over the corpus."""
    learning_rate: Annotated[str, decimal(above=0), AS_DECIMAL] | None = None
    """Initial learning rate."""
    dropout: Annotated[str, decimal(at_most=0.95), AS_DECIMAL] | None = None
    """Dropout probability, at most 0.95."""
    vocabulary_size: Annotated[int, Field(ge=16, le=1000000)] | None = None
    """Vocabulary size; sub-words spell all other words."""


class ModelRepo(ApiModel):
    """A branch of a Pachyderm repo that holds a model directory. The operator only reads it."""

    name: RepoName
    """Name of the repo."""
    branch: BranchName = "master"
    """Branch with the model directory, as `scriptmodel-trainer train` writes it."""
    project: ProjectName = "default"
    """Pachyderm project that the repo is in."""


class Base(ApiModel):
    """The model to start from: exactly one source, of which the operator copies a commit into a repo of the object."""

    model_config = ConfigDict(json_schema_extra=rules(_ONE_BASE))

    script_model: DnsName | None = None
    """Another ScriptModel of the namespace and of the same Pachyderm project; the model in use is copied."""
    repo: ModelRepo | None = None
    """A branch of a Pachyderm repo that holds a model directory. The operator only reads it."""


class Model(ApiModel):
    """The network to train."""

    model_config = ConfigDict(json_schema_extra=rules(_FOR_AUTO, _BASE_OR_FROM))

    preset: Preset = "auto"
    """auto chooses network and settings by corpus and minutes. To compare: test, small, medium and large as published;
    demo for a first try; tuned outperforms small at its size."""
    minutes: Annotated[int, Field(ge=1, le=100000)] | None = None
    """Training time on two cores, in minutes, that preset auto sizes the network for; not a limit. Absent: 3 for each
    100,000 tokens."""
    overrides: Overrides = Field(default_factory=Overrides)
    """Hyperparameters that differ from the preset."""
    seed: Seed = 0
    """Random seed; the same seed, corpus and image reproduce the model on the same machine."""
    start: Annotated[Base | None, Field(alias="from")] = None
    """The model to start from. Absent: training starts with random weights."""
    base: BaseName | None = None
    """Name of a base to start from: a folder of bases/ in the corpus, or one that the trainer's image has."""
