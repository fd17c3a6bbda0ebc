"""Derives how far training and generation are from the jobs of their pipelines, and words that. Pure.

A message has the cause first, field names of the object, and short ids last.
"""

import re
from typing import NamedTuple

from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem, cut
from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.network import Overrides
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.api.status import MAX_CAUSE, JobFailure, ScriptModelStatus
from scriptmodel_operator.desired.command_lines import SCRIPT_PATH
from scriptmodel_operator.desired.pipelines import QUEUE_LABEL
from scriptmodel_operator.engine.values import JobInfo, JobState, PipelineState
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.view import ModelCommits, ModelView, PipelineView
from scriptmodel_operator.reconcile.deadlines import ACTIVE_TEXT, PENDING_TEXT, REASON_FOLLOWS

_LONGEST_REASON = 300
_BARE = ("exit status ", "signal: ")
"""Verdicts that name no cause. Any other one is the cause itself, such as a limit that was exceeded."""
_OUT_OF_MEMORY = (
    "the process was killed (`signal: killed`), most likely because memory ran out: raise "
    "training.resources.limits.memory, or use a node with more"
)
_TO_CHECK = "check node capacity, GPUs, the image and the claim of training.checkpoints, if any"


def _fields(model: type[ApiModel]) -> dict[str, str]:
    return {name: field.alias or name for name, field in model.model_fields.items()}


_OPTIONS = {f"--{name.replace('_', '-')}": f"generation.{alias}" for name, alias in _fields(Generation).items()}
_OPTIONS |= {
    "--continue": "generation.continue",
    "--continue-text": "generation.continue",
    "--only-new": "generation.continue.onlyNew",
    "--no-copies": "generation.copies",
}
_TRAIN = {
    **_OPTIONS,
    **{name: alias for name, alias in _fields(Overrides).items() if name != alias},
    "--preset": "model.preset",
    "--minutes": "model.minutes",
    "--layout": "corpus.layout",
    "--seed": "model.seed",
    "--from": "model.from",
    "--base": "model.base",
}


class _Work(NamedTuple):
    """What messages say of the jobs of a pipeline; `again` is what makes another one, `names` the trainer's words."""

    name: str
    step: str
    verb: str
    busy: Reason
    waiting: Reason
    failed: Reason
    again: str
    names: dict[str, str]


_TRAINING = _Work(
    "training",
    "train",
    "train",
    Reason.TRAINING,
    Reason.WAITING_FOR_WORKER,
    Reason.TRAINING_FAILED,
    "change the spec or annotate scriptmodel.dev/retrain-at",
    _TRAIN,
)
_GENERATION = _Work(
    "generation",
    "generate",
    "write",
    Reason.GENERATING,
    Reason.GENERATING,
    Reason.GENERATION_FAILED,
    "change spec.generation, if only its seed; the model is kept",
    _OPTIONS,
)


def training_stage(view: ModelView, previous: ScriptModelStatus, running: str) -> Condition:
    """Return how far training is. Done means that the newest job of the current version made a model.

    With many runs, it means that one of them did; `running` says how far their job is.
    """
    train, commits = view.train, view.reported
    if train is None:
        return Condition(Reason.CREATING, "the train step is being created")
    if train.info.state is PipelineState.FAILURE:
        return _pipeline_failed(train)
    job = train.last_good if view.repeats else train.newest
    if job is not None and job.state is JobState.SUCCESS:
        return _trained(job, view)
    if job is not None and job.state.waiting and commits and commits.corpus_open and not train.running:
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, still_open(train, commits))
    if job is not None and view.waits_for_quota:
        queue = dict(train.info.spec.pods.labels).get(QUEUE_LABEL, "")
        text = f"the train job waits for quota in queue {queue} (job {short_id(job.ref.id)})"
        return Condition(Reason.WAITING_FOR_QUOTA, text)
    return _unfinished(train, _TRAINING, previous.training.failure, _training_message(train, running))


def generation_stage(view: ModelView, trained: Condition, previous: ScriptModelStatus) -> Condition:
    """Return how far generation is. Done means that the newest job read the newest model and wrote a script."""
    generate = view.generate
    if generate is None:
        return Condition(Reason.CREATING, "the generate step is being created")
    if not trained.done:
        return Condition(Reason.NOT_STARTED, "training comes first")
    if generate.info.state is PipelineState.FAILURE:
        return _pipeline_failed(generate)
    job = generate.newest if view.reads_newest_model else None
    if (job is None or not job.state.final) and view.script_is_of_newest_model:
        job = generate.last_good
    if job is not None and job.state is JobState.SUCCESS:
        return _written(job, view)
    if generate.newest is not None and job is None:
        return Condition(Reason.GENERATING, "waiting for the generate job to appear")
    return _unfinished(generate, _GENERATION, previous.generation.failure, "the script is being written")


def _unfinished(seen: PipelineView, work: _Work, reported: JobFailure | None, message: str) -> Condition:
    """Return the stage of a pipeline whose newest job has no result; `message` says how far a running one is."""
    job, log = seen.newest, seen.log
    crashing = seen.info.state is PipelineState.CRASHING
    if job is not None and job.state.final:
        return _ended(seen, job, failure(job, log, reported, generating=work is _GENERATION), work)
    if job is None or (job.state.waiting and not seen.running):
        if crashing:
            return Condition(Reason.WAITING_FOR_WORKER, f"no worker can start: {_reported(seen.info.reason)}")
        if job is None:
            return Condition(work.busy, f"waiting for the {work.step} job to appear")
        return Condition(work.waiting, f"the {work.step} job waits for a worker (job {short_id(job.ref.id)})")
    if log is not None and log.failure.worker_error:
        text = f"the worker repeats the job, because it failed outside the trainer: {log.failure.worker_error}"
        return Condition(Reason.WORKER_ERROR, f"{text}; check the engine's storage ({message})")
    return Condition(work.busy, message)


def _trained(job: JobInfo, view: ModelView) -> Condition:
    if not job.data_total:
        return Problem(
            Reason.NO_DATA, "the train job read no files: put scripts into the corpus; a new commit trains again"
        )
    plan = view.search.plan if view.search and not view.repeats else None
    if plan and plan.failure:
        what = "change spec.search or spec.model, or annotate scriptmodel.dev/retrain-at"
        return Problem(Reason.TRAINING_FAILED, f"the search failed: {plan.failure}: {what}")
    if plan and not plan.finished:
        return Condition(Reason.TRAINING, "the search is next")
    metrics = view.metrics if view.good and view.good.model == job.ref.id else None
    known = {"validation": metrics.best, "test": metrics.perplexity.test} if metrics else {}
    figures = [f"{value:.1f} ({name})" for name, value in known.items() if value is not None]
    model, winner = view.good.model if view.good else "", view.search.plan.winner if view.search else ""
    base = f" from the base {metrics.base}" if metrics and metrics.base else ""
    text = f"trial {winner.lstrip('0')} is the best" if winner else f"the model is trained{base}"
    text += f": perplexity {', '.join(figures)}" if figures else ""
    if view.metrics is None:
        text += "; its metrics.json is missing or invalid, so its perplexity is not known"
    return Condition(Reason.TRAINED, f"{text} (model {short_id(model or job.ref.id)})", ConditionStatus.TRUE)


def _training_message(train: PipelineView, running: str) -> str:
    text, log = running or "the train job runs", train.log or LogDigest()
    at = log.progress
    if at.epoch:
        text = f"epoch {at.epoch} of {at.epochs}" if at.epochs else f"epoch {at.epoch}"
    if at.percent == 100:
        text = f"all {at.epochs} epochs are done, and the model is being tested and written"
    if log.failure.stopped:
        why = train.info.reason.removeprefix("waits ")
        text = f"the worker {log.failure.error}, and another one {f'waits ({_reported(why)})' if why else 'starts'}"
    elif log.failure.error:
        text = f"attempt failed, retrying: {in_terms_of_the_object(log.failure.error, generating=False)}"
    if log.resumed and (back := log.resumed.resumed_at):
        text += f"; resumed at {float(back.share or 0):.0%} of epoch {back.epoch} (restart {log.resumed.restarts})"
    if train.running and train.newest and train.running.ref != train.newest.ref:
        text += "; a newer corpus commit or spec is next"
    return text + "".join(f"; warning: {each}" for each in log.messages)


def still_open(train: PipelineView, commits: ModelCommits) -> str:
    finish = train.info.spec.input.branch.finish_command
    commit = short_id(commits.corpus or "")
    return f"a commit of the corpus is still open: `{finish}`, unless a pipeline is writing it (commit {commit})"


def _written(job: JobInfo, view: ModelView) -> Condition:
    of_job = f"(job {short_id(job.ref.id)})"
    if not job.data_total:
        return Problem(Reason.NO_DATA, "the generate job read no model")
    script = view.newest_script.script if view.newest_script else None
    if script is None:
        text = f"generation wrote no {SCRIPT_PATH}: the image in spec.training.image may be no scriptmodel trainer"
        return Problem(Reason.GENERATION_FAILED, f"{text} {of_job}")
    if script.blank:
        text = f"generation wrote an empty {SCRIPT_PATH}: raise spec.generation.words, or change the prompt"
        return Problem(Reason.GENERATION_FAILED, f"{text} {of_job}")
    text = f"the script is written (commit {short_id(job.ref.id)})"
    return Condition(Reason.GENERATED, text, ConditionStatus.TRUE)


def _ended(seen: PipelineView, job: JobInfo, known: JobFailure | None, work: _Work) -> Problem:
    of_job = f"(job {short_id(job.ref.id)})"
    again = "resume the object" if seen.info.stopped else work.again
    if job.reason.startswith(PENDING_TEXT):
        # The reason has what Pachyderm had reported.
        reported = job.reason.partition(REASON_FOLLOWS)[2].partition(REASON_FOLLOWS)[2]
        what = _reported(reported) if reported else _TO_CHECK
        text = f"no worker started within pendingDeadline: {what}, then {again} {of_job}"
        return Problem(Reason.WORKER_UNAVAILABLE, text)
    if job.state is JobState.KILLED and job.reason.startswith(ACTIVE_TEXT):
        what = f"raise training.activeDeadline or {work.verb} less, then {again}"
        text = f"the job ran longer than activeDeadline and was stopped: {what} {of_job}"
        return Problem(Reason.DEADLINE_EXCEEDED, text)
    if job.state is JobState.KILLED:
        why = job.reason.strip() or "no reason given"
        return Problem(Reason.JOB_STOPPED, f"the job was stopped ({why}): {again} {of_job}")
    if job.state is JobState.UNRUNNABLE:
        return Problem(work.failed, f"{work.name} could not run: {job.reason} {of_job}")
    gone = "its log is gone, because nobody read it while it ran"
    why = (known.cause if known else None) or f"{job.reason or 'no reason given'}; {gone}"
    return Problem(work.failed, f"{work.name} failed: {why} {of_job}")


def _pipeline_failed(seen: PipelineView) -> Problem:
    why = seen.info.reason or "no reason given"
    text = f"{seen.info.ref} cannot run: {why}. Correct the spec: an update starts it again"
    return Problem(Reason.PIPELINE_FAILED, text)


def _reported(reason: str) -> str:
    """Return the engine's reason why no worker takes a job; for a pod without a node, that is the scheduler's."""
    return reason.strip()[:_LONGEST_REASON] or "no reason given"


def in_terms_of_the_object(text: str, *, generating: bool) -> str:
    """Replace the trainer's names of settings and options by the fields of the object that they come from."""
    names = (_GENERATION if generating else _TRAINING).names
    pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", lambda found: names[found[0]], text)


def failure(job: JobInfo, log: LogDigest | None, reported: JobFailure | None, *, generating: bool) -> JobFailure | None:
    """Return the cause of a failed job, from its log or as the previous status has it; None if it is not known."""
    if job.state is not JobState.FAILURE:
        return None
    if log and (why := _cause(log, generating=generating)):
        return JobFailure(job=job.ref.id, cause=cut(why, MAX_CAUSE))
    return reported if reported and reported.job == job.ref.id else None


def _cause(log: LogDigest, *, generating: bool) -> str:
    """Return why a job failed as far as its log says, in one line with the cause itself first; nothing if unknown."""
    failed = log.failure
    names_a_cause = bool(failed.verdict) and not failed.verdict.startswith(_BARE)
    if failed.error and not (failed.stopped and names_a_cause):
        return in_terms_of_the_object(failed.error, generating=generating)
    if failed.verdict == "signal: killed":
        return _OUT_OF_MEMORY + _last_lines(failed.tail)
    if names_a_cause:
        return failed.verdict + _last_lines(failed.tail)
    if not failed.tail:
        return f"the process ended with `{failed.verdict}` and printed nothing" if failed.verdict else ""
    ended = f" (the process ended with `{failed.verdict}`)" if failed.verdict else ""
    return failed.tail[-1].strip() + ended + _last_lines(failed.tail[:-1])


def _last_lines(tail: tuple[str, ...]) -> str:
    """Return the preceding lines joined into one: kubectl cuts a column at the first line feed."""
    return f"; its log before that: {' | '.join(line.strip() for line in tail)}" if tail else ""
