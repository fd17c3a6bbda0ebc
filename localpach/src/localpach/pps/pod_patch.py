"""The part of a pod patch that concerns a job's process: folders of claims, and variables of its environment."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from localpach.errors import PachError, UnimplementedError

OF_THE_PROCESS = frozenset({"volumes", "containers", "initContainers"})
"""Fields of a pod that decide what its processes are and see. All others are ignored."""
_CLAIM = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class PodPatch:
    """What a patch adds to the container of the command."""

    mounts: Mapping[str, PurePosixPath]
    """Folders of claims, `CLAIM/FOLDER`, by the path at which the command sees them."""
    variables: Mapping[str, str]


def parse_pod_patch(text: str) -> PodPatch:
    """Parse a JSON patch of a pod. Raises PachError if it is no JSON, UnimplementedError for what is not done."""
    try:
        operations = json.loads(text) if text else []
    except ValueError:
        raise PachError("malformed PodPatch") from None
    if not isinstance(operations, list):
        raise _unsupported("it is not a list of operations")
    claims: dict[str, str] = {}
    mounts: dict[str, PurePosixPath] = {}
    variables: dict[str, str] = {}
    for operation in operations:
        if not isinstance(operation, dict):
            raise _unsupported(f"{operation!r} is not an operation")
        what, path = str(operation.get("op", "")), str(operation.get("path", ""))
        if path.lstrip("/").partition("/")[0] not in OF_THE_PROCESS:
            continue
        match what, path:
            case "add", "/volumes/-":
                name, claim = _volume(operation.get("value"))
                claims[name] = claim
            case "add", "/containers/0/volumeMounts/-":
                mounts |= _mount(operation.get("value"), claims)
            case "add", "/containers/0/env/-":
                name, value = _variable(operation.get("value"))
                variables[name] = value
            case _:
                raise _unsupported(
                    f"{what} {path} is not one of add /volumes/-, add /containers/0/volumeMounts/- and add "
                    "/containers/0/env/-"
                )
    return PodPatch(mounts, variables)


def check_mounts(patch: PodPatch) -> None:
    """Raise UnimplementedError for a mount at a path that this machine has already."""
    for path in patch.mounts:
        top = PurePosixPath(path).parts[1]
        if Path("/", top).exists():
            raise _unsupported(f"mountPath {path!r} cannot be used, because /{top} exists on this machine")


def _unsupported(why: str) -> UnimplementedError:
    return UnimplementedError(f"localpach does not support this pod_patch: {why}")


def _volume(value: Any) -> tuple[str, str]:
    source = value.get("persistentVolumeClaim") if isinstance(value, dict) else None
    if not isinstance(source, dict) or set(value) != {"name", "persistentVolumeClaim"}:
        raise _unsupported("only persistentVolumeClaim volumes can be added")
    if set(source) != {"claimName"}:
        raise _unsupported("of a persistentVolumeClaim it knows claimName only")
    claim = str(source["claimName"])
    if not _CLAIM.fullmatch(claim):
        raise _unsupported(f"{claim!r} is not the name of a claim")
    return str(value["name"]), claim


def _mount(value: Any, claims: Mapping[str, str]) -> dict[str, PurePosixPath]:
    if not isinstance(value, dict) or not {"name", "mountPath"} <= set(value):
        raise _unsupported("a volume mount needs name and mountPath")
    if other := sorted(set(value) - {"name", "mountPath", "subPath"}):
        raise _unsupported(f"of a volume mount it knows name, mountPath and subPath, not {other[0]}")
    name, path, folder = (str(value.get(key, "")) for key in ("name", "mountPath", "subPath"))
    if name not in claims:
        raise _unsupported(f"volume {name!r} is not in the patch before its mount")
    if folder.startswith("/") or ".." in PurePosixPath(folder).parts:
        raise _unsupported(f"subPath {folder!r} must be a relative path without '..'")
    parts = PurePosixPath(path).parts
    if parts[:1] != ("/",) or len(parts) < 2 or ".." in parts:
        raise _unsupported(f"mountPath {path!r} must be absolute and below the root, without '..'")
    if parts[1] == "pfs":
        raise _unsupported(f"mountPath {path!r} cannot be used, because the datum's files are there")
    return {str(PurePosixPath(path)): PurePosixPath(claims[name], folder)}


def _variable(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict) or "name" not in value:
        raise _unsupported("an environment variable needs a name")
    if other := sorted(set(value) - {"name", "value"}):
        raise _unsupported(f"of an environment variable it knows name and value, not {other[0]}")
    return str(value["name"]), str(value.get("value", ""))
