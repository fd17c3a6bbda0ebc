"""Checks whether the operator's requirements are met. Each finding is a line with the result or what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import yaml

from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.engine.errors import AccessError, EngineError
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import engine_id
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import NOT_INSTALLED, KubeError, KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.versions import Support

SMALLEST: Mapping[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "check"},
    "spec": {"corpus": {"repo": {"name": "check"}}},
}


@dataclass(frozen=True, slots=True)
class Finding:
    good: bool
    text: str
    doubtful: bool = False
    """Good, but not known to work."""

    @property
    def line(self) -> str:
        verdict = ("warn" if self.doubtful else "ok") if self.good else "FAILED"
        return f"{verdict:<6}  {self.text}"


def read_sample(path: Path) -> dict[str, Any]:
    """Return the ScriptModel in `path`. Raises ValueError if the file has none."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != KIND or "name" not in (found.get("metadata") or {}):
        raise ValueError(f"{path} holds no {KIND} with a name")
    return found


def check_cluster(client: KubeClient, namespace: str, sample: Mapping[str, Any]) -> list[Finding]:
    """Check that the API server serves ScriptModels and accepts this one in a dry run."""
    try:
        if not client.serves_scriptmodels():
            return [Finding(False, NOT_INSTALLED)]
        served = Finding(True, f"the API server serves {API_VERSION}")
    except KubeError as error:
        return [Finding(False, str(error))]
    name = sample["metadata"]["name"]
    try:
        client.dry_run_scriptmodel(namespace, name, sample)
    except KubeError as error:
        return [served, Finding(False, f"ScriptModel {name!r} is refused in namespace {namespace!r}: {error}")]
    return [served, Finding(True, f"ScriptModel {name!r} is accepted in namespace {namespace!r} (dry run)")]


def check_claim(client: KubeClient, namespace: str, name: str) -> Finding:
    """Check that the claim for checkpoints exists, is bound, and can be mounted on several nodes."""
    claim = f"PersistentVolumeClaim {namespace}/{name}"
    try:
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/persistentvolumeclaims/{quote(name, safe='')}"
        found = client.request("GET", path, f"reading {claim}")
    except KubeNotFoundError:
        return Finding(False, f"{claim} does not exist: create it in the namespace of the workers")
    except KubeForbiddenError:
        hint = f"run check with a kubeconfig that may get PersistentVolumeClaims in {namespace}"
        return Finding(True, f"{claim} may not be read: {hint}", doubtful=True)
    except KubeError as error:
        return Finding(False, str(error))
    phase, modes = (found.get("status") or {}).get("phase"), found["spec"].get("accessModes") or ()
    if phase != "Bound":
        why = (
            f"normal until its first pod with some StorageClasses, else see kubectl -n {namespace} describe pvc {name}"
        )
        return Finding(True, f"{claim} is not bound ({phase or 'no phase'}): {why}", doubtful=True)
    if "ReadWriteMany" in modes:
        return Finding(True, f"{claim} is bound (ReadWriteMany)")
    text = f"{claim} is bound ({', '.join(modes)}): all trainings with it run on one node, ReadWriteMany allows several"
    return Finding(True, text, doubtful=True)


def check_pachyderm(target: PachdAddress) -> Iterator[Finding]:
    """Check that Pachyderm answers, has a version that the operator works with, and accepts the token."""
    gateway = PachydermGateway(target, UNLIMITED)
    try:
        version = gateway.server_version()
        yield Finding(True, f"{version.server} answers at {target.address}")
        doubtful = version.support is not Support.CERTIFIED
        yield Finding(version.support is not Support.TOO_OLD, version.verdict, doubtful)
        projects = ", ".join(sorted(gateway.list_projects()))
        yield Finding(True, f"it lets the operator list projects: {projects}")
    except AccessError as error:
        yield Finding(False, f"{error.advice} ({error})")
    except EngineError as error:
        hint = "check --pachd, --pachd-token-file, --pachd-ca-file and the network policies in between"
        yield Finding(False, f"{error}: {hint}")
    finally:
        gateway.close()


def check_bucket(config: StorageConfig) -> Iterator[Finding]:
    """Check that the bucket answers, and that objects can be read, written, listed and deleted in it."""
    folder = f"check/{uuid4()}"  # no namespace has its data there
    try:
        bucket = open_bucket(config)
        engine = engine_id(bucket)
        yield Finding(True, f"{config.storage} answers; it holds {engine}")
        bucket.put(f"{folder}/object", b"")
        found = bucket.sizes(folder)
        bucket.delete(list(found))
        yield Finding(bool(found), "it lets the operator write, list and delete objects")
    except EngineError as error:
        hint = "check --storage, --storage-endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the network policies"
        yield Finding(False, f"{error}: {hint}")
