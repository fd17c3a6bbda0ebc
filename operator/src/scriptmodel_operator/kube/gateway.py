"""All requests to the API server of a reconcile. Over HTTP it is `client.py`; each method raises a `KubeError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class KubeGateway(Protocol):
    """The API server, as a reconcile uses it."""

    async def get_config_map(self, namespace: str, name: str, /) -> dict[str, Any]:
        """Return a ConfigMap. Raises KubeNotFoundError or KubeForbiddenError."""

    async def list_pods(self, namespace: str, selector: str, /) -> list[dict[str, Any]]:
        """Return the pods of a namespace that a label selector matches. Raises KubeForbiddenError."""

    async def patch_scriptmodel(self, namespace: str, name: str, patch: Mapping[str, Any], /) -> dict[str, Any]:
        """Apply a merge patch. Raises KubeConflictError if it names a resourceVersion that is not the newest."""

    async def replace_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any], /) -> dict[str, Any]:
        """Replace a status and return the object. An object of that name with another uid is not changed."""

    async def create_event(self, namespace: str, body: Mapping[str, Any], /) -> None:
        """Create an event. Raises KubeConflictError if one of that name exists already."""
