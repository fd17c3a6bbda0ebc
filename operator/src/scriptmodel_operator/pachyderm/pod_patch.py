"""Writes and reads the patch of a pod's spec (RFC 6902): what Pachyderm has no field for. Pure.

Pachyderm applies it to a pod spec whose first container runs the trainer and has an environment, volumes and volume
mounts, so `-` appends to each. The pod spec has no security context of the pod, so there is none to merge with.
"""

import json
from typing import Any

from scriptmodel_operator.engine.values import PipelineRef, PodSpec

_RUNTIME_CLASS, _ENV, _VOLUMES = "/runtimeClassName", "/containers/0/env/-", "/volumes/-"
_VOLUME = "scriptmodel-state"
_MOUNT_PATH = "/scriptmodel-state"
_STATE = "SCRIPTMODEL_STATE_DIR"
_TRAINERS_GROUP = 65532
"""The trainer's group. The kubelet creates the folder as root; fsGroup lets this group write there."""


def written_patch(pods: PodSpec, pipeline: PipelineRef) -> str:
    """Return the patch; empty if there is nothing to patch. The trainer's state is in the pipeline's own folder of the
    claim, if there is one."""
    operations: list[tuple[str, Any]] = [(_RUNTIME_CLASS, pods.runtime_class)] if pods.runtime_class else []
    variables = list(pods.variables)
    if pods.claim:
        mount = {"name": _VOLUME, "mountPath": _MOUNT_PATH, "subPath": f"{pipeline.project}/{pipeline.name}"}
        operations += [
            ("/securityContext", {"fsGroup": _TRAINERS_GROUP}),
            (_VOLUMES, {"name": _VOLUME, "persistentVolumeClaim": {"claimName": pods.claim}}),
            ("/containers/0/volumeMounts/-", mount),
        ]
        variables.insert(0, (_STATE, _MOUNT_PATH))
    operations += [(_ENV, {"name": name, "value": value}) for name, value in variables]
    return json.dumps([{"op": "add", "path": path, "value": value} for path, value in operations]) if operations else ""


def read_patch(text: str, pipeline: PipelineRef) -> dict[str, Any]:
    """Return the fields of a PodSpec that a patch sets; one of somebody else is kept as it is, too."""
    try:
        added = [(each["path"], each["value"]) for each in json.loads(text or "[]")]
        claims = [value["persistentVolumeClaim"]["claimName"] for path, value in added if path == _VOLUMES]
        variables = [(str(value["name"]), str(value["value"])) for path, value in added if path == _ENV]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {"patch": text}
    found: dict[str, Any] = {
        "runtime_class": next((str(value) for path, value in added if path == _RUNTIME_CLASS), ""),
        "claim": next((str(each) for each in claims), ""),
        "variables": tuple(each for each in variables if each[0] != _STATE),
    }
    return found if written_patch(PodSpec(**found), pipeline) == text else {**found, "patch": text}
