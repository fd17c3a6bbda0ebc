"""What a Job and its pod say about an attempt: why it waits, whether its command runs, how it ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localpach.pods.manifest import COMMAND, FETCH, UPLOAD
from localpach.pps.execution import format_status

Object = dict[str, Any]
_DISRUPTED = "PodFailurePolicy"
_WAITING = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerError", "CreateContainerConfigError"}
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt failed. ``counted`` says that it uses up a try.

    ``words`` are for the log of the command, which cannot say them itself.
    """

    reason: str
    counted: bool = True
    words: str = ""


def ending(job: Object | None, pod: Object | None) -> Ending | None:
    """Return how an attempt has failed; None while it may still succeed."""
    if job is None:
        return Ending("its Job was deleted", counted=False)
    failed = _condition(job, "Failed")
    if failed is None:
        return None
    if failed.get("reason") == _DISRUPTED:
        return Ending(f"its pod was disrupted: {_disruption(pod) or failed.get('message', '')}", counted=False)
    if _is_running(pod):
        return None  # the watch of pods is behind that of Jobs
    return _failed_container(pod) or Ending(f"its pod is gone: {failed.get('message', '')}", counted=False)


def blocked(pod: Object | None) -> str:
    """Return why a pod cannot start, in the words of the scheduler or the kubelet; empty if nothing is known."""
    if pod is None:
        return ""
    scheduled = _condition(pod, "PodScheduled", status="False")
    if scheduled is not None and scheduled.get("reason") == "Unschedulable":
        return str(scheduled.get("message", "Unschedulable"))
    for state in _states(pod).values():
        waiting = state.get("waiting", {})
        if waiting.get("reason") in _WAITING:
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""


def command_started(pod: Object | None) -> datetime | None:
    """Return when the command has started, in UTC; None if it has not."""
    state = _states(pod).get(COMMAND, {}) if pod else {}
    started = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return datetime.fromisoformat(started) if started else None


def command_finished(pod: Object | None) -> datetime | None:
    """Return when the command has ended, in UTC; None if it has not."""
    state = _states(pod).get(COMMAND, {}) if pod else {}
    finished = state.get("terminated", {}).get("finishedAt")
    return datetime.fromisoformat(finished) if finished else None


def _is_running(pod: Object | None) -> bool:
    if pod is None or pod["metadata"].get("deletionTimestamp"):
        return False
    return any("running" in state for state in _states(pod).values())


def _failed_container(pod: Object | None) -> Ending | None:
    if pod is None:
        return None
    states = _states(pod)
    for name in (FETCH, COMMAND, UPLOAD):
        ended = states.get(name, {}).get("terminated", {})
        if not ended.get("exitCode"):
            continue
        if name == COMMAND:
            words = "killed: the command exceeded its memory limit" if ended.get("reason") == "OOMKilled" else ""
            return Ending(format_status(int(ended["exitCode"])), words=words)
        message = str(ended.get("message", "")).strip() or f"the step {name} ended with {ended['exitCode']}"
        return Ending(message, words=message)
    reason = pod.get("status", {}).get("message")  # e.g. the kubelet's, of a full /pfs
    return Ending(str(reason), words=str(reason)) if reason else None


def _disruption(pod: Object | None) -> str:
    found = _condition(pod, "DisruptionTarget") if pod else None
    return str(found.get("message", "")) if found else ""


def _condition(of: Object, kind: str, status: str = "True") -> Object | None:
    conditions = of.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind and each["status"] == status), None)


def _states(pod: Object) -> dict[str, Object]:
    status = pod.get("status", {})
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return {each["name"]: each.get("state", {}) for each in found}
