"""Does the operator find here what it needs? Each answer is a line that says what was found, or what to do."""

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
    """One thing that was looked at."""

    good: bool
    text: str


class NoSampleError(Exception):
    """A file holds no ScriptModel."""


def read_sample(path: Path) -> dict[str, Any]:
    """The ScriptModel in `path`."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NoSampleError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != KIND or "name" not in (found.get("metadata") or {}):
        raise NoSampleError(f"{path} holds no {KIND} with a name")
    return found


async def check_cluster(client: KubeClient, namespace: str, sample: Mapping[str, Any]) -> list[Finding]:
    """The API server serves ScriptModels and takes this one, which is not kept."""
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
    return [served, Finding(True, f"ScriptModel {name!r} is taken in namespace {namespace!r} (dry run)")]


def check_pachyderm(target: PachdAddress) -> Iterator[Finding]:
    """Pachyderm answers, and takes the token."""
    gateway = PachydermGateway(target, UNLIMITED)
    asked: tuple[Callable[[], str], ...] = (
        lambda: f"pachd {gateway.server_version()} answers at {target.address}",
        lambda: f"pachd lets the operator list projects: {', '.join(sorted(gateway.list_projects()))}",
    )
    try:
        for question in asked:
            try:
                yield Finding(True, question())
            except PachydermError as error:
                hint = "look at --pachd, --pachd-token-file and --pachd-ca-file, and at network policies in between"
                yield Finding(False, f"{error}: {hint}")
                return
    finally:
        gateway.close()
