"""Watches ScriptModels once for all pages, and notifies the open ones of changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from scriptmodel_cli.ui.names import Object, key_of
from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.kube.client import KubeClient, open_session
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError

if TYPE_CHECKING:
    from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

_RETRY_SECONDS = 1.0
_WATCH_SECONDS = 240
_SILENCE_SECONDS = 90.0
"""The API server sends a bookmark about each minute."""
_LONGEST_LINE = 4 << 20
_NOT_SERVED = (
    "the API server does not know ScriptModels: check that this is the right cluster, or install the CRD with "
    "`kubectl apply -f manifests/crd.yaml`"
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class OutdatedError(Exception):
    """The version to watch from is too old: list again."""


class Feed:
    """The newest version of each ScriptModel that the user may list, by NAMESPACE/NAME."""

    def __init__(self, client: KubeClient, login: Callable[[], kopf.ConnectionInfo], namespace: str, own: str) -> None:
        """Watch `namespace`; if it is empty all namespaces, or only `own` where the user may not list all."""
        self.objects: dict[str, Object] = {}
        self.problem = ""
        """Why the objects are not watched at the moment; empty while they are."""
        self.listed = asyncio.Event()
        """Set once the first list, or the first error, is known."""
        self.namespace = namespace
        self._client, self._login, self.own = client, login, own
        self._waiting: set[asyncio.Event] = set()

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Event]:
        """Return an event that is set at each change, as long as the block lasts."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            yield changed
        finally:
            self._waiting.discard(changed)

    def notify(self) -> None:
        """Wake all open pages."""
        for changed in self._waiting:
            changed.set()

    async def run(self) -> None:
        """Watch until it is cancelled; an API server that does not answer is tried again each second."""
        while True:
            try:
                await self._follow()
            except OutdatedError:
                continue
            except KubeForbiddenError as error:
                if not self.namespace:
                    self.namespace = self.own
                    continue
                self._set_problem(str(error))
            except KubeNotFoundError:
                self._set_problem(_NOT_SERVED)
            except (KubeError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                self._set_problem(str(error) or type(error).__name__)
            except Exception as error:  # the readers of a kubeconfig raise errors of their own
                self._set_problem(getattr(error, "message", "") or str(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        found = await self._client.request("GET", self._path(), "listing ScriptModels")
        self.objects = {key_of(each): _trimmed(each) for each in found.get("items", [])}
        version = str(found["metadata"]["resourceVersion"])
        self._set_problem("")
        while True:
            async for event in self._events(version):
                each = event["object"]
                if event["type"] == "ERROR":
                    raise OutdatedError
                version = each["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._take(event["type"], each)

    def _take(self, kind: str, each: Object) -> None:
        if kind == "DELETED":
            self.objects.pop(key_of(each), None)
        else:
            self.objects[key_of(each)] = _trimmed(each)
        self.notify()

    async def _events(self, version: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of one watch, which the API server ends after some minutes."""
        connection = await asyncio.to_thread(self._login)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=_SILENCE_SECONDS)
        query = f"?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        url = connection.server.rstrip("/") + self._path() + query
        async with (
            open_session(connection, limit=1, read_bufsize=_LONGEST_LINE) as http,
            http.get(url, timeout=timeout) as response,
        ):
            if response.status == 410:
                raise OutdatedError
            response.raise_for_status()
            async for line in response.content:
                yield json.loads(line)

    def _path(self) -> str:
        where = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"/apis/{GROUP}/{VERSION}{where}/{PLURAL}"

    def _set_problem(self, problem: str) -> None:
        self.problem = problem
        self.listed.set()
        self.notify()


def _trimmed(found: Object) -> Object:
    """Drop what no page shows."""
    metadata = found["metadata"]
    metadata.pop("managedFields", None)
    (metadata.get("annotations") or {}).pop(_LAST_APPLIED, None)
    return found
