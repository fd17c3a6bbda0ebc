"""Writes the finalizer and the status of a ScriptModel, each only if it differs.

Each function returns the object as it is then, or None if there was nothing to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.identity import API_VERSION, FINALIZER, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.kube.gateway import KubeGateway


async def add_finalizer(gateway: KubeGateway, model: ScriptModel) -> dict[str, Any] | None:
    """Add the operator's finalizer to this version of the object."""
    if model.has_finalizer:
        return None
    return await _patch_finalizers(gateway, model, [*model.finalizers, FINALIZER])


async def remove_finalizer(gateway: KubeGateway, model: ScriptModel) -> dict[str, Any] | None:
    """Remove the operator's finalizer from this version of the object."""
    if not model.has_finalizer:
        return None
    return await _patch_finalizers(gateway, model, [each for each in model.finalizers if each != FINALIZER])


async def _patch_finalizers(gateway: KubeGateway, model: ScriptModel, finalizers: list[str]) -> dict[str, Any]:
    patch = {"metadata": {"resourceVersion": model.resource_version, "finalizers": finalizers}}
    return await gateway.patch_scriptmodel(model.namespace, model.name, patch)


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
