"""All requests to the API server of a reconcile, each in a thread; each method raises a `KubeError`.

The functions write finalizer, engine and status. They return the object as it is then, None if it is so already.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

from scriptmodel_operator.api.identity import ENGINE, FINALIZER
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.kube.client import KubeClient

P = ParamSpec("P")
T = TypeVar("T")


class KubeGateway(Protocol):
    """The API server, as a reconcile uses it."""

    async def get_config_map(self, namespace: str, name: str, /) -> dict[str, Any]:
        """Return a ConfigMap. Raises KubeNotFoundError or KubeForbiddenError."""

    async def is_ending(self, namespace: str, /) -> bool:
        """Return whether a namespace is being deleted; False if that may not be read."""

    async def patch_scriptmodel(self, namespace: str, name: str, patch: Mapping[str, Any], /) -> dict[str, Any]:
        """Apply a merge patch. Raises KubeConflictError if it names a resourceVersion that is not the newest."""

    async def replace_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any], /) -> dict[str, Any]:
        """Replace a status and return the object. An object of that name with another uid is not changed."""

    async def create_event(self, namespace: str, body: Mapping[str, Any], /) -> None:
        """Create an event. Raises KubeConflictError if one of that name exists already."""


class ThreadedKube:
    """Implements `KubeGateway` by a client."""

    def __init__(self, client: KubeClient, calls: Calls) -> None:
        self.get_config_map = _threaded(calls, client.get_config_map)
        self.is_ending = _threaded(calls, client.is_ending)
        self.patch_scriptmodel = _threaded(calls, client.patch_scriptmodel)
        self.replace_status = _threaded(calls, client.replace_status)
        self.create_event = _threaded(calls, client.create_event)


def _threaded(calls: Calls, function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    return lambda *args, **kwargs: calls.run(function, *args, **kwargs)


async def claim(gateway: KubeGateway, raw: Mapping[str, Any], engine: str) -> dict[str, Any] | None:
    """Add the operator's finalizer to this version of an object and record its engine; change nothing else."""
    metadata = raw["metadata"]
    known = (metadata.get("annotations") or {}).get(ENGINE)
    annotations = {ENGINE: engine} if engine and not known else {}
    patch = _patch(metadata, [*_others(raw), FINALIZER], annotations)
    return await gateway.patch_scriptmodel(metadata["namespace"], metadata["name"], patch) if patch else None


async def remove_finalizer(gateway: KubeGateway, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Remove the operator's finalizer, and no other, from this version of an object."""
    metadata = raw["metadata"]
    patch = _patch(metadata, _others(raw), {})
    return await gateway.patch_scriptmodel(metadata["namespace"], metadata["name"], patch) if patch else None


def _others(raw: Mapping[str, Any]) -> list[str]:
    return [each for each in raw["metadata"].get("finalizers") or () if each != FINALIZER]


def _patch(metadata: Mapping[str, Any], finalizers: list[str], annotations: Mapping[str, str]) -> dict[str, Any] | None:
    change: dict[str, Any] = {"annotations": dict(annotations)} if annotations else {}
    if set(finalizers) != set(metadata.get("finalizers") or ()):
        change["finalizers"] = finalizers
    return {"metadata": {"resourceVersion": metadata["resourceVersion"], **change}} if change else None


async def write_status(gateway: KubeGateway, model: ScriptModel, status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Write the status of this object, and of no newer one of the same name."""
    if status == model.status:
        return None
    return await gateway.replace_status(model.namespace, model.name, model.uid, status)
