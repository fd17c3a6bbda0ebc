"""A base for fakes of the API server, which answer only what their test is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_operator.api.objects import ScriptModel


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


@dataclass
class Recorder:
    """Stores events like the API server: an event with a known name already exists."""

    events: dict[tuple[str, str], str] = field(default_factory=dict)
    """Notes by reason and occasion."""

    def record(self, _model: ScriptModel, reason: str, note: str, *, warning: bool, occasion: str) -> None:
        self.events.setdefault((reason, occasion), f"Warning: {note}" if warning else note)

    @property
    def reasons(self) -> list[str]:
        return [str(reason) for reason, _occasion in self.events]
