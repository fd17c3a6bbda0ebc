"""Specs of pipelines: validation and defaults, in the order and the words of the real server; inputs; pod patches."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from localpach.errors import PachError, UnimplementedError
from localpach.messages import USER, pfs, pps
from localpach.names import validate_name
from localpach.pfs.paths import clean, compile_glob

MAX_NAME = 51
MAX_KUBERNETES_NAME = 63
MOST_WORKERS = 32
UNTIL_SUCCESS = "until_success"
RESERVED_NAMES = ("out", ".env", ".", "..")
_OF_THE_PROCESS = ("volumes", "containers", "initContainers")
"""Fields of a pod that decide what its processes are and see. All others are ignored."""


def kubernetes_name(pipeline: pps.Pipeline, version: int) -> str:
    """Return the name that the pipeline's ReplicationController would have."""
    return f"{pipeline.project.name}-{pipeline.name.replace('_', '-')}-v{version}".lower()


def validate_request(request: pps.CreatePipelineRequest) -> None:
    """Raise PachError for an invalid request, before defaults are set."""
    name = request.pipeline.name
    try:
        validate_name(name)
    except PachError as error:
        raise error.within("invalid pipeline name") from None
    pod = kubernetes_name(request.pipeline, 99)
    for what, text, most in (("pipeline name", name, MAX_NAME), ("Kubernetes name", pod, MAX_KUBERNETES_NAME)):
        if len(text) > most:
            raise PachError(f'{what} "{text}" is {len(text) - most} characters longer than the {most} max')
    if not request.HasField("transform"):
        raise PachError("pipeline must specify a transform")
    if request.reprocess_spec not in ("", UNTIL_SUCCESS):
        raise UnimplementedError(f"localpach supports no reprocess_spec but {UNTIL_SUCCESS}")


def complete(info: pps.PipelineInfo) -> None:
    """Set the defaults of a pipeline. Raises PachError if it is not valid then."""
    details = info.details
    details.transform.image = details.transform.image or "ubuntu:20.04"
    details.output_branch = details.output_branch or "master"
    details.datum_tries = details.datum_tries or 3
    details.reprocess_spec = details.reprocess_spec or UNTIL_SUCCESS
    root = root_of(details)
    for node in nodes(root):
        node.cross.sort(key=_sorted_by)
    for source in repos_in(root):
        source.branch = source.branch or "master"
        source.name = source.name or source.repo
        source.repo_type = source.repo_type or USER
        source.glob = clean(source.glob) if source.glob else ""
    if not info.pipeline.name[0].isalnum():
        raise PachError("pipeline names must start with an alphanumeric character")
    _validate_input(info.pipeline.project.name, root)
    parse_pod_patch(details.pod_patch)


def expected_workers(details: pps.PipelineInfo.Details) -> int:
    return min(int(details.parallelism_spec.constant), MOST_WORKERS) or 1


def root_of(details: pps.PipelineInfo.Details) -> pps.Input | None:
    return details.input if details.HasField("input") else None


def nodes(node: pps.Input | None) -> Iterator[pps.Input]:
    """Yield every node of an input, children before their parent."""
    if node is not None:
        for member in node.cross:
            yield from nodes(member)
        yield node


def repos_in(root: pps.Input | None) -> list[pps.PFSInput]:
    """Return the inputs that are repos."""
    return [node.pfs for node in nodes(root) if node.HasField("pfs")]


def branch_of(source: pps.PFSInput) -> pfs.Branch:
    repo = pfs.Repo(name=source.repo, type=source.repo_type, project=pfs.Project(name=source.project))
    return pfs.Branch(repo=repo, name=source.branch)


def _sorted_by(node: pps.Input) -> str:
    return _sorted_by(node.cross[0]) if node.cross else str(node.pfs.name)


def _validate_input(project: str, root: pps.Input | None) -> None:
    names: set[str] = set()
    for node in nodes(root):
        if node.HasField("pfs") == bool(node.cross):
            raise PachError("multiple input types set" if node.cross else "no input set")
    for source in repos_in(root):
        for field in ("name", "repo", "glob"):
            if not getattr(source, field):
                raise PachError(f"input must specify a {field}")
        if source.name in RESERVED_NAMES or "/" in source.name or "\0" in source.name:  # the name of a folder in /pfs
            raise PachError(f"input cannot be named {source.name}")
        if source.name in names:
            raise PachError(f'name "{source.name}" was used more than once')
        names.add(source.name)
        source.project = source.project or project
        compile_glob(source.glob)


class PodPatch(NamedTuple):
    """What a patch adds to the container of the command.

    ``mounts`` has folders of claims, `CLAIM/FOLDER`, by the path at which the command sees them.
    """

    mounts: dict[str, PurePosixPath]
    variables: dict[str, str]


def parse_pod_patch(text: str) -> PodPatch:
    """Parse a JSON patch of a pod. Raises PachError if it is not JSON, UnimplementedError for other operations."""
    try:
        operations = json.loads(text or "[]")
    except ValueError:
        raise PachError("malformed PodPatch") from None
    claims: dict[str, str] = {}
    patch = PodPatch({}, {})
    for operation in operations if isinstance(operations, list) else [operations]:
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
                patch.mounts[path] = _mounted(path, PurePosixPath(claims[name], folder))
            case {
                "op": "add",
                "path": "/containers/0/env/-",
                "value": {"name": str(name), "value": str(content), **others},
            } if not others:
                patch.variables[name] = content
            case {"path": str(path)} if path.lstrip("/").partition("/")[0] not in _OF_THE_PROCESS:
                pass
            case _:
                raise UnimplementedError(f"localpach does not support this operation of a pod_patch: {operation}")
    return patch


def _mounted(path: str, folder: PurePosixPath) -> PurePosixPath:
    parts = PurePosixPath(path).parts
    is_new = parts[:1] == ("/",) and len(parts) > 1 and parts[1] != "pfs" and not Path("/", parts[1]).exists()
    if not is_new or folder.is_absolute() or ".." in (*parts, *folder.parts):
        raise UnimplementedError(
            f"localpach cannot mount {folder} at {path}: only a folder of a claim, at a path below a folder that "
            "this machine does not have"
        )
    return folder
