"""Writes the finalizer and the status of a ScriptModel, each only if it differs.

Each function returns the object as it is then, or None if there was nothing to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.identity import API_VERSION, FINALIZER, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.kube.gateway import KubeGateway


async def add_finalizer(gateway: KubeGateway, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Add the operator's finalizer to this version of an object, and change nothing else."""
    return await _with_finalizers(gateway, raw["metadata"], [*_others(raw), FINALIZER])


async def remove_finalizer(gateway: KubeGateway, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Remove the operator's finalizer, and no other, from this version of an object."""
    return await _with_finalizers(gateway, raw["metadata"], _others(raw))


def _others(raw: Mapping[str, Any]) -> list[str]:
    return [each for each in raw["metadata"].get("finalizers") or () if each != FINALIZER]


async def _with_finalizers(
    gateway: KubeGateway, metadata: Mapping[str, Any], finalizers: list[str]
) -> dict[str, Any] | None:
    if set(finalizers) == set(metadata.get("finalizers") or ()):
        return None
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}}
    return await gateway.patch_scriptmodel(metadata["namespace"], metadata["name"], patch)


async def write_status(gateway: KubeGateway, model: ScriptModel, status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Apply the status with the uid, so that a newer object of the same name is not touched."""
    if status == model.status:
        return None
    body = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": model.name, "namespace": model.namespace, "uid": model.uid},
        "status": status,
    }
    return await gateway.apply_status(model.namespace, model.name, body)
