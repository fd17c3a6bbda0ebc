"""Why a ScriptModel is as it is, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scriptmodel_cli.output import style
from scriptmodel_cli.text import Object, age, coloured, condition, one_line, seen, table
from scriptmodel_operator.api.reasons import Reason

_EVENTS_SHOWN = 8
_WIDEST = 110
_LOOK = "scriptmodel status {name} -n {namespace} -w"
_AGAIN = "once that is put right: scriptmodel retrain {name} -n {namespace}"
_REWRITE = (
    "kubectl edit sm {name} -n {namespace}: correct what the message names in spec.generation; "
    "that writes without training"
)
_PUSH = "scriptmodel push PATH --repo {repo} --project {project} --branch {branch}"

NEXT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            Reason.PENDING,
            Reason.CREATING,
            Reason.UPDATING,
            Reason.UPDATE_DEFERRED,
            Reason.TRAINING,
            Reason.GENERATING,
            Reason.INGESTING,
            Reason.RETRYING,
        ),
        _LOOK,
    ),
    Reason.GENERATED: "scriptmodel script {name} -n {namespace}",
    Reason.WAITING_FOR_WORKER: "see the pods: kubectl get pods -A -l suite=pachyderm,pipelineName={train}",
    Reason.CORPUS_NOT_FOUND: _PUSH + " --create",
    Reason.CORPUS_BRANCH_NOT_FOUND: _PUSH,
    Reason.CORPUS_EMPTY: _PUSH,
    Reason.CORPUS_FAILED: _PUSH,
    Reason.TRAINING_FAILED: _AGAIN,
    Reason.GENERATION_FAILED: _AGAIN,
    Reason.JOB_STOPPED: _AGAIN,
    Reason.WORKER_UNAVAILABLE: _AGAIN,
    Reason.DEADLINE_EXCEEDED: _AGAIN,
    Reason.PACHYDERM_UNAVAILABLE: "see whether pachd runs: kubectl get pods -A -l app=pachd",
    Reason.SUSPENDED: "scriptmodel resume {name} -n {namespace}",
    Reason.DELETING: "kubectl get sm {name} -n {namespace} -w",
}
"""A command where there is one; for every other reason the message itself says what to do."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found beside the object: rows of jobs, pods as the API server sends them, events."""

    events: Sequence[Mapping[str, Any]] = ()
    jobs: Sequence[tuple[str, ...]] = ()
    pods: Sequence[Mapping[str, Any]] = ()


JOB_HEADERS = ("JOB", "OF", "VERSION", "STATE", "CREATED", "REASON")


def why(found: Object, evidence: Evidence, now: datetime) -> list[str]:
    """The verdict and the next step first, then what they are drawn from."""
    parts = [
        _stages(found, now),
        _pipelines(found),
        table([JOB_HEADERS, *evidence.jobs]) if evidence.jobs else [],
        _pods(evidence.pods, now),
        _events(evidence.events, now),
    ]
    lines = list(_verdict(found))
    for part in parts:
        lines += ["", *part] if part else []
    return lines


def as_value(found: Object, evidence: Evidence) -> dict[str, Any]:
    """The diagnosis for programs: reason, message and next step, then what they are drawn from."""
    status, ready = found.get("status") or {}, condition(found)
    return {
        "ready": ready.get("status", "Unknown"),
        "stalled": condition(found, "Stalled").get("status") == "True",
        "reason": ready.get("reason", "Pending"),
        "message": ready.get("message", ""),
        "next": next_step(found, str(ready.get("reason", ""))),
        "current": seen(found),
        "conditions": status.get("conditions") or [],
        "pipelines": status.get("pipelines") or [],
        "jobs": [dict(zip(map(str.lower, JOB_HEADERS), row, strict=True)) for row in evidence.jobs],
        "pods": [
            {
                "namespace": pod["metadata"]["namespace"],
                "name": pod["metadata"]["name"],
                "phase": (pod.get("status") or {}).get("phase", ""),
                "reason": pod_trouble(pod.get("status") or {}),
            }
            for pod in evidence.pods
        ],
        "events": [{key: each.get(key) for key in ("eventTime", "type", "reason", "note")} for each in evidence.events],
    }


def _verdict(found: Object) -> Iterator[str]:
    ready = condition(found)
    if not ready:
        yield "No operator has looked at this object yet."
        yield (
            "Next: see whether it runs, and whether it watches this namespace: "
            "kubectl -n scriptmodel-system get pods,deployments"
        )
        return
    reason, message = str(ready["reason"]), ready["message"]
    if not seen(found):
        yield "What follows is of an older spec: the operator has not seen the newest yet."
    if ready["status"] == "True":
        yield f"{coloured(found, 'Nothing is wrong')}: {message}."
    else:
        stuck = condition(found, "Stalled").get("status") == "True"
        yield f"{coloured(found, 'It is stuck' if stuck else 'It is not done yet')} ({reason}): {message}"
        meaning = next((each.doc for each in Reason if each.value == reason), "")
        yield f"{reason} means: {meaning or 'this program is older than the operator and does not know'}"
    if step := next_step(found, reason):
        yield f"Next: {step}"


def next_step(found: Object, reason: str) -> str:
    """A command, or nothing where the message says all."""
    repo = (found["spec"].get("corpus") or {}).get("repo") or {}
    pipelines = [str(each["name"]) for each in (found.get("status") or {}).get("pipelines") or []]
    text = NEXT.get(reason, "")
    if text == _AGAIN and condition(found, "Trained").get("status") == "True":
        text = _REWRITE
    if "{repo}" in text and not repo:
        return ""
    return text.format(
        name=found["metadata"]["name"],
        namespace=found["metadata"]["namespace"],
        repo=repo.get("name", ""),
        project=repo.get("project", "default"),
        branch=repo.get("branch", "master"),
        train=next((name for name in pipelines if name.endswith("-train")), ""),
    )


def _stages(found: Object, now: datetime) -> list[str]:
    rows = [("STAGE", "DONE", "WHY", "SINCE", "MESSAGE")]
    for kind in ("CorpusReady", "Trained", "Generated"):
        stage = condition(found, kind)
        if stage:
            since = age(stage["lastTransitionTime"], now)
            rows.append((kind, stage["status"], stage["reason"], since, one_line(stage["message"], _WIDEST)))
    return table(rows) if len(rows) > 1 else []


def _pipelines(found: Object) -> list[str]:
    pipelines = (found.get("status") or {}).get("pipelines") or []
    if not pipelines:
        return ["It has no pipelines."]
    rows = [("PIPELINE", "VERSION", "STATE", "REASON")]
    for each in pipelines:
        rows.append((each["name"], str(each["version"]), each["state"], one_line(each.get("reason", ""), _WIDEST)))
    return table(rows)


def _pods(pods: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
    rows = [("POD", "PHASE", "AGE", "REASON")]
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status") or {}
        name = f"{metadata['namespace']}/{metadata['name']}"
        rows.append((name, status.get("phase", ""), age(metadata["creationTimestamp"], now), pod_trouble(status)))
    return table(rows) if len(rows) > 1 else []


def pod_trouble(status: Mapping[str, Any]) -> str:
    """Why a pod does not run: not scheduled, a container that waits or has died; empty where it runs."""
    conditions = status.get("conditions") or []
    scheduled: Mapping[str, Any] = next((each for each in conditions if each.get("type") == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        return one_line(f"{scheduled.get('reason')}: {scheduled.get('message', '')}", _WIDEST)
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = each.get("state") or {}
        trouble = state.get("waiting") or (state.get("terminated") or {})
        if trouble.get("reason") not in (None, "Completed", "PodInitializing", "ContainerCreating"):
            return one_line(f"{each['name']}: {trouble['reason']} {trouble.get('message', '')}", _WIDEST)
    return ""


def _events(events: Sequence[Mapping[str, Any]], now: datetime) -> list[str]:
    newest = sorted(events, key=lambda each: str(each.get("eventTime") or ""))[-_EVENTS_SHOWN:]
    rows = [("EVENT", "AGE", "MESSAGE")]
    for each in newest:
        when = age(str(each["eventTime"]), now) if each.get("eventTime") else ""
        reason = str(each.get("reason"))
        warned = style(reason, fg="red") if each.get("type") == "Warning" else reason
        rows.append((warned, when, one_line(str(each.get("note")), _WIDEST)))
    return table(rows) if len(rows) > 1 else []
