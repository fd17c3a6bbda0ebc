"""Replaces the API server: serves one ScriptModel, its ConfigMaps and its Secrets.

The ScriptModel is stored in a file that outlives the process; the others are only read.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scriptmodel_cli.documents import Documents
from scriptmodel_cli.local.schema import RefusedError, admitted
from scriptmodel_cli.options import now
from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.api.identity import API_VERSION, KIND, PLURAL, RECONCILE_AT
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeNotFoundError
from scriptmodel_operator.kube.framework import kopf

Object = dict[str, Any]


class Objects(KubeClient):
    """An API client that answers the operator's requests for one object; events are dropped."""

    def __init__(self, file: Path) -> None:
        super().__init__(lambda: kopf.ConnectionInfo(server="file://" + str(file)))
        self._file = file
        self._config_maps: Mapping[str, Object] = {}
        self._secrets: Mapping[str, Object] = {}
        self.raw: Object = json.loads(file.read_text()) if file.exists() else {}

    def apply(self, documents: Documents, namespace: str) -> None:
        """Apply the manifest and request a reconcile. Raises RefusedError if the API server would refuse it."""
        desired = documents.scriptmodel
        name, namespace = desired["metadata"]["name"], desired["metadata"].get("namespace") or namespace
        old = self.raw
        if old and not self.holds(namespace, name):
            kept = f"{old['metadata']['namespace']}/{old['metadata']['name']}"
            raise RefusedError(
                f"{self._file.parent} holds ScriptModel {kept}: use another --keep folder for {namespace}/{name}"
            )
        spec = admitted(desired["spec"], old.get("spec"))
        before: Object = old.get("metadata") or {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "generation": 0,
            "resourceVersion": "0",
            "creationTimestamp": timestamp(now()),
        }
        generation = before["generation"] + (spec != old.get("spec"))
        annotations = {**(desired["metadata"].get("annotations") or {}), RECONCILE_AT: uuid.uuid4().hex}
        metadata = {**before, "generation": generation, "annotations": annotations}
        self._config_maps, self._secrets = documents.config_maps, documents.secrets
        self._keep({"apiVersion": API_VERSION, "kind": KIND, **old, "metadata": metadata, "spec": spec})

    def holds(self, namespace: str, name: str) -> bool:
        """Return whether this is the stored ScriptModel."""
        metadata = self.raw.get("metadata") or {}
        return (metadata.get("namespace"), metadata.get("name")) == (namespace, name)

    @property
    def is_reconciled(self) -> bool:
        """Whether the operator has reconciled since `apply`."""
        requested: str = self.raw["metadata"]["annotations"][RECONCILE_AT]
        return bool((self.raw.get("status") or {}).get("lastHandledReconcileAt") == requested)

    async def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "",  # noqa: ARG002 - fixed by KubeClient; the body distinguishes a patch from an apply
    ) -> Object:
        resource = path.partition("?")[0].split("/")
        if "events" in resource:
            return {}
        if "configmaps" in resource and resource[-1] in self._config_maps:
            return self._config_maps[resource[-1]]
        if "secrets" in resource and resource[-1] in self._secrets:
            return _as_stored(self._secrets[resource[-1]])
        if PLURAL not in resource or not self.raw:
            raise KubeNotFoundError(what, 404, "the object does not exist")
        if method == "GET" or body is None:
            return self.raw
        if resource[-1] == "status":
            return self._keep({**self.raw, "status": dict(body["status"])})
        return self._keep({**self.raw, "metadata": self._patched(body["metadata"], what)})

    def _patched(self, patch: Mapping[str, Any], what: str) -> Object:
        metadata: Object = self.raw["metadata"]
        if patch.get("resourceVersion", metadata["resourceVersion"]) != metadata["resourceVersion"]:
            raise KubeConflictError(what, 409, "the object has been modified")
        return {**metadata, **patch}

    def _keep(self, raw: Object) -> Object:
        version = str(int(raw["metadata"]["resourceVersion"]) + 1)
        self.raw = {**raw, "metadata": {**raw["metadata"], "resourceVersion": version}}
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self.raw, indent=1))
        new.replace(self._file)
        return self.raw


def _as_stored(secret: Object) -> Object:
    """Return a Secret with `stringData` encoded into `data`, as the API server does."""
    texts = {key: base64.b64encode(text.encode()).decode() for key, text in (secret.get("stringData") or {}).items()}
    return {**secret, "data": {**(secret.get("data") or {}), **texts}}
