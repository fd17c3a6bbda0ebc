"""Prepares the removal of the operator.

A ScriptModel carries a finalizer that only the operator removes. Without an operator, deleting it would hang, and its
pipelines would stay in Pachyderm.
"""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from scriptmodel_operator.kube.client import MERGE_PATCH, KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeNotFoundError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import without_finalizer

POLL_SECONDS = 1.0
_TRIES = 5

Report = Callable[[str], None]


def list_models(client: KubeClient, namespaces: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the ScriptModels of the namespaces, or of all for none; nothing if the CRD is not installed."""
    found: list[dict[str, Any]] = []
    for namespace in namespaces or (None,):
        try:
            found += client.list_scriptmodels(namespace)
        except KubeNotFoundError:
            return []
    return found


def refusal(models: list[dict[str, Any]], namespaces: tuple[str, ...], let_go: str) -> str:
    """Return why the operator of the namespaces, or of all for none, cannot be removed yet, and two ways to proceed.

    `let_go` is the command that lets go of the models; empty for that of this program.
    """
    names = ", ".join(_name(each) for each in models[:10]) + (" ..." if len(models) > 10 else "")
    # An operator of some namespaces has no say in the others.
    places = dict.fromkeys(f"-n {each['metadata']['namespace']}" if namespaces else "-A" for each in models)
    deletions = "".join(f"    kubectl delete scriptmodels --all {place}\n" for place in places)
    watched = "".join(f" --namespace {each}" for each in namespaces)
    return (
        f"{len(models)} ScriptModel(s) still exist: {names}. Without the operator, what was made for them would stay "
        "and deleting them would hang.\n"
        "Delete them while the operator runs, each by its own deletionPolicy:\n"
        f"{deletions}"
        "or let go of them, which leaves objects and what was made for them as they are:\n"
        f"    {let_go or f'scriptmodel-operator before-uninstall --policy orphan{watched}'}"
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


def let_go(client: KubeClient, models: list[dict[str, Any]], report: Report) -> None:
    """Remove the finalizer of each object, which completes pending deletions. Nothing in Pachyderm is touched."""
    for model in models:
        if _remove_finalizer(client, model):
            pipelines = [each["name"] for each in (model.get("status") or {}).get("pipelines") or []]
            kept = f"; its pipelines stay: {', '.join(pipelines)}" if pipelines else ""
            report(f"let go of {_name(model)}{kept}")


def _remove_finalizer(client: KubeClient, model: Mapping[str, Any]) -> bool:
    """Remove the operator's finalizer and no other, and return whether there was one."""
    found: Mapping[str, Any] | None = model
    for _ in range(_TRIES):
        try:
            patch = without_finalizer(found) if found is not None else None
            if patch is None:
                return False
            client.patch_scriptmodel(model["metadata"]["namespace"], model["metadata"]["name"], patch)
        except KubeNotFoundError:
            return False
        except KubeConflictError:
            again = client.list_scriptmodels(model["metadata"]["namespace"])
            found = next((each for each in again if _name(each) == _name(model)), None)
        else:
            return True
    raise KubeError(f"letting go of {_name(model)}", HTTPStatus.CONFLICT, "it keeps changing")


def _name(model: Mapping[str, Any]) -> str:
    return f"{model['metadata']['namespace']}/{model['metadata']['name']}"
