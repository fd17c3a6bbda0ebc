"""Words messages: the cause first, field names of the object, short ids last. Pure."""

import re

from scriptmodel_operator.api.conditions import cut
from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.network import Overrides
from scriptmodel_operator.api.status import MAX_CAUSE, JobFailure
from scriptmodel_operator.engine.values import JobInfo, JobState
from scriptmodel_operator.observe.progress import LogDigest

_LONGEST_REASON = 300
_BARE = ("exit status ", "signal: ")
"""Verdicts that name no cause. Any other one is the cause itself, such as a limit that was exceeded."""
_OUT_OF_MEMORY = (
    "the process was killed (`signal: killed`), most likely because memory ran out: raise "
    "training.resources.limits.memory, or use a node with more"
)


def _fields(model: type[ApiModel]) -> dict[str, str]:
    return {name: field.alias or name for name, field in model.model_fields.items()}


_OVERRIDES = {name: alias for name, alias in _fields(Overrides).items() if name != alias}
_OPTIONS = {f"--{name.replace('_', '-')}": f"generation.{alias}" for name, alias in _fields(Generation).items()}
_OPTIONS |= {
    "--continue": "generation.continue",
    "--continue-text": "generation.continue",
    "--only-new": "generation.continue.onlyNew",
    "--no-copies": "generation.copies",
}
_TRAIN = {
    **_OPTIONS,
    **_OVERRIDES,
    "--preset": "model.preset",
    "--minutes": "model.minutes",
    "--layout": "corpus.layout",
    "--seed": "model.seed",
    "--from": "model.from",
    "--base": "model.base",
}


def in_terms_of_the_object(text: str, *, generating: bool) -> str:
    """Replace the trainer's names of settings and options by the fields of the object that they come from."""
    names = _OPTIONS if generating else _TRAIN
    pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", lambda found: names[found[0]], text)


def _cause(log: LogDigest | None, *, generating: bool) -> str:
    """Return why a job failed as far as its log says, in one line with the cause itself first; nothing if unknown."""
    if log is None:
        return ""
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


def failure(job: JobInfo, log: LogDigest | None, reported: JobFailure | None, *, generating: bool) -> JobFailure | None:
    """Return the cause of a failed job, from its log or as the previous status has it; None if it is not known."""
    if job.state is not JobState.FAILURE:
        return None
    if why := _cause(log, generating=generating):
        return JobFailure(job=job.ref.id, cause=cut(why, MAX_CAUSE))
    return reported if reported and reported.job == job.ref.id else None


def _last_lines(tail: tuple[str, ...]) -> str:
    """Return the preceding lines joined into one: kubectl cuts a column at the first line feed."""
    return f"; its log before that: {' | '.join(line.strip() for line in tail)}" if tail else ""


def cannot_start(reason: str, claim: str) -> str:
    """Return what to say of a job that no worker can take for a reason that Pachyderm reports.

    For a pod that no node takes, that reason is the scheduler's message. It does not always name the claim.
    """
    reason = reason.strip()[:_LONGEST_REASON] or "no reason given"
    problem = _of_claim(reason, claim)
    return f"{problem} ({reason})" if problem else reason


def things_to_check(claim: str) -> str:
    if not claim:
        return "check node capacity, GPUs and the image"
    return (
        f"check node capacity, GPUs, the image and the PersistentVolumeClaim {claim}, which must exist and be bound "
        "in the namespace of the workers"
    )


def _of_claim(reason: str, claim: str) -> str:
    """Return what is wrong with the claim and what to do; empty if the reason is another one."""
    if not claim or "persistentvolumeclaim" not in reason.lower():
        return ""
    subject = f"the PersistentVolumeClaim {claim}"
    if "not found" in reason:
        return f"{subject} does not exist: create it in the namespace of the workers, or name another one"
    state = "is not bound to a volume" if "unbound" in reason else "cannot be used"
    return f"{subject} {state}: see `kubectl describe pvc {claim}` in the namespace of the workers"
