"""Defines the reasons of conditions: a closed list that dashboards and scripts can match on.

`docs/reference/api.md` lists every reason with its text, and is generated from it.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason of a condition; `doc` is its description for users."""

    doc: str

    def __new__(cls, value: str, doc: str) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    # Progress, in order.
    PENDING = "Pending", "On CorpusReady, Trained and Generated: nothing of the stage has been observed yet."
    CREATING = "Creating", "Its steps are being created."
    UPDATING = (
        "Updating",
        "The spec changed, or somebody else changed or stopped a step; the steps are being updated.",
    )
    UPDATE_DEFERRED = (
        "UpdateDeferred",
        "A change that needs no new training waits for the running job, because an update would kill it.",
    )
    WAITING_FOR_CORPUS_COMMIT = "WaitingForCorpusCommit", "A commit of the corpus is not finished yet."
    WAITING_FOR_WORKER = (
        "WaitingForWorker",
        "No worker has taken the job yet: the image is being pulled, no node has capacity or a GPU, or a quota refuses "
        "its pod; the message has what is known.",
    )
    WAITING_FOR_QUOTA = (
        "WaitingForQuota",
        "The train Job waits for quota in the queue of spec.training.queueName; pendingDeadline does not count it.",
    )
    TRAINING = "Training", "The train job is running."
    WORKER_ERROR = (
        "WorkerError",
        "The worker cannot read the inputs or store the output of the job and repeats it from the beginning, "
        "without limit; the message has its error.",
    )
    TRAINED = "Trained", "A model of the newest corpus commit and the newest spec exists."
    GENERATING = "Generating", "The generate job is running, or waits for a worker."
    GENERATED = "Generated", "A script of the newest spec and the newest corpus commit exists."
    HELD_BACK = (
        "HeldBack",
        "A retrained model is worse than the last, and training.onlyIfBetter is true: the last script stays.",
    )
    CORPUS_FOUND = "CorpusFound", "The corpus has a finished commit with files."
    INGESTING = (
        "Ingesting",
        "The corpus, the base model or the runs of a search are being committed to a repo that the object owns.",
    )
    CHECK_FAILED = (
        "CheckFailed",
        "The corpus exists, but its source could not be checked for a newer one; the message has the error.",
    )

    # Problems that somebody has to solve.
    INVALID_SPEC = "InvalidSpec", "The spec is invalid."
    NOT_ALLOWED = (
        "NotAllowed",
        "The operator's configuration does not allow in this namespace what the spec requests, or Pachyderm does not "
        "allow it to the operator; the message names the option or the role.",
    )
    PROJECT_NOT_FOUND = "ProjectNotFound", "The Pachyderm project does not exist."
    CORPUS_NOT_FOUND = "CorpusNotFound", "The corpus repo does not exist."
    CORPUS_BRANCH_NOT_FOUND = "CorpusBranchNotFound", "The corpus repo has no such branch."
    CORPUS_EMPTY = "CorpusEmpty", "The newest commit of the corpus branch has no bytes."
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound", "A ConfigMap that the spec names, or its key, does not exist."
    DOWNLOAD_FAILED = "DownloadFailed", "A URL of the corpus could not be fetched; the message has the error."
    TRAINING_WARNING = (
        "TrainingWarning",
        "Event only: training continues under a condition that needs attention, such as a corpus "
        "that does not look like scripts or a GPU that is not found.",
    )
    RESUMED = "Resumed", "Event only: a restarted worker continues the training from its checkpoint."
    CORPUS_FAILED = "CorpusFailed", "The newest commit of the corpus could not be finished."
    BASE_NOT_FOUND = "BaseNotFound", "The model to start from (spec.model.from) does not exist."
    BASE_INVALID = "BaseInvalid", "What spec.model.from names is not a model directory."
    WAITING_FOR_BASE = "WaitingForBase", "The model to start from (spec.model.from) is not trained yet."
    NAME_CONFLICT = "NameConflict", "A step or repo of the needed name belongs to somebody else."
    OTHER_ENGINE = (
        "OtherEngine",
        "The object's steps were made on another Pachyderm, or in another bucket, than the operator has; nothing "
        "is created or deleted there.",
    )
    RETAINED_REPOS = ("RetainedRepos", "Output repos kept by an earlier deletion block the names of the pipelines.")
    PIPELINE_LIMIT = (
        "PipelineLimit",
        "Pachyderm's limits do not allow the object's two pipelines, or so many workers.",
    )
    REFUSED = "Refused", "Pachyderm or the bucket refused a request; the message has its error."
    PIPELINE_FAILED = "PipelineFailed", "Kubernetes refused the resources of a step."
    TRAINING_FAILED = "TrainingFailed", "The train job failed; the message has the trainer's error."
    GENERATION_FAILED = "GenerationFailed", "The generate job failed; the message has the trainer's error."
    JOB_STOPPED = "JobStopped", "Somebody stopped the job before it ended."
    WORKER_UNAVAILABLE = "WorkerUnavailable", "No worker started within pendingDeadline; the job was stopped."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "The job ran longer than activeDeadline and was stopped."
    NO_DATA = "NoData", "The job ended without reading any data, or somebody deleted its result."

    # Temporary or requested states.
    ENGINE_UNAVAILABLE = (
        "EngineUnavailable",
        "Pachyderm or the bucket does not answer, or fails internally; the operator keeps retrying.",
    )
    RETRYING = "Retrying", "A call failed and is being retried; the message has the error."
    SUSPENDED = "Suspended", "spec.suspend is true: its steps are stopped."
    DELETING = "Deleting", "The object is being deleted; what was made for it is deleted first."
    DELETION_BLOCKED = (
        "DeletionBlocked",
        "Another pipeline or ScriptModel reads what the object made; nothing has been deleted.",
    )

    # Conditions that are False because all is well, or that do not apply yet.
    SUCCEEDED = "Succeeded", "Nothing is left to do."
    PROGRESSING = "Progressing", "Work is in progress."
    NOT_STARTED = "NotStarted", "An earlier stage comes first."
