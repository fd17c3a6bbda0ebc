"""What the operator writes on a ScriptModel: its finalizer and its status, each only when it differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.identity import API_VERSION, FINALIZER, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.kube.client import KubeClient


class ObjectWriter:
    """Each method returns the object as the API server has it then, or None where there was nothing to write."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def add_finalizer(self, model: ScriptModel) -> dict[str, Any] | None:
        if model.has_finalizer:
            return None
        return await self._finalizers(model, [*model.finalizers, FINALIZER])

    async def remove_finalizer(self, model: ScriptModel) -> dict[str, Any] | None:
        if not model.has_finalizer:
            return None
        return await self._finalizers(model, [each for each in model.finalizers if each != FINALIZER])

    async def _finalizers(self, model: ScriptModel, finalizers: list[str]) -> dict[str, Any]:
        patch = {"metadata": {"resourceVersion": model.resource_version, "finalizers": finalizers}}
        return await self._client.patch_scriptmodel(model.namespace, model.name, patch)

    async def write_status(self, model: ScriptModel, status: Mapping[str, Any]) -> dict[str, Any] | None:
        """Server-side apply with the uid, so that an object of the same name that came since is not touched."""
        if status == model.status:
            return None
        body = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": model.name, "namespace": model.namespace, "uid": model.uid},
            "status": status,
        }
        return await self._client.apply_status(model.namespace, model.name, body)
