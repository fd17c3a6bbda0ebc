"""kopf's decorators, and nothing else: each handler enqueues and returns nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.framework import kopf


class Inbox(Protocol):
    """Where the watch delivers."""

    def arrived(self, raw: Mapping[str, Any]) -> None: ...

    def gone(self, raw: Mapping[str, Any]) -> None: ...


def registry(inbox: Inbox, login: Callable[[], kopf.AiohttpSession]) -> kopf.OperatorRegistry:
    """A registry of its own, so that two operators in one process do not meet."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    async def credentials(**_: Any) -> kopf.AiohttpSession:
        return login()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    async def seen(event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED":
            inbox.gone(event["object"])
        else:
            inbox.arrived(event["object"])

    return found


class NoDiffs(kopf.DiffBaseStorage):
    """kopf compares no versions of an object here, so it need not copy each whole to do so."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise NotImplementedError("kopf writes nothing in this operator")


def settings() -> kopf.OperatorSettings:
    """kopf watches and authenticates; it writes nothing: neither annotations nor finalizers nor events.

    An object's task in kopf ends as soon as it has delivered, and a list comes in pieces: 5,000 objects at the start
    would otherwise be there several times over.
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
