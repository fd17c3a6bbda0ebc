"""What an administrator runs once: checks of an installation, and the release of ScriptModels before its removal.

A ScriptModel carries a finalizer that only the operator removes. Without an operator, deleting it would hang, and its
pipelines would stay in Pachyderm.
"""

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.engine.errors import AccessError, EngineError
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import engine_id
from scriptmodel_operator.kube.client import MERGE_PATCH, KubeClient
from scriptmodel_operator.kube.errors import (
    NOT_INSTALLED,
    KubeConflictError,
    KubeError,
    KubeNotFoundError,
    KubeUnavailableError,
)
from scriptmodel_operator.kube.gateway import without_finalizer
from scriptmodel_operator.kube.login import Credentials, login
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.versions import Support

POLL_SECONDS = 1.0
_TRIES = 5
_SMALLEST: Mapping[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {"name": "check"},
    "spec": {"corpus": {"repo": {"name": "check"}}},
}
OK, WARN, FAILED = "ok      ", "warn    ", "FAILED  "
"""How the line of a finding begins."""


def client_of(kubeconfig: Path | None) -> KubeClient:
    """Raises LoginFailedError."""
    return KubeClient(Credentials(lambda: login(kubeconfig)))


def check_cluster(client: KubeClient, namespace: str) -> Iterator[str]:
    """Check that the API server serves ScriptModels and accepts one in a dry run."""
    try:
        if not client.serves_scriptmodels():
            yield f"{FAILED}{NOT_INSTALLED}"
            return
        yield f"{OK}the API server serves {API_VERSION}"
        client.dry_run_scriptmodel(namespace, "check", _SMALLEST)
        yield f"{OK}a ScriptModel is accepted in namespace {namespace!r} (dry run)"
    except KubeError as error:
        yield f"{FAILED}{error}"


def check_pachyderm(target: PachdAddress) -> Iterator[str]:
    """Check that Pachyderm answers, has a version that the operator works with, and accepts the token."""
    gateway = PachydermGateway(target, UNLIMITED)
    try:
        version = gateway.server_version()
        yield f"{OK}{version.server} answers at {target.address}"
        yield {Support.CERTIFIED: OK, Support.TOO_OLD: FAILED}.get(version.support, WARN) + version.verdict
        yield f"{OK}it lets the operator list projects: {', '.join(sorted(gateway.list_projects()))}"
    except AccessError as error:
        yield f"{FAILED}{error.advice} ({error})"
    except EngineError as error:
        hint = "check --pachd, --pachd-token-file, --pachd-ca-file and the network policies in between"
        yield f"{FAILED}{error}: {hint}"
    finally:
        gateway.close()


def check_bucket(config: StorageConfig) -> Iterator[str]:
    """Check that the bucket answers, and that objects can be read, written, listed and deleted in it."""
    folder = f"check/{uuid4()}"  # no namespace has its data there
    try:
        bucket = open_bucket(config)
        yield f"{OK}{config.storage} answers; it holds {engine_id(bucket)}"
        bucket.put(f"{folder}/object", b"")
        found = bucket.sizes(folder)
        bucket.delete(list(found))
        yield f"{OK if found else FAILED}it lets the operator write, list and delete objects"
    except EngineError as error:
        hint = "check --storage, --storage-endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the network policies"
        yield f"{FAILED}{error}: {hint}"


def list_models(client: KubeClient, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the ScriptModels of the namespaces, or of all for none; nothing if the CRD is not installed."""
    try:
        return [each for namespace in namespaces or (None,) for each in client.list_scriptmodels(namespace)]
    except KubeNotFoundError:
        return []


def refusal(models: list[dict[str, Any]], namespaces: tuple[str, ...]) -> str:
    """Return why the operator of the namespaces, or of all for none, cannot be removed yet, and two ways to proceed."""
    names = ", ".join(map(_name, models[:10])) + (" ..." if len(models) > 10 else "")
    # An operator of some namespaces has no say in the others.
    places = dict.fromkeys(f"-n {each['metadata']['namespace']}" if namespaces else "-A" for each in models)
    deletions = "".join(f"    kubectl delete scriptmodels --all {place}\n" for place in places)
    watched = "".join(f" --namespace {each}" for each in namespaces)
    return (
        f"{len(models)} ScriptModel(s) still exist: {names}. Without the operator, what was made for them would stay "
        "and deleting them would hang.\n"
        "Delete them while the operator runs, each by its own deletionPolicy:\n"
        f"{deletions}"
        "or let go of them, which leaves objects and what was made for them as they are: with the chart by "
        "uninstall.policy=orphan (after `helm rollback`), with plain manifests by\n"
        f"    scriptmodel-operator before-uninstall --policy orphan{watched}"
    )


def stop(client: KubeClient, namespace: str, deployment: str, seconds: float) -> None:
    """Scale the operator's Deployment to zero and wait for its pods to end: it would add finalizers again.

    Raises TimeoutError if they still run after that many seconds.
    """
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}"
    what = f"Deployment {namespace}/{deployment}"
    try:
        found = client.request("GET", path, f"reading {what}")
        client.request("PATCH", f"{path}/scale", f"scaling {what}", {"spec": {"replicas": 0}}, MERGE_PATCH)
    except KubeNotFoundError:
        return
    labels = ",".join(f"{key}={value}" for key, value in found["spec"]["selector"]["matchLabels"].items())
    pods = f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(labels)}"
    deadline = time.monotonic() + seconds
    while remaining := _remaining_pods(client, pods, what):
        if time.monotonic() > deadline:
            running = f"after {seconds:.0f} s these pods still run: {remaining}"
            raise TimeoutError(f"{what} is scaled to zero, but {running}")
        time.sleep(POLL_SECONDS)


def _remaining_pods(client: KubeClient, pods: str, what: str) -> str:
    """Return the names of the remaining pods; an API server that does not answer counts as some."""
    try:
        found = client.request("GET", pods, f"listing pods of {what}")
    except KubeUnavailableError as error:
        return f"unknown ({error})"
    return ", ".join(pod["metadata"]["name"] for pod in found["items"])


def let_go(client: KubeClient, model: Mapping[str, Any]) -> str:
    """Remove the operator's finalizer and no other, which completes a pending deletion; Pachyderm is not touched.

    Returns what was done; empty if there was no finalizer.
    """
    namespace, name = model["metadata"]["namespace"], model["metadata"]["name"]
    for _ in range(_TRIES):
        try:
            patch = without_finalizer(model)
            if patch is None:
                return ""
            client.patch_scriptmodel(namespace, name, patch)
            pipelines = [each["name"] for each in (model.get("status") or {}).get("pipelines") or []]
            return f"let go of {_name(model)}" + (f"; its pipelines stay: {', '.join(pipelines)}" if pipelines else "")
        except KubeNotFoundError:
            return ""
        except KubeConflictError:
            model = next((each for each in client.list_scriptmodels(namespace) if _name(each) == _name(model)), model)
    raise KubeError(f"letting go of {_name(model)}", HTTPStatus.CONFLICT, "it keeps changing")


def _name(model: Mapping[str, Any]) -> str:
    return f"{model['metadata']['namespace']}/{model['metadata']['name']}"
