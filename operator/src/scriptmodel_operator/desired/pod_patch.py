"""Builds the patch of a train pod's spec (RFC 6902): what Pachyderm has no field for. Pure.

Pachyderm applies it to a pod spec whose first container runs the trainer and has an environment, volumes and volume
mounts, so `-` appends to each. The pod spec has no security context of the pod, so there is none to merge with.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.training import Training
from scriptmodel_operator.engine.values import PipelineRef

RUNTIME_CLASS = "/runtimeClassName"
_ENV = "/containers/0/env/-"
_VOLUME = "scriptmodel-state"
_MOUNT_PATH = "/scriptmodel-state"
_TRAINERS_GROUP = 65532
"""The trainer's group. The kubelet creates the folder as root; fsGroup lets this group write there."""
_REQUEST = "SCRIPTMODEL_REQUEST"
_FEW = 50
"""Words that hold a script whatever its corpus."""
BUDGET = "SCRIPTMODEL_BUDGET_SECONDS"


def pod_patch(training: Training, generation: Generation, claim: str, pipeline: PipelineRef) -> str:
    """Return the patch; empty if there is nothing to patch. The trainer's state is in the pipeline's own folder of the
    claim, if there is one."""
    operations: list[tuple[str, Any]] = []
    if training.runtime_class_name:
        operations.append((RUNTIME_CLASS, training.runtime_class_name))
    variables = {**dict(_variables(training)), **_request(generation)}
    if claim:
        mount = {"name": _VOLUME, "mountPath": _MOUNT_PATH, "subPath": f"{pipeline.project}/{pipeline.name}"}
        operations += [
            ("/securityContext", {"fsGroup": _TRAINERS_GROUP}),
            ("/volumes/-", {"name": _VOLUME, "persistentVolumeClaim": {"claimName": claim}}),
            ("/containers/0/volumeMounts/-", mount),
        ]
        variables = {"SCRIPTMODEL_STATE_DIR": _MOUNT_PATH, **variables}
    operations += [(_ENV, {"name": name, "value": value}) for name, value in variables.items()]
    return json.dumps([{"op": "add", "path": path, "value": value} for path, value in operations]) if operations else ""


def _variables(training: Training) -> Iterator[tuple[str, str]]:
    if training.gpu is not None:
        yield "SCRIPTMODEL_GPU_REQUESTED", "1"
        if training.gpu.required:
            yield "SCRIPTMODEL_GPU_REQUIRED", "1"
    if training.budget.duration:
        yield BUDGET, str(int(parse_duration(training.budget.duration).total_seconds()))


def _request(generation: Generation) -> dict[str, str]:
    """Return the variable with the requested script, which the trainer checks before it trains.

    It is in no digest, so another request repeats only a failed training. It has no `$`: Kubernetes would replace
    `$(NAME)` by a variable before it, and the database's password is one in Pachyderm's pods.
    """
    cast = [] if generation.cast == ["any"] else generation.cast
    opening = {"speaker": generation.speaker, "prompt": generation.prompt, "scene": generation.scene, "cast": cast}
    opening = {name: value for name, value in opening.items() if value}
    if not opening and generation.words >= _FEW:
        return {}
    return {_REQUEST: json.dumps({"words": generation.words, "opening": opening}).replace("$", r"\u0024")}


def requests_differ(*patches: str) -> bool:
    return len({variables_of(patch).get(_REQUEST) for patch in patches}) > 1


def variables_of(patch: str) -> dict[str, str]:
    """Return the environment variables that a patch adds; nothing for a patch that somebody else wrote."""
    try:
        operations: list[Mapping[str, Any]] = json.loads(patch or "[]")
        added = [each["value"] for each in operations if each.get("path") == _ENV]
        return {str(each["name"]): str(each["value"]) for each in added}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
