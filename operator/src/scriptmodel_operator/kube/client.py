"""The asynchronous HTTP client of the API server."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from scriptmodel_operator.api.identity import FIELD_MANAGER, GROUP, PLURAL, VERSION
from scriptmodel_operator.api.safe_text import without_surrogates
from scriptmodel_operator.kube.errors import (
    KubeConflictError,
    KubeError,
    KubeForbiddenError,
    KubeNotFoundError,
    KubeUnavailableError,
)
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.kubeconfig import Connection
from scriptmodel_operator.leadership import Leadership

REQUEST_SECONDS = 15.0
CONNECTIONS = 16
"""With more, the requests of thousands of objects would wait at the API server until their deadlines pass."""
_BY_STATUS: dict[int, type[KubeError]] = {
    403: KubeForbiddenError,
    404: KubeNotFoundError,
    409: KubeConflictError,
    429: KubeUnavailableError,
}
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
_APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass
class _Session:
    """The connections of one login, and the number of requests in flight."""

    server: str
    http: aiohttp.ClientSession
    requests: int = 0


class KubeClient:
    """Implements `KubeGateway`: logs in again once for a request with HTTP 401; no request outlasts `leadership`."""

    def __init__(self, login: Callable[[], kopf.ConnectionInfo], leadership: Leadership) -> None:
        self._login = login
        self._leadership = leadership
        self._connection = login()
        self._session: _Session | None = None
        self._streams: aiohttp.ClientSession | None = None
        """The connections of logs: hundreds may be followed, which must not keep requests waiting."""
        self._turn = asyncio.Semaphore(CONNECTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.http.close()
            self._session = None
        if self._streams is not None:
            await self._streams.close()
            self._streams = None

    async def namespace_uid(self, name: str) -> str:
        found = await self.request("GET", f"/api/v1/namespaces/{name}", f"reading namespace {name}")
        return str(found["metadata"]["uid"])

    async def is_ending(self, name: str) -> bool:
        try:
            found = await self.request("GET", f"/api/v1/namespaces/{name}", f"reading namespace {name}")
        except KubeNotFoundError:
            return True
        except KubeForbiddenError:
            return False
        return "deletionTimestamp" in found["metadata"]

    async def serves_scriptmodels(self) -> bool:
        path = f"/apis/{GROUP}/{VERSION}"
        try:
            found = await self.request("GET", path, "asking for the ScriptModel API")
        except KubeNotFoundError:
            return False
        return any(each.get("name") == PLURAL for each in found.get("resources", []))

    async def get_scriptmodel(self, namespace: str, name: str) -> dict[str, Any]:
        return await self.request("GET", _path(namespace, name), f"reading {namespace}/{name}")

    async def get_config_map(self, namespace: str, name: str) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        return await self.request("GET", path, f"reading ConfigMap {namespace}/{name}")

    async def list_scriptmodels(self, namespace: str | None) -> list[dict[str, Any]]:
        found = await self.request("GET", _list_path(namespace), "listing ScriptModels")
        return list(found.get("items", []))

    async def table_of_scriptmodels(self, namespace: str | None) -> dict[str, Any]:
        """Return the API server's own table of them, as `kubectl get` prints it, with the object of each row."""
        path = f"{_list_path(namespace)}?includeObject=Object"
        return await self.request("GET", path, "listing ScriptModels", accept=_TABLE)

    async def patch_scriptmodel(
        self, namespace: str, name: str, patch: Mapping[str, Any], manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Apply a merge patch. Raises KubeConflictError if it names a resourceVersion that is not the newest."""
        query = f"?fieldManager={manager}"
        what = f"changing {namespace}/{name}"
        return await self.request("PATCH", _path(namespace, name) + query, what, patch, MERGE_PATCH)

    async def dry_run_scriptmodel(self, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Apply an object as a dry run, and return it. Raises KubeError if the API server would refuse it."""
        query = f"?fieldManager={FIELD_MANAGER}-check&force=true&dryRun=All&fieldValidation=Strict"
        return await self.request("PATCH", _path(namespace, name) + query, f"trying {namespace}/{name}", body, _APPLY)

    async def replace_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the status of the object with that uid; a server-side apply would keep fields of other writers."""
        path = f"{_path(namespace, name)}/status?fieldManager={FIELD_MANAGER}"
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        what = f"writing the status of {namespace}/{name}"
        return await self.request("PATCH", path, what, patch, "application/json-patch+json")

    async def create_event(self, namespace: str, body: Mapping[str, Any]) -> None:
        path = f"/api/v1/namespaces/{namespace}/events"
        await self.request("POST", path, f"writing an event in {namespace}", body)

    async def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Body | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """Send a request and return the JSON of the answer. Raises KubeError."""
        async with self._turn:  # the request's deadline starts after this
            async with self._opened() as session:
                status, content = await self._send(session, method, path, what, body, content_type, accept)
                if status == 401 and session is self._session:  # otherwise another request has renewed it
                    self._connection = self._login()
                    self._session = None
            if status == 401:
                async with self._opened() as session:
                    status, content = await self._send(session, method, path, what, body, content_type, accept)
        if status >= 300:
            raise _refused(what, status, content)
        answer = _parsed(content)
        if answer is None:
            raise KubeError(what, status, "the answer is no JSON object: is this the address of an API server?")
        return answer

    async def stream(self, path: str, what: str, seconds: float) -> aiohttp.ClientResponse:
        """Return an answer that comes for at most `seconds`, as of a log that is followed. Raises KubeError."""
        for attempt in range(2):
            if self._streams is None:
                self._streams = open_session(self._connection, limit=0)
            timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=REQUEST_SECONDS)
            try:
                url = self._connection.server.rstrip("/") + path
                response = await self._streams.get(url, headers={"Accept": "*/*"}, timeout=timeout)
                if response.status < 300:
                    return response
                content = await response.read()
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                raise KubeUnavailableError(what, 0, str(error) or type(error).__name__) from error
            if response.status != 401 or attempt:
                break
            self._connection, old, self._streams = self._login(), self._streams, None
            await old.close()
        raise _refused(what, response.status, content)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[_Session]:
        """Use the session. One that a login has replaced is closed after its last request."""
        if self._session is None:
            self._session = _Session(self._connection.server, open_session(self._connection, limit=CONNECTIONS))
        session = self._session
        session.requests += 1
        try:
            yield session
        finally:
            session.requests -= 1
            if session is not self._session and not session.requests:
                await session.http.close()

    async def _send(
        self, session: _Session, method: str, path: str, what: str, body: Body | None, content_type: str, accept: str
    ) -> tuple[int, bytes]:
        lease_remaining = self._leadership.lease_remaining()
        if lease_remaining <= 0:
            raise KubeUnavailableError(what, 0, "not sent: this process does not lead")
        seconds = min(REQUEST_SECONDS, lease_remaining)
        timeout = aiohttp.ClientTimeout(total=seconds)
        data = None if body is None else encoded(body)
        headers = {"Accept": accept, **({"Content-Type": content_type} if data is not None else {})}
        url = session.server.rstrip("/") + path
        try:
            async with session.http.request(method, url, data=data, headers=headers, timeout=timeout) as response:
                return response.status, await response.read()
        except TimeoutError as error:
            raise KubeUnavailableError(what, 0, f"no answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise KubeUnavailableError(what, 0, str(error) or type(error).__name__) from error


def open_session(connection: kopf.ConnectionInfo, *, limit: int, **options: Any) -> aiohttp.ClientSession:
    """Open a session of at most `limit` connections, or any number for 0; `options` go to aiohttp's session."""
    proxy = URL(connection.proxy_url or "")
    name = connection.tls_server_name if isinstance(connection, Connection) else None
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=connection.as_ssl_context(), limit=limit),
        headers={"Accept": "application/json", **connection.as_http_headers()},
        trust_env=connection.trust_env,
        # Without user and password, since messages of aiohttp contain the proxy's address.
        proxy=proxy.with_user(None) if proxy.host else None,
        proxy_auth=aiohttp.BasicAuth(proxy.user, proxy.password or "") if proxy.user else None,
        middlewares=[_expecting(name)] if name else (),
        **options,
    )


def _expecting(name: str) -> aiohttp.ClientMiddlewareType:
    """Return a middleware that expects a name of the server other than the host name of its address."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        request.server_hostname = name
        return await handler(request)

    return send


def _refused(what: str, status: int, content: bytes) -> KubeError:
    answer = _parsed(content)
    kind = _BY_STATUS.get(status, KubeUnavailableError if status >= 500 else KubeError)
    message = content[:200].decode(errors="replace") if answer is None else answer.get("message", "no message")
    return kind(what, status, str(message))


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _list_path(namespace: str | None) -> str:
    return f"/apis/{GROUP}/{VERSION}{f'/namespaces/{namespace}' if namespace else ''}/{PLURAL}"


def _path(namespace: str, name: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{quote(namespace, safe='')}/{PLURAL}/{quote(name, safe='')}"


def encoded(body: Body) -> bytes:
    """Return `body` as UTF-8. A lone surrogate becomes U+FFFD."""
    text = without_surrogates(_encode(body))
    return _UNSAFE_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
