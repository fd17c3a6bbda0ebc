"""Prediction of Kubernetes' reaction to the pods of a pipeline.

The real server accepts invalid pod settings and reports the error only in the pipeline's state. GPU limits are ignored
here, so they are not checked.
"""

from __future__ import annotations

import json
import os
import platform
import re

from localpach.messages import pps
from localpach.pps.states import PipelineState
from localpach.pps.validation import kubernetes_name
from localpach.refs import PipelineRef
from localpach.run.quantity import parse_quantity

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_CONTAINERS = ("spec.template.spec.containers[0]", "spec.template.spec.initContainers[0]")
_POD_FIELDS = ("containers", "initContainers", "volumes", "restartPolicy", "serviceAccountName", "securityContext")
_PRIORITY_CLASSES = ("", "system-node-critical", "system-cluster-critical")
_UNSCHEDULABLE = (
    "0/1 nodes are available: 1 {}. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 Preemption is not helpful for scheduling."
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def predict(ref: PipelineRef, version: int, details: pps.PipelineInfo.Details) -> tuple[PipelineState, str] | None:
    """Return the state and the reason that a pipeline version reports if its pods do not run; None if they run."""
    refused = predict_creation(ref, version, details)
    if refused is not None:
        return refused
    if details.scheduling_spec.priority_class_name not in _PRIORITY_CLASSES:
        return PipelineState.RUNNING, ""  # although no pod is ever created
    crash = _image_problem(details.transform.image) or _placement_problem(details)
    return (PipelineState.CRASHING, crash) if crash else None


def predict_creation(
    ref: PipelineRef, version: int, details: pps.PipelineInfo.Details
) -> tuple[PipelineState, str] | None:
    """Return the state and the reason of a pipeline version whose pods cannot be created; None if they can."""
    patch = _missing_field(details.pod_patch)
    problems = [*_metadata_problems(details.metadata), *_resource_problems(details)]
    if patch or problems:
        pod = kubernetes_name(ref.project, ref.name, version)
        cause = patch or f'ReplicationController "{pod}" is invalid: [{", ".join(problems)}]'
        return (
            PipelineState.FAILURE,
            f'could not update resources after 3 attempts: could not update resource for pipeline "{ref}": '
            f"apply side effect KUBERNETES_RESOURCES (UP): error creating resources: {cause}",
        )
    if not details.transform.cmd:
        return PipelineState.FAILURE, "nothing to run: no transform.cmd"
    return None


def _metadata_problems(metadata: pps.Metadata) -> list[str]:
    found = []
    for field in ("labels", "annotations"):
        for where in (f"metadata.{field}", f"spec.template.{field}"):
            for key, value in sorted(getattr(metadata, field).items()):
                if not _NAME.fullmatch(key.rpartition("/")[2]):
                    found.append(f'{where}: Invalid value: "{key}": {_NAME_RULE}')
                if field == "labels" and not _LABEL_VALUE.fullmatch(value):
                    found.append(f'{where}: Invalid value: "{value}": {_LABEL_RULE}')
    return found


def _resource_problems(details: pps.PipelineInfo.Details) -> list[str]:
    found = []
    limits, requests = details.resource_limits, details.resource_requests
    for container in _CONTAINERS:
        if limits.HasField("gpu") and not limits.gpu.type:
            where = f'{container}.resources.limits[]: Invalid value: ""'
            found += [
                f"{where}: name part must be non-empty",
                f"{where}: {_NAME_RULE}",
                f"{where}: must be a standard resource for containers",
            ]
        limit, request = parse_quantity(limits.memory), parse_quantity(requests.memory)
        if limit is not None and request is not None and limits.memory and request > limit:
            found.append(
                f'{container}.resources.requests: Invalid value: "{requests.memory}": '
                f"must be less than or equal to memory limit of {limits.memory}"
            )
    return found


def _missing_field(text: str) -> str:
    """Return the error of a pod patch that removes a missing field; empty if none does."""
    operations = json.loads(text) if text else []
    for operation in operations if isinstance(operations, list) else []:
        path = str(operation.get("path", "")) if isinstance(operation, dict) else ""
        key = path.removeprefix("/")
        if path and operation.get("op") == "remove" and "/" not in key and key not in _POD_FIELDS:
            return f"error in remove for path: '{path}': Unable to remove nonexistent key: {key}: missing value"
    return ""


def _image_problem(image: str) -> str:
    name = image.partition("@")[0]
    if name == name.lower() and " " not in name:
        return ""
    repository, _, tag = name.rpartition(":")
    path = repository if repository and "/" not in tag else name
    if path == path.lower() and " " not in path:
        return ""
    full = path if "/" in path else f"library/{path}"
    return (
        f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": '
        f"invalid reference format: repository name ({full}) must be lowercase"
    )


def _placement_problem(details: pps.PipelineInfo.Details) -> str:
    node = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "kubernetes.io/hostname": platform.node(),
    }
    if any(node.get(key) != value for key, value in details.scheduling_spec.node_selector.items()):
        return _UNSCHEDULABLE.format("node(s) didn't match Pod's node affinity/selector")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if (parse_quantity(details.resource_requests.memory) or 0) > memory:
        return _UNSCHEDULABLE.format("Insufficient memory")
    if details.resource_requests.cpu > (os.cpu_count() or 1):
        return _UNSCHEDULABLE.format("Insufficient cpu")
    return ""
