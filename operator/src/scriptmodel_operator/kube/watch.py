"""The watch of ScriptModels by kopf, in a thread and an event loop of its own, whose handler only delivers."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeForbiddenError
from scriptmodel_operator.kube.login import Connection, Credentials, LoginFailedError

# isort: split
import kopf  # after the official client, which is imported without what kopf would import of it

Deliver = Callable[..., None]
"""Receives a version of an object; of one that arrives, also whether it was `listed`."""
_LOGIN_SECONDS = 60.0

log = logging.getLogger(__name__)


def readable(client: KubeClient, namespaces: Sequence[str | None]) -> list[str | None]:
    """Return those of the namespaces, None for all, that may be listed; log why the others may not."""
    found: list[str | None] = []
    for namespace in namespaces:
        try:
            client.list_scriptmodels(namespace, limit=1)
            found.append(namespace)
        except KubeForbiddenError as error:
            log.warning(
                "%s not watched until that is allowed: %s", f"{namespace} is" if namespace else "nothing is", error
            )
    return found


class NoDiffs(kopf.DiffBaseStorage):
    """Keeps kopf from copying each object and from reading another operator's annotation, which may be invalid."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise NotImplementedError("kopf writes nothing in this operator")


class Watch:
    """Delivers what kopf receives, from the thread that calls `run`."""

    def __init__(self, credentials: Credentials, namespaces: Sequence[str], arrived: Deliver, deleted: Deliver) -> None:
        self._registry = registry(arrived, deleted, credentials)
        self._namespaces = namespaces
        self._stopped = False
        self._end: Callable[[], object] = lambda: None

    def run(self) -> None:
        """Deliver until `stop` is called. Raises an error of kopf's, as when the CRD is deleted."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """End the watch, from any thread."""
        self._stopped = True
        with suppress(RuntimeError):  # its event loop is closed
            self._end()

    async def _run(self) -> None:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(_log_quietly)
        self._end = lambda: loop.call_soon_threadsafe(ended.set)
        if not self._stopped:
            await kopf.operator(
                registry=self._registry,
                settings=settings(),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=ended,
            )


def _log_quietly(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log what nobody waits for at level DEBUG: a watch that is cancelled is closed after the task that it awaits."""
    log.debug("%s", context["message"], exc_info=context.get("exception"))


def registry(arrived: Deliver, deleted: Deliver, credentials: Credentials) -> kopf.OperatorRegistry:
    """Return a registry of its own, so that two operators in one process share no handler."""
    found = kopf.OperatorRegistry()
    given: list[Connection] = []

    @kopf.on.login(registry=found)
    def log_in(**_: Any) -> kopf.ConnectionInfo:
        """Run in a thread of kopf's, since a program may have to be waited for."""
        given.append(credentials.renewed(given.pop(), _LOGIN_SECONDS) if given else credentials.newest)
        return connection_info(given[0])

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    async def deliver(event: Mapping[str, Any], **_: Any) -> None:
        if event["type"] == "DELETED":
            deleted(event["object"])
        else:
            arrived(event["object"], listed=event["type"] is None)

    return found


def connection_info(connection: Connection) -> kopf.ConnectionInfo:
    found = connection.settings
    if found.tls_server_name:
        raise LoginFailedError("the kubeconfig's tls-server-name is not supported here: use the server's own name")
    scheme, _, token = connection.authorization.partition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        scheme=scheme or None,
        token=token or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
        proxy_url=connection.proxy or None,
    )


def settings() -> kopf.OperatorSettings:
    """Return settings under which kopf only watches, and lists in pages so that few objects are in memory twice.

    The API server sends a bookmark each minute; a watch that brings nothing for 70 s, kopf's default, is opened again.
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
    found.networking.connect_timeout = 5
    found.networking.request_timeout = 30
    found.networking.error_backoffs = (0.5, 1, 2, 3, 5)
    return found
