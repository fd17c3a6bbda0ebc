"""The status of a ScriptModel. The CRD is generated from these classes, as from those of the spec."""

from typing import Annotated, Any

from pydantic import Field

from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.safe_text import without_controls, without_surrogates
from scriptmodel_operator.search.declared import SearchStatus

_ACKNOWLEDGED = ("lastHandledReconcileAt", "lastHandledRetrainAt")
MAX_CAUSE = 1900
"""Leaves room for the job in the message of a condition, which has at most 2,048 characters."""
MAX_EXCERPT = 1024


class ConditionSchema(ApiModel):
    """A condition in Kubernetes' form."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Reconciling, Stalled, CorpusReady, Trained or Generated."""
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    """True, False or Unknown."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """metadata.generation that the condition was derived from."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """When the status last changed."""
    reason: Annotated[str, Field(pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", min_length=1, max_length=1024)]
    """Reason in one word."""
    message: Annotated[str, Field(max_length=32768)]
    """What happened, and what to do about it."""


class Perplexity(ApiModel):
    """Word-level perplexity; lower is better."""

    train: str | None = None
    """Training perplexity of the newest finished epoch, with dropout."""
    valid: str | None = None
    """Validation perplexity after the newest finished epoch."""
    test: str | None = None
    """Test perplexity, once training is done."""
    running: str | None = None
    """Training perplexity of the running epoch so far."""
    best: str | None = None
    """Lowest validation perplexity so far: of any epoch or, with trigrams, of the finished model."""


class DeviceStatus(ApiModel):
    """The device that training runs on."""

    kind: str | None = None
    """gpu or cpu."""
    name: str | None = None
    """Name of the GPU or the processor."""
    memory: str | None = None
    """Memory of the GPU, such as 80Gi."""
    precision: str | None = None
    """Number format of the computation, such as float32 or bfloat16."""


class ResumedAt(ApiModel):
    """The point of a training at which a restarted worker continued."""

    epoch: int | None = None
    """Epoch that continued."""
    share: str | None = None
    """Part of that epoch that was done, from 0.00 to 1.00."""


class JobFailure(ApiModel):
    """A failed job, as far as its log has been read. The log is gone soon after the job."""

    job: str | None = None
    """Id of the job."""
    cause: Annotated[str, Field(max_length=MAX_CAUSE)] | None = None
    """What the trainer reported, in terms of the spec; else the last lines of its log."""


class TrainingStatus(ApiModel):
    """The running training job, or the newest one."""

    preset: str | None = None
    """Preset that auto chose; absent for other presets."""
    epoch_progress: str | None = None
    """Current and total epochs, such as 3/40."""
    progress_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Progress of the training in percent."""
    perplexity: Perplexity | None = None
    """Perplexity so far."""
    sample: str | None = None
    """Sample line that the model wrote after the newest epoch."""
    warnings: Annotated[list[str], Field(max_length=16)] | None = None
    """Warnings, such as that the corpus does not look like scripts, that no GPU is found or that GPUs are idle."""
    device: DeviceStatus | None = None
    """Device of the training."""
    words_per_second: int | None = None
    """Training speed."""
    eta: str | None = None
    """Estimated time until training is done, such as 3m20s."""
    start_time: str | None = None
    """When the job started."""
    completion_time: str | None = None
    """When the job ended."""
    gpu_seconds: int | None = None
    """GPU seconds of the job: GPUs times running time."""
    restarts: int | None = None
    """How often the training continued from saved state, after a lost worker or a failed attempt."""
    resumed_at: ResumedAt | None = None
    """Where the newest restart continued."""
    failure: JobFailure | None = None
    """Why the job failed."""


class GenerationStatus(ApiModel):
    """The newest generate job."""

    failure: JobFailure | None = None
    """Why the job failed."""


class ScriptScore(ApiModel):
    """The judge's verdict on a script beside text that training held out; the figures lie between 0 and 1."""

    form: str | None = None
    """The form: poor, fair, good or like the corpus; else a copy (of the corpus), a loop, noise or foreign (words of
    another corpus)."""
    form_score: str | None = None
    """Root of the product of originality, variety, order, vocabulary and turns."""
    sense: str | None = None
    """How well words follow each other: poor, fair, good or like the corpus."""
    sense_score: str | None = None
    """Share of its word triples that the corpus has beyond chance, beside that of held-out text: 0.75 if equal."""
    originality: str | None = None
    """Low if the script copies the corpus."""
    variety: str | None = None
    """Low if the script repeats itself."""
    order: str | None = None
    """Low if words come in no order."""
    vocabulary: str | None = None
    """Low if words are not those of the corpus."""
    turns: str | None = None
    """Low if speeches and directions are unlike those of the corpus."""


class ScriptStatus(ApiModel):
    """The script in use."""

    path: str | None = None
    """Path in the repo of lineage.script."""
    size_bytes: int | None = None
    """Size in bytes."""
    words: int | None = None
    """Length in words."""
    excerpt: Annotated[str, Field(max_length=MAX_EXCERPT)] | None = None
    """Its first lines."""
    temperature: str | None = None
    """Sampling temperature that it was written at."""
    score: ScriptScore | None = None
    """The trainer's verdict on it; none if its image or its model is too old to judge."""


class Lineage(ApiModel):
    """Commits of a script."""

    corpus: str | None = None
    """Commit of the corpus."""
    model: str | None = None
    """Commit of the model; of a search with the folder of the best run, such as :/0007."""
    script: str | None = None
    """Commit of the script."""
    base: str | None = None
    """Commit of the model that training started from, without its repo if the spec no longer names it; or the name of
    the base (model.base)."""
    held_back: str | None = None
    """Commit of the newest script, if training.onlyIfBetter holds it back."""


class UrlError(ApiModel):
    """Why a file of a corpus by URL could not be fetched."""

    url: str
    """Address without its query, which may be secret."""
    message: str
    """What happened."""


class SourceStatus(ApiModel):
    """What is known of a corpus by URL or in a bucket."""

    last_check_time: str | None = None
    """When the source was last compared with the commit."""
    last_change_time: str | None = None
    """When the commit was made: the files had changed."""
    commit: str | None = None
    """Newest commit with the files of the URLs."""
    request: str | None = None
    """Digest of the URLs of that commit: a restarted operator knows by it whether they are those of the spec."""
    listing: str | None = None
    """Digest of the keys, sizes and ETags of the bucket: while they are the same, nothing is fetched."""
    errors: list[UrlError] | None = None
    """URLs that could not be fetched in the newest check; the corpus stays as it was."""


class PipelineStatus(ApiModel):
    """One of the pipelines."""

    name: str
    """Name in the engine."""
    version: int | None = None
    """Version in the engine; each update increments it."""
    state: str | None = None
    """State in Pachyderm's words; with Jobs RUNNING, STANDBY without a job, PAUSED while it is stopped, or CRASHING
    while its pod does not start."""
    reason: str | None = None
    """The engine's reason for the state."""


class ScriptModelStatus(ApiModel):
    """Observed state: conditions, training, script and lineage."""

    observed_generation: int | None = None
    """metadata.generation that this status was derived from."""
    last_handled_reconcile_at: str | None = None
    """Newest handled value of the annotation scriptmodel.dev/reconcile-at."""
    last_handled_retrain_at: str | None = None
    """Newest handled value of the annotation scriptmodel.dev/retrain-at."""
    suspended: bool | None = None
    """True while the pipelines are stopped because of spec.suspend."""
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
    perplexity: str | None = None
    """Lowest validation perplexity of the training in progress, else of the model that wrote the script."""
    training: TrainingStatus = Field(default_factory=TrainingStatus)
    """The training job."""
    search: SearchStatus | None = None
    """The search, if the spec has one."""
    generation: GenerationStatus = Field(default_factory=GenerationStatus)
    """The generate job."""
    script: ScriptStatus | None = None
    """The script in use: the newest one, unless training.onlyIfBetter holds it back."""
    lineage: Lineage = Field(default_factory=Lineage)
    """Commits that the script was made from, each as project/repo@commit."""
    source: SourceStatus | None = None
    """Corpus by URL: its newest check and commit."""
    pipelines: list[PipelineStatus] = Field(default_factory=list)
    """The pipelines."""

    @property
    def download(self) -> SourceStatus | None:
        """What the newest commit of a corpus by URL was made from; None before the first one."""
        return self.source if self.source and self.source.commit else None


def to_wire(model: ApiModel) -> dict[str, Any]:
    """Return a status on the wire: camel case, without None and empty values."""
    dumped = model.model_dump(by_alias=True, exclude_none=True, mode="json")
    # Whoever set an annotation waits for the same text.
    same = {name: without_surrogates(dumped[name]) for name in _ACKNOWLEDGED if name in dumped}
    return {**_pruned(dumped), **same}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        pruned = {key: _pruned(child) for key, child in value.items()}
        return {key: child for key, child in pruned.items() if child not in ({}, [])}
    if isinstance(value, list):
        return [_pruned(child) for child in value]
    return without_controls(value) if isinstance(value, str) else value
