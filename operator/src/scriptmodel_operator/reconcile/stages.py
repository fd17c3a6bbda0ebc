"""Derives how far training and generation are from the jobs of their pipelines. Pure."""

from typing import NamedTuple

from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.api.status import JobFailure, ScriptModelStatus
from scriptmodel_operator.desired.command_lines import SCRIPT_PATH
from scriptmodel_operator.desired.pipelines import QUEUE_LABEL
from scriptmodel_operator.engine.values import JobInfo, JobState, PipelineState
from scriptmodel_operator.observe.progress import Failure, LogDigest, Progress
from scriptmodel_operator.observe.view import ModelCommits, ModelView, PipelineView
from scriptmodel_operator.reconcile.deadlines import ACTIVE_TEXT, PENDING_TEXT, REASON_FOLLOWS
from scriptmodel_operator.reconcile.training import restart_as_text, warnings_as_text, warnings_of, warnings_of_model
from scriptmodel_operator.reconcile.wording import cannot_start, failure, in_terms_of_the_object, things_to_check

_CAUSE_UNKNOWN = "its log is gone, because nobody read it while it ran"


class _Work(NamedTuple):
    """What messages say of a job; `again` is what makes another one."""

    name: str
    verb: str
    failed: Reason
    again: str


_TRAINING = _Work("training", "train", Reason.TRAINING_FAILED, "change the spec or annotate scriptmodel.dev/retrain-at")
_GENERATION = _Work(
    "generation", "write", Reason.GENERATION_FAILED, "change spec.generation, if only its seed; the model is kept"
)
_STARTED = "resume the object"
"""What makes another job of a step that is stopped."""


def training_stage(view: ModelView, previous: ScriptModelStatus, running: str) -> Condition:
    """Return how far training is. Done means that the newest job of the current version made a model.

    With many runs, it means that one of them did; `running` says how far their job is.
    """
    train = view.train
    if train is None:
        return Condition(Reason.CREATING, "the train step is being created")
    if train.info.state is PipelineState.FAILURE:
        return Problem(Reason.PIPELINE_FAILED, _pipeline_failed(train))
    job = train.newest
    if job is None:
        crashing, appears = train.info.state is PipelineState.CRASHING, "waiting for the train job to appear"
        waiting = _cannot_start(train) if crashing else Condition(Reason.TRAINING, appears)
        return _deleted(train.lost, _TRAINING) if train.lost else waiting
    return _training_job(view, train, job, previous.training.failure, running)


def _training_job(
    view: ModelView, train: PipelineView, job: JobInfo, reported: JobFailure | None, running: str
) -> Condition:
    if view.repeats and train.last_good is not None:
        return _succeeded(train.last_good, view)
    if job.state is JobState.SUCCESS:
        return _searched(view, job) if view.search and job.data_total else _succeeded(job, view)
    if job.state.final:
        failed = failure(job, view.logs.training, reported, generating=False)
        return _ended(job, failed, _of(train, _TRAINING), train.claim)
    if train.running is not None:
        message = _training_message(view, train, job, running)
        return _repeated(view.logs.training, message) or Condition(Reason.TRAINING, message)
    return _waiting(view, train, job)


def _searched(view: ModelView, job: JobInfo) -> Condition:
    """Return the stage after a train job of many runs that succeeded."""
    if view.search and view.search.plan.failure:
        what = "change spec.search or spec.model, or annotate scriptmodel.dev/retrain-at"
        return Problem(Reason.TRAINING_FAILED, f"the search failed: {view.search.plan.failure}: {what}")
    if view.search and not view.search.plan.finished:
        return Condition(Reason.TRAINING, "the search is next")
    return _succeeded(job, view)


def _succeeded(job: JobInfo, view: ModelView) -> Condition:
    if not job.data_total:
        return Problem(
            Reason.NO_DATA, "the train job read no files: put scripts into the corpus; a new commit trains again"
        )
    metrics = view.models.metrics if view.models.good and view.models.good.model == job.ref.id else None
    known = {"validation": metrics.best, "test": metrics.perplexity.test} if metrics else {}
    figures = [f"{value:.1f} ({name})" for name, value in known.items() if value is not None]
    model, winner = view.models.good.model if view.models.good else "", view.search.plan.winner if view.search else ""
    base = f" from the base {metrics.base}" if metrics and metrics.base else ""
    text = f"trial {winner.lstrip('0')} is the best" if winner else f"the model is trained{base}"
    text += f": perplexity {', '.join(figures)}" if figures else ""
    if view.models.metrics is None:
        text += "; its metrics.json is missing or invalid, so its perplexity is not known"
    text += warnings_as_text(warnings_of_model(view))
    return Condition(Reason.TRAINED, f"{text} (model {short_id(model or job.ref.id)})", ConditionStatus.TRUE)


def _training_message(view: ModelView, train: PipelineView, newest: JobInfo, running: str) -> str:
    text, log = running or "the train job runs", view.logs.training
    at, failing = (log.progress, log.failure) if log else (Progress(), Failure())
    if at.epoch:
        text = f"epoch {at.epoch} of {at.epochs}" if at.epochs else f"epoch {at.epoch}"
    if at.percent == 100:
        text = f"all {at.epochs} epochs are done, and the model is being tested and written"
    if failing.stopped:
        why = train.info.reason.removeprefix("waits ")
        waits = f"waits ({cannot_start(why, train.claim)})" if why else "starts"
        text = f"the worker {failing.error}, and another one {waits}"
    elif failing.error:
        text = f"attempt failed, retrying: {in_terms_of_the_object(failing.error, generating=False)}"
    text += restart_as_text(log.resumed if log else None)
    if train.running and train.running.ref != newest.ref:
        text += "; a newer corpus commit or spec is next"
    return text + warnings_as_text(warnings_of(view))


def _repeated(log: LogDigest | None, message: str) -> Condition | None:
    """Return the stage of a job that the worker repeats because of an error of its own; None for any other job."""
    if log is None or not log.failure.worker_error:
        return None
    text = f"the worker repeats the job, because it failed outside the trainer: {log.failure.worker_error}"
    return Condition(Reason.WORKER_ERROR, f"{text}; check the engine's storage ({message})")


def _waiting(view: ModelView, train: PipelineView, job: JobInfo) -> Condition:
    if view.models.reported and view.models.reported.corpus_open:
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, still_open(train, view.models.reported))
    if view.waits_for_quota:
        queue = dict(train.info.spec.pods.labels).get(QUEUE_LABEL, "")
        return Condition(
            Reason.WAITING_FOR_QUOTA,
            f"the train job waits for quota in queue {queue} (job {short_id(job.ref.id)})",
        )
    if train.info.state is PipelineState.CRASHING:
        return _cannot_start(train)
    return Condition(Reason.WAITING_FOR_WORKER, f"the train job waits for a worker (job {short_id(job.ref.id)})")


def _cannot_start(seen: PipelineView) -> Condition:
    return Condition(Reason.WAITING_FOR_WORKER, f"no worker can start: {cannot_start(seen.info.reason, seen.claim)}")


def still_open(train: PipelineView, commits: ModelCommits) -> str:
    finish = train.info.spec.input.branch.finish_command
    commit = short_id(commits.corpus or "")
    return f"a commit of the corpus is still open: `{finish}`, unless a pipeline is writing it (commit {commit})"


def generation_stage(view: ModelView, trained: Condition, previous: ScriptModelStatus) -> Condition:
    """Return how far generation is. Done means that the newest job read the newest model and wrote a script."""
    generate = view.generate
    if generate is None:
        return Condition(Reason.CREATING, "the generate step is being created")
    if not trained.done:
        return Condition(Reason.NOT_STARTED, "training comes first")
    if generate.info.state is PipelineState.FAILURE:
        return Problem(Reason.PIPELINE_FAILED, _pipeline_failed(generate))
    job = generate.newest
    unfinished = job is None or not job.state.final or not view.reads_newest_model
    if unfinished and view.script_is_of_newest_model and generate.last_good is not None:
        return _written(generate.last_good, view)
    if job is None or not view.reads_newest_model:
        crashing = job is None and generate.info.state is PipelineState.CRASHING
        appears = Condition(Reason.GENERATING, "waiting for the generate job to appear")
        waiting = _cannot_start(generate) if crashing else appears
        return _deleted(generate.lost, _GENERATION) if generate.lost else waiting
    return _generation_job(view, generate, job, previous.generation.failure)


def _generation_job(view: ModelView, generate: PipelineView, job: JobInfo, reported: JobFailure | None) -> Condition:
    if job.state is JobState.SUCCESS:
        return _written(job, view)
    if job.state.final:
        failed = failure(job, view.logs.generation, reported, generating=True)
        return _ended(job, failed, _of(generate, _GENERATION))
    if job.state.waiting and generate.info.state is PipelineState.CRASHING:
        return _cannot_start(generate)
    if job.state.waiting:
        return Condition(Reason.GENERATING, f"the generate job waits for a worker (job {short_id(job.ref.id)})")
    message = "the script is being written"
    return _repeated(view.logs.generation, message) or Condition(Reason.GENERATING, message)


def _written(job: JobInfo, view: ModelView) -> Condition:
    if not job.data_total:
        return Problem(Reason.NO_DATA, "the generate job read no model")
    script = view.scripts.newest.script if view.scripts.newest else None
    if script is None:
        text = (
            f"generation wrote no {SCRIPT_PATH}: the image in spec.training.image may be no scriptmodel trainer "
            f"(job {short_id(job.ref.id)})"
        )
        return Problem(Reason.GENERATION_FAILED, text)
    if script.blank:
        text = f"generation wrote an empty {SCRIPT_PATH}: raise spec.generation.words, or change the prompt"
        return Problem(Reason.GENERATION_FAILED, f"{text} (job {short_id(job.ref.id)})")
    text = f"the script is written (commit {short_id(job.ref.id)})"
    return Condition(Reason.GENERATED, text, ConditionStatus.TRUE)


def _of(seen: PipelineView, work: _Work) -> _Work:
    """Return the words for a pipeline: starting one that is stopped makes another job."""
    return work._replace(again=_STARTED) if seen.info.stopped else work


def _deleted(lost: JobInfo, work: _Work) -> Problem:
    """Return the stage of a job whose result somebody deleted, after which Pachyderm starts no other."""
    text = f"the newest result of {work.name} was deleted: {work.again}"
    return Problem(Reason.NO_DATA, f"{text} (job {short_id(lost.ref.id)})")


def _ended(job: JobInfo, known: JobFailure | None, work: _Work, claim: str = "") -> Problem:
    of_job = f"(job {short_id(job.ref.id)})"
    if job.reason.startswith(PENDING_TEXT):
        # The reason has what Pachyderm had reported.
        reported = job.reason.partition(REASON_FOLLOWS)[2].partition(REASON_FOLLOWS)[2]
        what = cannot_start(reported, claim) if reported else things_to_check(claim)
        text = f"no worker started within pendingDeadline: {what}, then {work.again} {of_job}"
        return Problem(Reason.WORKER_UNAVAILABLE, text)
    if job.state is JobState.KILLED and job.reason.startswith(ACTIVE_TEXT):
        return Problem(
            Reason.DEADLINE_EXCEEDED,
            f"the job ran longer than activeDeadline and was stopped: raise training.activeDeadline or {work.verb} "
            f"less, then {work.again} {of_job}",
        )
    if job.state is JobState.KILLED:
        why = job.reason.strip() or "no reason given"
        return Problem(Reason.JOB_STOPPED, f"the job was stopped ({why}): {work.again} {of_job}")
    if job.state is JobState.UNRUNNABLE:
        return Problem(work.failed, f"{work.name} could not run: {job.reason} {of_job}")
    why = (known.cause if known else None) or f"{job.reason or 'no reason given'}; {_CAUSE_UNKNOWN}"
    return Problem(work.failed, f"{work.name} failed: {why} {of_job}")


def _pipeline_failed(seen: PipelineView) -> str:
    return (
        f"{seen.info.ref} cannot run: {seen.info.reason or 'no reason given'}. "
        "Correct the spec: an update starts it again"
    )
