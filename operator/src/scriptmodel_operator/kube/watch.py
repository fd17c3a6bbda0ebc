"""The watch of ScriptModels by kopf, whose handlers only fill the store and the queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.kopf_patches.no_diffs import NoDiffs
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

Deliver = Callable[..., None]
"""Receives a version of an object; of one that arrives, also whether it was `listed`."""


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
    """Return settings under which kopf watches and authenticates, and writes no annotation, finalizer or event.

    A kopf task ends as soon as it has delivered its object, and a list comes in pages: 5,000 objects at the start would
    otherwise be in memory several times.
    """
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
