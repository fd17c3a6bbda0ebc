"""Explains the state of a ScriptModel and suggests the next step. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from scriptmodel_cli.output import style
from scriptmodel_cli.text import Object, age, coloured, condition, is_observed, table
from scriptmodel_operator.api.conditions import conditions_of, one_line
from scriptmodel_operator.api.identity import GROUP, JOBS, engine_of
from scriptmodel_operator.api.reasons import Reason

Row = tuple[str, ...]
_EVENTS_SHOWN = 8
_WIDEST = 110
_WATCH = "scriptmodel status {name} -n {namespace} -w"
_RETRAIN = "once that is fixed: scriptmodel retrain {name} -n {namespace}"
_REGENERATE = (
    "kubectl edit sm {name} -n {namespace}: fix the field of spec.generation that the message names; "
    "this writes a new script without training again"
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
            Reason.WAITING_FOR_BASE,
        ),
        _WATCH,
    ),
    Reason.GENERATED: "scriptmodel script {name} -n {namespace}",
    Reason.CORPUS_NOT_FOUND: _PUSH + " --create -n {namespace}",
    Reason.CORPUS_BRANCH_NOT_FOUND: _PUSH,
    Reason.CORPUS_EMPTY: _PUSH,
    Reason.CORPUS_FAILED: _PUSH,
    Reason.TRAINING_FAILED: _RETRAIN,
    Reason.GENERATION_FAILED: _RETRAIN,
    Reason.JOB_STOPPED: _RETRAIN,
    Reason.WORKER_UNAVAILABLE: _RETRAIN,
    Reason.DEADLINE_EXCEEDED: _RETRAIN,
    Reason.SUSPENDED: "scriptmodel resume {name} -n {namespace}",
}
"""The next step by reason; for any other reason the message itself says what to do."""


def diagnosis(found: Object, now: datetime, **seen: Any) -> list[str]:
    """Return the verdict and the next step, then the evidence, of what `evidence` takes."""
    lines = list(_verdict(found))
    for (kind, *others), rows in evidence(found, now, **seen):
        if rows:
            lines += ["", *table([(kind, *others), *rows])]
        elif kind == "STEP":
            lines += ["", "Nothing was made for it yet."]
    return lines


def evidence(
    found: Object,
    now: datetime,
    *,
    events: Sequence[Object] = (),
    pods: Sequence[Object] = (),
    widest: int = _WIDEST,
) -> list[tuple[Row, list[Row]]]:
    """Return headers and rows of stages, pipelines, pods and events; messages are cut to `widest`."""
    return [
        (("STAGE", "DONE", "WHY", "SINCE", "MESSAGE"), list(_stages(found, now, widest))),
        (("STEP", "VERSION", "STATE", "REASON"), list(_pipelines(found, widest))),
        (("POD", "PHASE", "AGE", "REASON"), list(_pods(pods, now))),
        (("EVENT", "AGE", "MESSAGE"), list(_events(events, now, widest))),
    ]


def events_path(found: Object) -> str:
    where, uid = found["metadata"]["namespace"], found["metadata"]["uid"]
    return f"/apis/events.k8s.io/v1/namespaces/{where}/events?fieldSelector=regarding.uid={uid}"


def pods_path(found: Object) -> str:
    """Return where the pods of an object's pipelines are listed, those of Jobs in its namespace; empty without any."""
    names = [str(each["name"]) for each in (found.get("status") or {}).get("pipelines") or []]
    these = f"%20in%20%28{'%2C'.join(names)}%29"
    if not names:
        return ""
    if engine_of(found).startswith(f"{JOBS}/"):
        return f"/api/v1/namespaces/{found['metadata']['namespace']}/pods?labelSelector={GROUP}%2Fpipeline{these}"
    return f"/api/v1/pods?labelSelector=suite%3Dpachyderm%2CpipelineName{these}"


def _verdict(found: Object) -> Iterator[str]:
    ready = condition(found)
    if not ready:
        yield "No operator has reconciled this object yet."
        yield (
            "Next: check that the operator is running and watches this namespace: "
            "kubectl -n scriptmodel-system get pods,deployments"
        )
        return
    reason, message = str(ready["reason"]), ready["message"]
    if not is_observed(found):
        yield "This status is of an older spec: the operator has not observed the newest one yet."
    if ready["status"] == "True":
        yield f"{coloured(found, 'Ready')}: {message}"
    else:
        stuck, working = condition(found, "Stalled"), condition(found, "Reconciling")
        waits = "Not ready" if working.get("status") == "False" else "In progress"
        yield f"{coloured(found, 'Stalled' if stuck.get('status') == 'True' else waits)} ({reason}): {message}"
        unknown = "unknown; this scriptmodel command is older than the operator, upgrade it"
        yield f"{reason} means: {meaning_of(ready) or unknown}"
    if step := next_step(found, reason):
        yield f"Next: {step}"


def meaning_of(ready: Object) -> str:
    return next((each.doc for each in Reason if each.value == ready.get("reason")), "")


def next_step(found: Object, reason: str) -> str:
    """Return what to do next, usually a command; empty if the message says it all."""
    repo = (found["spec"].get("corpus") or {}).get("repo") or {}
    namespace, project = found["metadata"]["namespace"], repo.get("project", "default")
    text = NEXT.get(reason, "")
    if text == _RETRAIN and condition(found, "Trained").get("status") == "True":
        text = _REGENERATE
    if "{repo}" in text and not repo:
        return ""
    in_namespace = project == "default" and engine_of(found).startswith(f"{JOBS}/")
    return text.format(
        name=found["metadata"]["name"],
        namespace=namespace,
        repo=repo.get("name", ""),
        project=namespace if in_namespace else project,
        branch=repo.get("branch", "master"),
    )


def _stages(found: Object, now: datetime, widest: int) -> Iterator[Row]:
    for kind in ("CorpusReady", "Trained", "Generated"):
        if stage := condition(found, kind):
            since = age(stage["lastTransitionTime"], now)
            yield kind, stage["status"], stage["reason"], since, one_line(stage["message"], widest)


def _pipelines(found: Object, widest: int) -> Iterator[Row]:
    for each in (found.get("status") or {}).get("pipelines") or []:
        yield each["name"], str(each["version"]), each["state"], one_line(each.get("reason", ""), widest)


def _pods(pods: Sequence[Object], now: datetime) -> Iterator[Row]:
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status") or {}
        name = f"{metadata['namespace']}/{metadata['name']}"
        yield name, status.get("phase", ""), age(metadata["creationTimestamp"], now), pod_error(status)


def pod_error(status: Mapping[str, Any]) -> str:
    """Return why a pod is not running: unschedulable, or a waiting or terminated container; empty if it runs."""
    scheduled = conditions_of(status).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return one_line(f"{scheduled.get('reason')}: {scheduled.get('message', '')}", _WIDEST)
    for each in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = each.get("state") or {}
        error = state.get("waiting") or (state.get("terminated") or {})
        if error.get("reason") not in (None, "Completed", "PodInitializing", "ContainerCreating"):
            return one_line(f"{each['name']}: {error['reason']} {error.get('message', '')}", _WIDEST)
    return ""


def _events(events: Sequence[Object], now: datetime, widest: int) -> Iterator[Row]:
    for each in sorted(events, key=lambda each: str(each.get("eventTime") or ""))[-_EVENTS_SHOWN:]:
        when = age(str(each["eventTime"]), now) if each.get("eventTime") else ""
        reason = str(each.get("reason"))
        warned = style(reason, fg="red") if each.get("type") == "Warning" else reason
        yield warned, when, one_line(str(each.get("note")), widest)
