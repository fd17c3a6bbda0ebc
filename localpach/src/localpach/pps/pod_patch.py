"""The part of a pod patch that concerns a job's process: folders of claims, and variables of its environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from localpach.errors import PachError, UnimplementedError

_OF_THE_PROCESS = ("volumes", "containers", "initContainers")
"""Fields of a pod that decide what its processes are and see. All others are ignored."""


@dataclass(frozen=True, slots=True)
class PodPatch:
    """What a patch adds to the container of the command."""

    mounts: Mapping[str, PurePosixPath]
    """Folders of claims, `CLAIM/FOLDER`, by the path at which the command sees them."""
    variables: Mapping[str, str]


def parse_pod_patch(text: str) -> PodPatch:
    """Parse a JSON patch of a pod. Raises PachError if it is not JSON, UnimplementedError for other operations."""
    try:
        operations = json.loads(text or "[]")
    except ValueError:
        raise PachError("malformed PodPatch") from None
    if not isinstance(operations, list):
        raise UnimplementedError("localpach does not support a pod_patch that is not a list of operations")
    claims: dict[str, str] = {}
    mounts: dict[str, PurePosixPath] = {}
    variables: dict[str, str] = {}
    for operation in operations:
        match operation:
            case {
                "op": "add",
                "path": "/volumes/-",
                "value": {"name": str(name), "persistentVolumeClaim": {"claimName": str(claim), **more}, **others},
            } if not (more or others):
                claims[name] = claim
            case {
                "op": "add",
                "path": "/containers/0/volumeMounts/-",
                "value": {"name": str(name), "mountPath": str(path), "subPath": str(folder), **others},
            } if name in claims and not others:
                mounts[path] = PurePosixPath(claims[name], folder)
            case {
                "op": "add",
                "path": "/containers/0/env/-",
                "value": {"name": str(name), "value": str(value), **others},
            } if not others:
                variables[name] = value
            case {"path": str(path)} if path.lstrip("/").partition("/")[0] not in _OF_THE_PROCESS:
                pass
            case _:
                raise UnimplementedError(f"localpach does not support this operation of a pod_patch: {operation}")
    return PodPatch(mounts, variables)


def check_mounts(patch: PodPatch) -> None:
    """Raise UnimplementedError for a mount that this machine cannot make."""
    for path, folder in patch.mounts.items():
        parts = PurePosixPath(path).parts
        is_new = parts[:1] == ("/",) and len(parts) > 1 and parts[1] != "pfs" and not Path("/", parts[1]).exists()
        if not is_new or folder.is_absolute() or ".." in (*parts, *folder.parts):
            raise UnimplementedError(
                f"localpach cannot mount {folder} at {path}: only a folder of a claim, at a path below a folder that "
                "this machine does not have"
            )
