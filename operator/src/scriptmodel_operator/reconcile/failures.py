"""Converts an error of a call into the problem that the status reports. Pure."""

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.identity import ENGINE, engine_check, engine_logs, engine_name, engine_with_id
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.errors import (
    AccessError,
    EngineError,
    OtherEngineError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)

DELETING = Problem(Reason.DELETING, "its steps are being deleted", stalled=False)
FAILURES_UNTIL_STALLED = 5
"""Failures in a row. The operator keeps retrying, but reports that it is stuck."""


def invalid_spec(error: str, *, deleting: bool) -> Problem:
    """Return the problem of an object that this version cannot read."""
    text = f"{error}: the CustomResourceDefinition and the operator are of different versions"
    orphan = ", or set deletionPolicy: Orphan to leave its steps" if deleting else ""
    return Problem(Reason.INVALID_SPEC, f"{text}; upgrade the older{orphan}")


def problem_of(
    error: EngineError, engine: str = "", *, deleting: bool = False, observing: bool = False, failures: int = 1
) -> Problem:
    """Return what happened and what to do. Stalled if retrying will not help, or has not helped `failures` times.

    `engine` is the one that the object is recorded on.
    """
    name = engine_name(engine)
    hint = f"; to release the object without {name}, set deletionPolicy: Orphan" if deleting else ""
    match error:
        case UnavailableError():
            return Problem(
                Reason.ENGINE_UNAVAILABLE,
                f"{name} does not answer ({error}): {engine_check(engine)}; the operator keeps trying{hint}",
                stalled=False,
            )
        case AccessError():
            reason = Reason.NOT_ALLOWED if error.denied else Reason.REFUSED
            return Problem(reason, f"{error.advice} ({error}){hint}")
        case PipelineLimitError():
            return Problem(Reason.PIPELINE_LIMIT, _limit(error, name))
        case OtherEngineError():
            return Problem(
                Reason.OTHER_ENGINE,
                f"its steps were made on {engine_with_id(error.recorded)}, but the operator is connected to "
                f"{engine_with_id(error.found)}, where nothing is created or deleted: correct the operator's --pachd "
                f"or --storage, or to start anew here, remove the annotation {ENGINE} of this object{hint}",
            )
        case RefusedError():
            return _refused(error, name, hint, observing=observing)
    return _retrying(error, engine, failures)


def _limit(error: PipelineLimitError, name: str) -> str:
    licence = "or activate an enterprise licence; the object continues then"
    if "parallelism" in error.detail:
        what = "does not allow so many workers for one pipeline"
        return f"{name} {what} ({error.detail}): lower spec.search.parallelTrials, {licence}"
    what = "has no room for two more pipelines, with a search three"
    return f"{name} {what} ({error.detail}): delete pipelines that nobody needs, {licence}"


def _retrying(error: EngineError, engine: str, failures: int) -> Problem:
    if failures < FAILURES_UNTIL_STALLED:
        return Problem(Reason.RETRYING, f"{error}; the operator tries again", stalled=False)
    return Problem(Reason.RETRYING, f"{error}, {failures} times in a row: see the logs {engine_logs(engine)}")


def _refused(error: RefusedError, name: str, hint: str, *, observing: bool) -> Problem:
    """Distinguish a refusal from an outage of Pachyderm's database or storage: the code of both is UNKNOWN.

    A read (`observing`) is never refused, so there it is an outage.
    """
    if observing and error.code == "UNKNOWN":
        text = (
            f"{name} answers but fails ({error}): see its log, and whether its database and its storage are there; "
            f"the operator keeps trying{hint}"
        )
        return Problem(Reason.ENGINE_UNAVAILABLE, text, stalled=False)
    return Problem(Reason.REFUSED, f"{name} refused {error.what}: {error.detail}; correct what it names{hint}")
