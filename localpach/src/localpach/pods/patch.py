"""What a pipeline's pod patch changes in the pod of an attempt: claims, variables and the runtime class."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localpach.errors import UnimplementedError
from localpach.pps.pod_patch import OF_THE_PROCESS, parse_pod_patch

Object = dict[str, Any]
_RUNTIME_CLASS = "/runtimeClassName"
_SECURITY_CONTEXT = "/securityContext"


@dataclass(frozen=True, slots=True)
class PodChanges:
    """What a patch adds to the pod, and to the container of the command."""

    volumes: tuple[Object, ...]
    mounts: tuple[Object, ...]
    variables: Mapping[str, str]
    runtime_class: str = ""


def pod_changes(text: str) -> PodChanges:
    """Return what a JSON patch changes. Raises UnimplementedError for what pods of localpach do not do."""
    patch = parse_pod_patch(text)
    names: dict[str, str] = {}
    mounts = []
    for path, folder in patch.mounts.items():
        claim, *below = folder.parts
        mount: Object = {"name": names.setdefault(claim, f"claim-{len(names)}"), "mountPath": path}
        mounts.append(mount | ({"subPath": "/".join(below)} if below else {}))
    volumes = tuple({"name": name, "persistentVolumeClaim": {"claimName": claim}} for claim, name in names.items())
    return PodChanges(volumes, tuple(mounts), patch.variables, _runtime_class(text))


def _runtime_class(text: str) -> str:
    """Return the runtime class of a patch, and refuse what else it changes in the pod."""
    found = ""
    for operation in json.loads(text) if text else []:
        what, path = str(operation.get("op", "")), str(operation.get("path", ""))
        if what == "add" and path == _RUNTIME_CLASS:
            found = str(operation.get("value", ""))
        elif path.lstrip("/").partition("/")[0] not in OF_THE_PROCESS and (what, path) != ("add", _SECURITY_CONTEXT):
            raise UnimplementedError(
                f"localpach does not support this pod_patch: {what} {path} is not among what it changes in a pod"
            )
    return found
