"""A base for fakes of the API server, which answer only what their test is about."""

from collections.abc import Mapping
from typing import Any


class UnexpectedKube:
    """Implements `KubeGateway`: any request fails the test."""

    async def get_config_map(self, namespace: str, name: str) -> dict[str, Any]:
        raise AssertionError(f"unexpected: reading ConfigMap {namespace}/{name}")

    async def is_ending(self, namespace: str) -> bool:
        raise AssertionError(f"unexpected: reading namespace {namespace}")

    async def patch_scriptmodel(self, namespace: str, name: str, _patch: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"unexpected: changing {namespace}/{name}")

    async def replace_status(self, namespace: str, name: str, _uid: str, _status: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"unexpected: writing the status of {namespace}/{name}")

    async def create_event(self, namespace: str, _body: Mapping[str, Any]) -> None:
        raise AssertionError(f"unexpected: writing an event in {namespace}")


def merged(metadata: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata after a merge patch."""
    annotations = {**metadata.get("annotations", {}), **patch.get("annotations", {})}
    return {**metadata, **patch, "annotations": annotations, "resourceVersion": metadata["resourceVersion"]}
