"""The Job and the Secret of an attempt. Pure."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scriptmodel_operator.api.durations import parse_quantity
from scriptmodel_operator.api.marks import ANNOTATION, parse_mark
from scriptmodel_operator.engine.values import PipelineSpec, PodToleration, RepoRef, ResourceAmounts
from scriptmodel_operator.jobs.document import KEY
from scriptmodel_operator.jobs.runs import JobSettings, Run

Object = dict[str, Any]
CONTAINER, FETCHER = "trainer", "fetch"
GRACE_SECONDS = 60
"""Time from SIGTERM to SIGKILL, in which the trainer stores a checkpoint."""
MANAGED_BY, MANAGER = "app.kubernetes.io/managed-by", "scriptmodel-operator"
NAME, STAGE, PIPELINE = "scriptmodel.dev/name", "scriptmodel.dev/stage", "scriptmodel.dev/pipeline"
RUN, ATTEMPT = "scriptmodel.dev/run", "scriptmodel.dev/attempt"
DONE = "scriptmodel.dev/done"
"""Label of a Job whose run has a result, so that no later poll need read it."""
KILLED = 137
SIGNALLED = (130, KILLED, 143)
"""Exit codes of a process that SIGINT, SIGKILL or SIGTERM ended."""
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN")
"""Keys of the Secret of a user's bucket; the pod does not start without the first two."""
QUEUE = "kueue.x-k8s.io/queue-name"
_LONGEST_LABEL = 63
_LONGEST_PIPELINE = 40
_USER = 65532
_FOLDERS = {"pfs": "/pfs", "state": "/state", "tmp": "/tmp"}  # noqa: S108  a mount of the container
_STATE = "SCRIPTMODEL_STATE_DIR"
_TRACKING = re.compile(
    r"(argocd\.argoproj\.io|helm\.sh|.+\.fluxcd\.io|scriptmodel\.dev|(?!app\.)(.+\.)?(kubernetes|(x-)?k8s)\.io)/.*"
    r"|app\.kubernetes\.io/(instance|managed-by)|controller-uid|job-name|pod-template-hash"
)
"""Labels by which tools and Kubernetes find their objects: a tool deletes a Job with its label that it did not make."""


def job_name(run: Run, number: int) -> str:
    """Return the name of the Job and its Secret."""
    return f"{_shortened(run)}-{run.hash[:10]}-{number}"


def _shortened(run: Run) -> str:
    """Return the name of a pipeline for its objects. Its end, -HASH-STAGE, is its own."""
    pipeline = run.spec.ref.name.lower().replace("_", "-")
    if len(pipeline) > _LONGEST_PIPELINE:
        room = max(0, _LONGEST_PIPELINE - len("-0123456789abcdef-") - len(pipeline.rpartition("-")[2]))
        pipeline = pipeline[:room] + pipeline[room - _LONGEST_PIPELINE :]
    return pipeline.strip("-")


def passed_on(owner: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of a ScriptModel that its Jobs and pods have, too, as for reports of cost."""
    labels = owner.get("metadata", {}).get("labels") or {}
    return {name: value for name, value in labels.items() if not _TRACKING.fullmatch(name)}


def secret_manifest(
    run: Run, number: int, document: str, labels: Mapping[str, str], owners: Sequence[Mapping[str, Any]]
) -> Object:
    return secret_of(_metadata(run, number, labels, owners), KEY, document)


def secret_of(metadata: Object, key: str, document: str) -> Object:
    data = {key: base64.b64encode(document.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def job_manifest(run: Run, number: int, settings: JobSettings, owner: Mapping[str, Any]) -> Object:
    metadata = _metadata(run, number, settings.labels, [owner])
    return job_of(metadata, _pod(run.spec, metadata["name"], settings))


def network_policy(run: Run, settings: JobSettings, owner: Mapping[str, Any]) -> Object:
    """Return a policy for all pods of a pipeline: they resolve names and connect to some peers, and nobody to them."""
    names = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": _shortened(run),
            "namespace": run.namespace,
            "labels": {**settings.labels, MANAGED_BY: MANAGER},
            "ownerReferences": [owner],
        },
        "spec": {
            "podSelector": {"matchLabels": {MANAGED_BY: MANAGER, PIPELINE: label(run.spec.ref.name)}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{"ports": names}, {"to": list(settings.egress)}],
        },
    }


def job_of(metadata: Object, pod: Object) -> Object:
    """Return a Job with one pod. Its failure says what ended it, an exit code or a disruption, even when its pod is
    gone.

    Not so a signal: the pods of a Job that a queue suspends end by one, which must not fail the Job.
    """
    queued = QUEUE in metadata["labels"]
    pod_labels = {name: value for name, value in metadata["labels"].items() if name != QUEUE}
    exits = {"containerName": pod["containers"][0]["name"], "operator": "NotIn", "values": [0, *SIGNALLED]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "suspend": queued,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": exits},
                ]
            },
            "template": {"metadata": {"labels": pod_labels}, "spec": pod},
        },
    }


def fetch_job(
    metadata: Object, image: str, key: str, seconds: int, placed: Object, limits: Mapping[str, str], secret: str = ""
) -> Object:
    """Return the Job of a download, which ends after `seconds` at the latest, on nodes as `placed` says. `secret`
    opens the bucket of a user.
    """
    variables = CREDENTIALS if secret else ()
    container = {
        "name": FETCHER,
        "image": image,
        "args": ["fetch", f"/scriptmodel/{key}"],
        "env": [
            {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": number > 1}}}
            for number, name in enumerate(variables)
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {**limits, "memory": "256Mi"}},
    }
    job = job_of(metadata, restricted_pod(container, metadata["name"], {"tmp": _FOLDERS["tmp"]}) | placed)
    job["spec"]["activeDeadlineSeconds"] = seconds
    return job


def placement(owner: Mapping[str, Any], operator_pod: Mapping[str, Any]) -> Object:
    """Return where the pod of a download runs: where the trainings of its owner, a ScriptModel, do, or else where the
    operator does. Its image is the operator's, so that it also has the pull secrets of that.
    """
    training = {**operator_pod, **(owner.get("spec", {}).get("training") or {})}
    placed = {name: training[name] for name in ("nodeSelector", "tolerations", "imagePullSecrets") if name in training}
    secrets = (*placed.get("imagePullSecrets", ()), *operator_pod.get("imagePullSecrets", ()))
    return placed | {"imagePullSecrets": [{"name": name} for name in dict.fromkeys(each["name"] for each in secrets)]}


def fetch_metadata(repo: RepoRef, name: str, owner: str, request: str, number: int) -> Object:
    """Return the metadata of Job and Secret of a download for the repo of an object."""
    return {"name": name, "namespace": repo.project, "labels": _labels(owner, FETCHER, repo.name, request, number)}


def _metadata(run: Run, number: int, labels: Mapping[str, str], owners: Sequence[Mapping[str, Any]]) -> Object:
    mark = parse_mark(run.spec.annotations.get(ANNOTATION))
    pipeline = run.spec.ref.name
    own = _labels(mark.owner.name if mark else "", pipeline.rpartition("-")[2], pipeline, run.hash, number)
    return {
        "name": job_name(run, number),
        "namespace": run.namespace,
        "labels": {**labels, **dict(run.spec.pods.labels), **own},
        "ownerReferences": list(owners),
    }


def _labels(owner: str, stage: str, pipeline: str, run: str, number: int) -> dict[str, str]:
    found = {NAME: label(owner), STAGE: stage, PIPELINE: label(pipeline), RUN: run, ATTEMPT: str(number)}
    return {MANAGED_BY: MANAGER, **found}


def label(value: str) -> str:
    return value[:_LONGEST_LABEL].rstrip("-_.")


def _pod(spec: PipelineSpec, secret: str, settings: JobSettings) -> Object:
    pod = restricted_pod(_container(spec, settings), secret, _FOLDERS) | {
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "nodeSelector": dict(spec.pods.node_selector),
        "tolerations": [_toleration(each) for each in spec.pods.tolerations],
        "imagePullSecrets": [{"name": name} for name in spec.pods.image_pull_secrets],
    }
    if spec.pods.priority_class:
        pod["priorityClassName"] = spec.pods.priority_class
    if spec.pods.runtime_class:
        pod["runtimeClassName"] = spec.pods.runtime_class
    return pod


def restricted_pod(container: Object, secret: str, folders: Mapping[str, str]) -> Object:
    """Return a pod with one container, a Secret at `/scriptmodel`, empty folders, and no credentials."""
    mounts = [
        {"name": "job", "mountPath": "/scriptmodel", "readOnly": True},
        *({"name": name, "mountPath": path} for name, path in folders.items()),
    ]
    sealed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [
            {"name": "job", "secret": {"secretName": secret, "defaultMode": 0o440}},
            *({"name": name, "emptyDir": {}} for name in folders),
        ],
        "containers": [{**container, "securityContext": sealed, "volumeMounts": mounts, **policy}],
    }


def _container(spec: PipelineSpec, settings: JobSettings) -> Object:
    variables = {_STATE: _FOLDERS["state"], **dict(spec.pods.variables)}
    requests, limits = _amounts(spec.requests), _amounts(spec.limits)
    requests = {name: amount for name, amount in settings.requests.items() if name not in limits} | requests
    largest = {name: [amount, requests.get(name, amount)] for name, amount in settings.limits.items()}
    limits = {name: max(amounts, key=parse_quantity) for name, amounts in largest.items()} | limits
    gpu = {spec.limits.gpu_type: str(spec.limits.gpu_count)} if spec.limits.gpu_count else {}
    return {
        "name": CONTAINER,
        "image": spec.image,
        "command": ["scriptmodel-trainer", "job", f"/scriptmodel/{KEY}"],
        # Kubernetes replaces `$(NAME)`, and `$$` by `$`.
        "env": [{"name": name, "value": value.replace("$", "$$")} for name, value in variables.items()],
        "resources": {"requests": requests | gpu, "limits": limits | gpu},
    }


def _amounts(amounts: ResourceAmounts) -> dict[str, str]:
    found = {"cpu": f"{amounts.cpu:g}" if amounts.cpu else "", "memory": amounts.memory}
    return {name: amount for name, amount in found.items() if amount}


def _toleration(given: PodToleration) -> Object:
    found: Object = {"operator": given.operator, "key": given.key, "value": given.value, "effect": given.effect}
    found = {name: value for name, value in found.items() if value}
    return found if given.seconds is None else {**found, "tolerationSeconds": given.seconds}
