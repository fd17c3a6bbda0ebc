"""What a Job and its pod say about an attempt: whether it waits, runs or has ended, and why. Pure.

The pod comes first, since its status has the cause and is earlier than that of the Job. What is left of a pod that is
gone is in the Job's own condition.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from scriptmodel_operator.api.conditions import conditions_of, one_line
from scriptmodel_operator.jobs.job_manifest import (
    ATTEMPT,
    CONTAINER,
    FETCHER,
    KILLED,
    PIPELINE,
    QUEUE,
    RUN,
    SIGNALLED,
    STAGE,
)
from scriptmodel_operator.jobs.runs import Attempt, AttemptState

Object = Mapping[str, Any]
IN_QUEUE = "waits in queue "
"""How the reason of an attempt begins whose Job a queue has not admitted."""
BEYOND_GRACE = timedelta(seconds=60)
"""How long a pod may be in deletion after its grace. A kubelet that runs kills it at once; clocks differ less."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
_REFUSED = 2
_LOST = AttemptState.LOST
_NEVER_RAN = ("StartError", "ContainerCannotRun")
_STARTING = ("ContainerCreating", "PodInitializing")
_EXIT_CODE = re.compile(r"exit code (\d+)")
_PULLING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")


class Ending(NamedTuple):
    """How an attempt ended. `words` are for the end of its log, as Pachyderm's workers have them."""

    state: AttemptState
    reason: str = ""
    words: str = ""


def attempt_of(job: Object, pod: Object | None, now: datetime, refusal: str = "") -> Attempt:
    """Return the attempt of a Job. `refusal` is why the API server takes no pod of it, if that is known."""
    labels = job["metadata"]["labels"]
    state, reason = next(_verdicts(job, pod, now, refusal))
    age = now - datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    number = 1 if labels.get(STAGE) == FETCHER else int(labels[ATTEMPT])  # downloads have a back-off of their own
    if state is _LOST and age.total_seconds() < _pause(number):
        state = AttemptState.WAITING
    ran = _ran(pod)
    finished = ran.get("finishedAt") or (_failed(job) or _completed(job)).get("lastTransitionTime") or now.isoformat()
    return Attempt(
        name=job["metadata"]["name"],
        pipeline=labels[PIPELINE],
        hash=labels[RUN],
        number=int(labels[ATTEMPT]),
        state=state,
        started=_moment(ran.get("startedAt")),
        finished=_moment(finished) if state.ended else None,
        reason=one_line(reason, 1000),
    )


def _pause(number: int) -> float:
    """Return the age in seconds below which an attempt is not lost: a node that refuses each pod must not have Jobs
    made without end.
    """
    return min(_SHORTEST_PAUSE * 2.0 ** min(number - 1, 10), _LONGEST_PAUSE)


def ending(pod: Object) -> Ending | None:
    """Return how the process of a pod ended; None while it may run, or did not start."""
    process, status = _process(pod).get("terminated"), pod.get("status") or {}
    if process is None and status.get("phase") != "Failed":
        return None
    if process and process["exitCode"] in (0, _REFUSED):
        return _exited(process)
    return next(_outer_causes(pod, process or {}, status), None) or _exited(process or {})


def _outer_causes(pod: Object, process: Object, status: Object) -> Iterator[Ending]:
    """Yield what ended a process besides itself; the first is the cause."""
    if disruption := _true(pod, "DisruptionTarget"):
        yield Ending(_LOST, f"its pod was disrupted: {disruption.get('message') or disruption.get('reason')}")
    if status.get("reason") == "Evicted":
        used = str(status.get("message")).rstrip(" .")
        yield _failure(f"its pod was evicted, because it used more than its limit: {used}")
    if not process or process.get("reason") == "ContainerStatusUnknown":
        why = status.get("message") or status.get("reason") or "the kubelet does not know how it ended"
        yield Ending(_LOST, f"node {_node(pod)} lost its pod: {why}")
    if process.get("reason") == "OOMKilled":
        yield _failure(_out_of_memory(pod))
    if process.get("exitCode") in SIGNALLED and pod["metadata"].get("deletionTimestamp"):
        yield Ending(_LOST, "somebody deleted its pod")
    if process.get("reason") in _NEVER_RAN:
        yield _failure(f"{process.get('message')}: is {_image(pod)} an image of scriptmodel's trainer?")


def has_started(pod: Object) -> bool:
    return bool(_ran(pod))


def waits_for_a_pod(job: Object, pod: Object | None) -> bool:
    """Return whether Kubernetes should have made a pod for a Job, and has not."""
    return pod is None and not job["spec"].get("suspend") and not (_failed(job) or _completed(job))


def has_ended(job: Object, pod: Object | None) -> bool:
    """Return whether Kubernetes deletes the Job once it has a TTL."""
    return bool(_failed(job) or _completed(job) or (pod and ending(pod)))


def _verdicts(job: Object, pod: Object | None, now: datetime, refusal: str) -> Iterator[tuple[AttemptState, str]]:
    """Yield what Job and pod say of the attempt; the first is true."""
    ended = ending(pod) if pod else None
    if _completed(job) or (ended and ended.state is AttemptState.SUCCEEDED):
        yield AttemptState.SUCCEEDED, ""
    if job["metadata"].get("deletionTimestamp"):
        yield _LOST, "somebody deleted its Job"
    if job["spec"].get("suspend") and not _failed(job):
        yield AttemptState.WAITING, _suspended(job)
    if ended:
        yield ended.state, ended.reason
    if failed := _failed(job):
        yield _of_job(failed)
    if pod is None:
        yield AttemptState.WAITING, f"Kubernetes accepts no pod for it: {refusal}" if refusal else ""
        return
    deleted = _moment(pod["metadata"].get("deletionTimestamp"))
    if deleted and now > deleted + BEYOND_GRACE:
        why = _true(pod, "DisruptionTarget").get("message") or "its pod does not end"
        yield _LOST, f"node {_node(pod)} does not answer ({why}): check the node"
    running = "running" in _process(pod)
    yield (AttemptState.RUNNING, "") if running else (AttemptState.WAITING, _blocked(pod))


def _of_job(failed: Object) -> tuple[AttemptState, str]:
    """Return how a Job ended whose pod is gone, or was not seen to end."""
    message = failed.get("message", "")
    code = _EXIT_CODE.search(message) if failed.get("reason") == "PodFailurePolicy" else None
    if code is None:
        return _LOST, f"its pod is gone: {message or failed.get('reason')}"
    state = AttemptState.REFUSED if int(code[1]) == _REFUSED else AttemptState.FAILED
    return state, f"the trainer ended with exit code {code[1]}, and its pod is gone with the cause"


def _failure(reason: str) -> Ending:
    return Ending(AttemptState.FAILED, reason, reason)


def _exited(process: Object) -> Ending:
    """Return the end of a process by its own exit code, with its termination message, or the end of a crash's log."""
    code = process["exitCode"]
    if code == 0:
        return Ending(AttemptState.SUCCEEDED)
    said = [line for line in str(process.get("message") or "").splitlines() if line.strip() and line[0] != "{"]
    if said:
        reason = f"{said[-1].strip()} (exit code {code})"
    elif code == KILLED:
        reason = f"the process was killed (exit code {code}), most likely because memory ran out on its node"
    else:
        reason = f"the trainer ended with exit code {code} and gave no cause: see its log"
    state = AttemptState.REFUSED if code == _REFUSED else AttemptState.FAILED
    return Ending(state, reason, "signal: killed" if code == KILLED else f"exit status {code}")


def _out_of_memory(pod: Object) -> str:
    limit = (pod["spec"]["containers"][0].get("resources") or {}).get("limits", {}).get("memory")
    where = f"at the limit of {limit}" if limit else f"on node {_node(pod)}, without a limit of its own"
    field = "training.resources.limits.memory" if limit else "training.resources.requests.memory"
    if (pod["metadata"].get("labels") or {}).get(STAGE) != "train":
        field = "the memory that the namespace's LimitRange or the operator gives to a pod by default"
    return f"memory ran out {where}: raise {field}"


def _blocked(pod: Object) -> str:
    """Return why a pod does not start, in the words of the scheduler or the kubelet; empty if nothing is known."""
    scheduled = conditions_of(pod.get("status")).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason')}: {scheduled.get('message', '')}"
    waiting = _process(pod).get("waiting") or {}
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if not reason or reason in _STARTING:
        return ""
    if reason in _PULLING:
        return f"{reason}: {message or _image(pod)}; check the image and training.imagePullSecrets"
    return f"{reason}: {message}".rstrip(": ")


def _suspended(job: Object) -> str:
    metadata = job["metadata"]
    if queue := metadata["labels"].get(QUEUE):
        return f"{IN_QUEUE}{queue}"
    patch = f'kubectl patch job {metadata["name"]} -n {metadata["namespace"]} -p \'{{"spec":{{"suspend":false}}}}\''
    return f"somebody suspended its Job: {patch}"


def _completed(job: Object) -> Object:
    return _true(job, "Complete")


def _failed(job: Object) -> Object:
    return _true(job, "Failed")


def _true(of: Object, kind: str) -> Object:
    found = conditions_of(of.get("status")).get(kind, {})
    return found if found.get("status") == "True" else {}


def _process(pod: Object | None) -> Object:
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or ()
    return next((each.get("state") or {} for each in statuses if each["name"] in (CONTAINER, FETCHER)), {})


def _ran(pod: Object | None) -> Object:
    process = _process(pod)
    return process.get("running") or process.get("terminated") or {}


def _image(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _node(pod: Object) -> str:
    return str(pod["spec"].get("nodeName") or "?")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
