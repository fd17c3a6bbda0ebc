"""The watch of ScriptModels by kopf, whose handlers only fill the store and the queue."""

from collections.abc import Callable, Mapping
from typing import Any

from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

Deliver = Callable[..., None]
"""Receives a version of an object; of one that arrives, also whether it was `listed`."""


class NoDiffs(kopf.DiffBaseStorage):
    """Reads and stores no last handled version of an object."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise NotImplementedError("kopf writes nothing in this operator")


def registry(arrived: Deliver, deleted: Deliver, login: Callable[[], kopf.AiohttpSession]) -> kopf.OperatorRegistry:
    """Return a registry of its own, so that two operators in one process share no handler."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    async def credentials(**_: Any) -> kopf.AiohttpSession:
        return login()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    async def deliver(event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED":
            deleted(event["object"])
        else:
            arrived(event["object"], listed=event["type"] is None)

    return found


def settings() -> kopf.OperatorSettings:
    """Return settings under which kopf only watches, and lists in pages so that few objects are in memory twice."""
    found = kopf.OperatorSettings()
    found.persistence.diffbase_storage = NoDiffs()
    found.watching.chunk_size = 250
    found.queueing.worker_limit = 64
    found.posting.enabled = False
    found.scanning.disabled = True
    found.peering.standalone = True
    found.queueing.idle_timeout = 0.01
    found.queueing.exit_timeout = 0.5
    found.watching.server_timeout = 300
    found.watching.reconnect_backoff = 0.5
    return found
