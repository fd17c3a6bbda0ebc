"""The status of a ScriptModel. Like the spec, these classes are where the CRD's schema comes from."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.text import without_surrogates

MAX_EXCERPT = 1024


class ConditionSchema(ApiModel):
    """Whether something is so, since when, and why."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Reconciling, Stalled, CorpusReady, Trained or Generated."""
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """metadata.generation that this was found out for."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""
    reason: Annotated[str, Field(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", min_length=1, max_length=1024)]
    """One word that says why."""
    message: Annotated[str, Field(max_length=32768)]
    """What happened, and what to do."""


class Perplexity(ApiModel):
    """Word-level perplexity; lower is better."""

    train: str | None = None
    """On the training split, in the newest finished epoch; measured with dropout."""
    valid: str | None = None
    """On the validation split, after the newest finished epoch."""
    test: str | None = None
    """On the test split, when training is done."""
    running: str | None = None
    """On the words of the training split seen so far in the running epoch."""
    best: str | None = None
    """The lowest validation perplexity of any epoch so far."""


class TrainingStatus(ApiModel):
    """The running training job, or the newest one."""

    epoch: int | None = None
    """Epoch that is being trained."""
    epochs: int | None = None
    """Epochs in all."""
    epoch_progress: str | None = None
    """Both in one column."""
    progress_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """How much of the training is done."""
    perplexity: Perplexity | None = None
    """What the model has learned so far."""
    sample: str | None = None
    """A line of script that the model wrote after the newest epoch."""
    warning: str | None = None
    """Why the corpus does not look like scripts."""
    words_per_second: int | None = None
    """Speed of training."""
    eta: str | None = None
    """Time until training is done, in words."""
    start_time: str | None = None
    """When the job started."""
    completion_time: str | None = None
    """When the job ended."""
    estimated_completion_time: str | None = None
    """When training will be done."""
    gpu_seconds: int | None = None
    """GPUs times seconds that the job has used."""


class ScriptStatus(ApiModel):
    """The newest script."""

    path: str | None = None
    """Path in the repo of lineage.script."""
    size_bytes: int | None = None
    """Size in bytes."""
    words: int | None = None
    """Length in words."""
    sha256: str | None = None
    """Digest of the content."""
    excerpt: Annotated[str, Field(max_length=MAX_EXCERPT)] | None = None
    """Its first lines."""


class CommitRef(ApiModel):
    """A commit in Pachyderm."""

    project: str | None = None
    """Project of the repo."""
    repo: str | None = None
    """Name of the repo."""
    branch: str | None = None
    """Branch that it was found by."""
    commit: str | None = None
    """Id of the commit."""


class Lineage(ApiModel):
    """What the newest script was made from."""

    corpus: CommitRef | None = None
    """The scripts learned from."""
    model: CommitRef | None = None
    """The model."""
    script: CommitRef | None = None
    """The script."""


class SourceStatus(ApiModel):
    """What the newest commit of a corpus by URL was made from."""

    url: str | None = None
    """Address, without what may be secret in it."""
    sha256: str | None = None
    """Digest of the file that was downloaded."""
    etag: str | None = None
    """What the server calls that version of it."""
    last_modified: str | None = None
    """When the server says that it was changed."""
    request: str | None = None
    """Digest of url and include at the time."""
    commit: str | None = None
    """Commit that has its files."""


class PipelineStatus(ApiModel):
    """One of the two pipelines."""

    name: str
    """Name in Pachyderm."""
    version: int | None = None
    """Version in Pachyderm; every update makes a new one."""
    state: str | None = None
    """State as Pachyderm says."""
    reason: str | None = None
    """Why, in Pachyderm's words."""
    digest: str | None = None
    """Digest of that part of the spec that the pipeline carries out."""


class HistoryEntry(ApiModel):
    """A model that was trained."""

    generation: int | None = None
    """metadata.generation at the time."""
    model_commit: str | None = None
    """Commit of the model."""
    perplexity: str | None = None
    """Its lowest validation perplexity; of models that older operators recorded, the test perplexity."""
    test_perplexity: str | None = None
    """Its perplexity on the test split."""
    finished: str | None = None
    """When its training ended."""
    gpu_seconds: int | None = None
    """GPUs times seconds that its training used."""


class ScriptModelStatus(ApiModel):
    """What was learned, what was written, and how it goes."""

    observed_generation: int | None = None
    """metadata.generation that this status tells of."""
    last_handled_reconcile_at: str | None = None
    """The newest annotation scriptmodel.dev/reconcile-at that was answered."""
    last_handled_retrain_at: str | None = None
    """The newest annotation scriptmodel.dev/retrain-at that was answered."""
    suspended: bool | None = None
    """True from when spec.suspend has stopped the pipelines until they are started again."""
    conditions: (
        Annotated[
            list[ConditionSchema],
            Field(
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                }
            ),
        ]
        | None
    ) = None
    """Ready, Reconciling, Stalled, CorpusReady, Trained and Generated."""
    training: TrainingStatus | None = None
    """The training job."""
    script: ScriptStatus | None = None
    """The newest script."""
    lineage: Lineage | None = None
    """What it was made from."""
    source: SourceStatus | None = None
    """What a corpus by URL was made from."""
    pipelines: list[PipelineStatus] | None = None
    """The two pipelines."""
    history: list[HistoryEntry] | None = None
    """Earlier models, newest first."""


def to_wire(model: ApiModel) -> dict[str, Any]:
    """As it stands in the object: camel case, nothing that is None or empty.

    An empty object must be left out: server-side apply turns one that had fields before into null.
    """
    dumped: dict[str, Any] = _pruned(model.model_dump(by_alias=True, exclude_none=True, mode="json"))
    return dumped


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {key: _pruned(child) for key, child in value.items()}
        return {key: child for key, child in pruned.items() if child not in ({}, [])}
    if isinstance(value, list):
        return [_pruned(child) for child in value]
    return without_surrogates(value) if isinstance(value, str) else value
