"""Checks whether the operator's requirements are met. Each finding is a line with the result or what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.errors import PachydermError

SMALLEST: Mapping[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "check"},
    "spec": {"corpus": {"repo": {"name": "check"}}},
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    good: bool
    text: str


class NoSampleError(Exception):
    """The sample file has no ScriptModel."""


def read_sample(path: Path) -> dict[str, Any]:
    """Return the ScriptModel in `path`. Raises NoSampleError."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NoSampleError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != KIND or "name" not in (found.get("metadata") or {}):
        raise NoSampleError(f"{path} holds no {KIND} with a name")
    return found


async def check_cluster(client: KubeClient, namespace: str, sample: Mapping[str, Any]) -> list[Finding]:
    """Check that the API server serves ScriptModels and accepts this one in a dry run."""
    try:
        if not await client.serves_scriptmodels():
            return [Finding(False, NOT_INSTALLED)]
        served = Finding(True, f"the API server serves {API_VERSION}")
    except KubeError as error:
        return [Finding(False, str(error))]
    name = sample["metadata"]["name"]
    try:
        await client.dry_run_scriptmodel(namespace, name, sample)
    except KubeError as error:
        return [served, Finding(False, f"ScriptModel {name!r} is refused in namespace {namespace!r}: {error}")]
    return [served, Finding(True, f"ScriptModel {name!r} is accepted in namespace {namespace!r} (dry run)")]


def check_pachyderm(target: PachdAddress) -> Iterator[Finding]:
    """Check that Pachyderm answers and accepts the token."""
    gateway = PachydermGateway(target, UNLIMITED)
    checks: tuple[Callable[[], str], ...] = (
        lambda: f"pachd {gateway.server_version()} answers at {target.address}",
        lambda: f"pachd lets the operator list projects: {', '.join(sorted(gateway.list_projects()))}",
    )
    try:
        for check in checks:
            try:
                yield Finding(True, check())
            except PachydermError as error:
                hint = "check --pachd, --pachd-token-file, --pachd-ca-file and the network policies in between"
                yield Finding(False, f"{error}: {hint}")
                return
    finally:
        gateway.close()
