"""The Job and the Secret of an attempt at a datum. Pure.

Three containers run one after the other, without a wrapper in the user's image: one fetches the inputs, one runs the
command in the pipeline's image, the last one uploads the output. Only the first and the last have the token.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localpach.config import PodSettings
from localpach.messages import pps
from localpach.pods.patch import PodChanges
from localpach.pods.steps import ADDRESS, PFS, TOKEN
from localpach.refs import JobRef

Object = dict[str, Any]
ENGINE_LABEL = "localpach/engine"
"""The label of all objects of one localpach; its value is the id of its store."""
FETCH, COMMAND, UPLOAD = "fetch", "user", "upload"
USER_ID = 65532
GRACE_SECONDS = 60
KEPT_SECONDS = 24 * 3600
"""When Kubernetes deletes an ended Job that nobody deleted."""
_STEP_RESOURCES = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_EFFECTS = {
    pps.TaintEffect.NO_SCHEDULE: "NoSchedule",
    pps.TaintEffect.PREFER_NO_SCHEDULE: "PreferNoSchedule",
    pps.TaintEffect.NO_EXECUTE: "NoExecute",
}
_OPERATORS = {pps.TolerationOperator.EXISTS: "Exists", pps.TolerationOperator.EQUAL: "Equal"}


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt at a datum: the names of its objects and what its command gets."""

    name: str
    engine: str
    job: JobRef
    version: int
    details: pps.PipelineInfo.Details
    patch: PodChanges
    variables: Mapping[str, str]


def secret_manifest(work: Work, token: str, job_uid: str) -> Object:
    """Return the Secret with the token. The Job owns it."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": work.name, "uid": job_uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": work.name, "labels": {ENGINE_LABEL: work.engine}, "ownerReferences": [owner]},
        "data": {TOKEN.name: base64.b64encode(token.encode()).decode()},
    }


def job_manifest(work: Work, steps: PodSettings) -> Object:
    """Return the Job. It is suspended until its Secret exists. A disruption ends it under a name of its own."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": work.name, "labels": {ENGINE_LABEL: work.engine, **_labels(work)}},
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "podFailurePolicy": {
                "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {
                    "labels": {**work.details.metadata.labels, ENGINE_LABEL: work.engine, **_labels(work)},
                    "annotations": dict(work.details.metadata.annotations),
                },
                "spec": _pod(work, steps),
            },
        },
    }


def _labels(work: Work) -> dict[str, str]:
    """Return the labels that Pachyderm's own worker pods have, which people and the operator select by."""
    return {
        "app.kubernetes.io/managed-by": "localpach",
        "component": "worker",
        "suite": "pachyderm",
        "pipelineName": work.job.pipeline.name,
        "pipelineProject": work.job.pipeline.project,
        "pipelineVersion": str(work.version),
    }


def _pod(work: Work, steps: PodSettings) -> Object:
    details = work.details
    pfs = {"sizeLimit": steps.scratch} if steps.scratch else {}
    token = {"secretName": work.name, "items": [{"key": TOKEN.name, "path": TOKEN.name}], "defaultMode": 0o440}
    pull = [*steps.pull_secrets, *details.transform.image_pull_secrets]
    pod: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "pfs", "emptyDir": pfs},
            {"name": "token", "secret": token},
            *work.patch.volumes,
        ],
        "initContainers": [_step(FETCH, steps), _command(work)],
        "containers": [_step(UPLOAD, steps)],
        "nodeSelector": dict(details.scheduling_spec.node_selector),
        "tolerations": [_toleration(each) for each in details.tolerations],
    }
    if pull:
        pod["imagePullSecrets"] = [{"name": name} for name in dict.fromkeys(pull)]
    if details.scheduling_spec.priority_class_name:
        pod["priorityClassName"] = details.scheduling_spec.priority_class_name
    if work.patch.runtime_class:
        pod["runtimeClassName"] = work.patch.runtime_class
    return pod


def _step(name: str, steps: PodSettings) -> Object:
    return {
        "name": name,
        "image": steps.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "localpach.pods.steps", name],
        "env": [{"name": ADDRESS, "value": steps.transfer}],
        "resources": _STEP_RESOURCES,
        "securityContext": {**_RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [
            {"name": "pfs", "mountPath": str(PFS)},
            {"name": "token", "mountPath": str(TOKEN.parent), "readOnly": True},
        ],
    }


def _command(work: Work) -> Object:
    transform = work.details.transform
    container: Object = {
        "name": COMMAND,
        "image": transform.image,
        "command": [_literal(word) for word in transform.cmd],
        "env": [{"name": name, "value": _literal(value)} for name, value in work.variables.items()],
        "resources": _resources(work.details),
        "securityContext": _RESTRICTED,
        "volumeMounts": [{"name": "pfs", "mountPath": str(PFS)}, *work.patch.mounts],
        "terminationMessagePolicy": "File",
    }
    if transform.working_dir:
        container["workingDir"] = transform.working_dir
    return container


def _literal(value: str) -> str:
    """Return what Kubernetes expands to a value: in values and commands it replaces `$(NAME)`, and `$$` by `$`."""
    return value.replace("$", "$$")


def _resources(details: pps.PipelineInfo.Details) -> Object:
    return {
        "requests": _amounts(details.resource_requests) | _gpus(details.resource_limits),
        "limits": _amounts(details.resource_limits) | _gpus(details.resource_limits),
    }


def _amounts(spec: pps.ResourceSpec) -> dict[str, str]:
    found = {"cpu": f"{spec.cpu:g}" if spec.cpu else "", "memory": spec.memory, "ephemeral-storage": spec.disk}
    return {name: amount for name, amount in found.items() if amount}


def _gpus(limits: pps.ResourceSpec) -> dict[str, str]:
    return {limits.gpu.type: str(limits.gpu.number)} if limits.gpu.number else {}


def _toleration(given: pps.Toleration) -> Object:
    found: Object = {"operator": _OPERATORS[given.operator]}
    found |= {name: value for name in ("key", "value") if (value := getattr(given, name))}
    if given.effect in _EFFECTS:
        found["effect"] = _EFFECTS[given.effect]
    if given.HasField("toleration_seconds"):
        found["tolerationSeconds"] = given.toleration_seconds.value
    return found
