"""Why a condition is as it is: a closed list, so that dashboards and scripts can match on it.

`docs/reference/api.md` lists every reason with the text beside it here; a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason of a condition; its `doc` is what a user reads about it."""

    doc: str

    def __new__(cls, value: str, doc: str) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    # The good path, in order.
    PENDING = "Pending", "The object was seen; nothing has been decided yet."
    CREATING = "Creating", "The pipelines are being created."
    UPDATING = (
        "Updating",
        "The spec changed, or somebody else changed or stopped a pipeline; the pipelines are being brought up to date.",
    )
    UPDATE_DEFERRED = (
        "UpdateDeferred",
        "A change that needs no new training waits for the running job, because an update would kill it.",
    )
    WAITING_FOR_CORPUS_COMMIT = "WaitingForCorpusCommit", "A commit of the corpus is not finished yet."
    WAITING_FOR_WORKER = (
        "WaitingForWorker",
        "The job is there but no worker has taken it: the image is being pulled, or no node has room or a GPU.",
    )
    TRAINING = "Training", "The train job runs."
    TRAINED = "Trained", "A model of the newest corpus commit and the newest spec exists."
    GENERATING = "Generating", "The generate job runs, or waits for a worker."
    GENERATED = "Generated", "A script of the newest spec and the newest corpus commit exists."
    CORPUS_FOUND = "CorpusFound", "The corpus has a finished commit with files."
    INGESTING = "Ingesting", "The corpus is being fetched and put into a repo of the object's own."
    CHECK_FAILED = (
        "CheckFailed",
        "The corpus is there, but its source could not be asked for a newer one; the message says why.",
    )

    # What a person has to put right.
    INVALID_SPEC = "InvalidSpec", "The spec says something that cannot be carried out."
    NOT_ALLOWED = "NotAllowed", "The operator's configuration does not allow this namespace what the spec asks for."
    PROJECT_NOT_FOUND = "ProjectNotFound", "The Pachyderm project does not exist."
    CORPUS_NOT_FOUND = "CorpusNotFound", "The corpus repo does not exist."
    CORPUS_BRANCH_NOT_FOUND = "CorpusBranchNotFound", "The corpus repo has no such branch."
    CORPUS_EMPTY = "CorpusEmpty", "The newest commit of the corpus branch has no bytes."
    CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound", "The ConfigMap of the corpus does not exist."
    SECRET_NOT_FOUND = "SecretNotFound", "The Secret with the credentials of the corpus does not exist."
    SECRET_INVALID = "SecretInvalid", "The Secret with the credentials of the corpus does not have what is needed."
    DOWNLOAD_FAILED = "DownloadFailed", "The corpus could not be downloaded; the message says why."
    DIGEST_MISMATCH = "DigestMismatch", "The downloaded file does not have the digest that the spec names."
    CORPUS_INVALID = "CorpusInvalid", "The downloaded file is no archive or text, or has what must not be in one."
    CORPUS_TOO_LARGE = "CorpusTooLarge", "The downloaded file, or what is in it, is more than the limits allow."
    CORPUS_DOUBTFUL = (
        "CorpusDoubtful",
        "An event: the corpus does not look like scripts; training continues all the same.",
    )
    CORPUS_FAILED = "CorpusFailed", "The newest commit of the corpus could not be finished by Pachyderm."
    NAME_CONFLICT = "NameConflict", "A pipeline or repo of the needed name belongs to somebody else."
    RETAINED_REPOS = (
        "RetainedRepos",
        "Output repos that were kept by an earlier deletion block the names of the pipelines.",
    )
    PIPELINE_LIMIT = "PipelineLimit", "The server has no room for two more pipelines."
    REFUSED = "Refused", "Pachyderm refused the pipelines; the message has its words."
    PIPELINE_FAILED = "PipelineFailed", "Kubernetes refused what the pipeline asks for."
    DRIFTED = "Drifted", "A pipeline was changed or stopped by somebody else and driftPolicy is Warn."
    TRAINING_FAILED = "TrainingFailed", "The train job failed; the message has the trainer's own words."
    GENERATION_FAILED = "GenerationFailed", "The generate job failed; the message has the trainer's own words."
    JOB_STOPPED = "JobStopped", "The job was stopped by somebody before it ended."
    WORKER_UNAVAILABLE = "WorkerUnavailable", "No worker came within pendingDeadline; the job was stopped."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "The job ran longer than activeDeadline and was stopped."
    NO_DATA = "NoData", "The job ended without having seen any data."

    # What passes by itself, or was asked for.
    PACHYDERM_UNAVAILABLE = (
        "PachydermUnavailable",
        "Pachyderm does not answer, or fails inside; the operator keeps trying.",
    )
    RETRYING = "Retrying", "A call failed and is being repeated; the message has the error."
    SUSPENDED = "Suspended", "spec.suspend is true: pipelines are stopped."
    DELETING = "Deleting", "The object is being deleted; its pipelines and repos go first."
    DELETION_BLOCKED = "DeletionBlocked", "Something else reads the object's repos; nothing has been deleted."

    # Of conditions that are False because all is well, or that do not apply yet.
    SUCCEEDED = "Succeeded", "Nothing is left to do."
    PROGRESSING = "Progressing", "Work is going on."
    NOT_STARTED = "NotStarted", "An earlier stage comes first."


def reason_named(value: str) -> Reason:
    """The reason that stands in a condition; ValueError for one that is not in the list."""
    for reason in Reason:
        if reason.value == value:
            return reason
    raise ValueError(f"{value!r} is not a reason of the ScriptModel API")
