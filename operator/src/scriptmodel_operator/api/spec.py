"""The spec of a ScriptModel. The CRD is generated from these classes: docstrings are its descriptions."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scriptmodel_operator.api.corpus import Corpus
from scriptmodel_operator.api.fields import (
    PROJECT_PATTERN,
    PROJECT_WORDS,
    ApiModel,
    must_match,
    rules,
)
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.names import MAX_PROJECT_NAME
from scriptmodel_operator.api.network import Model
from scriptmodel_operator.api.training import Training
from scriptmodel_operator.search.declared import SEARCH_RULES, Search

_UNCHANGED = (
    "self == oldSelf",
    "pachyderm.project cannot be changed: create another ScriptModel",
)


class Pachyderm(ApiModel):
    """Location of the pipelines. Address, token and TLS are part of the operator's configuration."""

    project: Annotated[
        str,
        Field(
            pattern=PROJECT_PATTERN,
            max_length=MAX_PROJECT_NAME,
            json_schema_extra=rules(must_match(PROJECT_PATTERN, f"must be {PROJECT_WORDS}"), _UNCHANGED),
        ),
    ] = "default"
    """Project of the pipelines; it must exist, has at most 20 characters, and cannot be changed."""


class ScriptModelSpec(ApiModel):
    """Corpus, model, training and generation."""

    model_config = ConfigDict(json_schema_extra=rules(*SEARCH_RULES))

    corpus: Corpus
    """The scripts to train on."""
    model: Model = Field(default_factory=Model)
    """The network and its hyperparameters."""
    training: Training = Field(default_factory=Training)
    """Where and how training runs."""
    search: Search | None = None
    """Train many models with different hyperparameters; the best one writes the script. Absent: train one."""
    generation: Generation = Field(default_factory=Generation)
    """The script to generate."""
    pachyderm: Pachyderm = Field(default_factory=Pachyderm)
    """Location of the pipelines in Pachyderm."""
    deletion_policy: Literal["Delete", "Retain", "Orphan"] = "Delete"
    """Delete removes pipelines and their repos, Retain keeps the repos, Orphan keeps everything."""
    suspend: bool = False
    """Stops all pipelines; a running job is killed. Later it resumes from a claim, else from its first epoch."""
