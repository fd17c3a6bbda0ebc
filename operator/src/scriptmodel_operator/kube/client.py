"""The client of the API server: blocking, for any number of threads."""

import copy
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from typing import Any, Self
from urllib.parse import quote

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from scriptmodel_operator.api.identity import FIELD_MANAGER, GROUP, PLURAL, VERSION
from scriptmodel_operator.api.safe_text import without_surrogates
from scriptmodel_operator.kube.errors import (
    KubeConflictError,
    KubeError,
    KubeForbiddenError,
    KubeNotFoundError,
    KubeUnavailableError,
)
from scriptmodel_operator.kube.login import Connection, Credentials, LoginFailedError
from scriptmodel_operator.leadership import UNLIMITED, Leadership

REQUEST_SECONDS = 15.0
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
Within = Callable[[], AbstractContextManager[object]]
_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PIECE = 1 << 16
_FIRST_SECONDS = 2.0
"""An API server sends an error at once, but the header of a log only with its first line."""
_LONGEST_LINE = 1 << 20


class KubeClient:
    """Sends a request that is answered with HTTP 401 again with new credentials; no request outlasts `leadership`."""

    def __init__(self, credentials: Credentials, leadership: Leadership = UNLIMITED) -> None:
        self._credentials = credentials
        self._leadership = leadership
        self._seconds = REQUEST_SECONDS

    def within(self, seconds: float) -> Self:
        """Return a client whose requests last no longer than that."""
        found = copy.copy(self)
        found._seconds = min(seconds, self._seconds)
        return found

    def namespace_uid(self, name: str) -> str:
        found = self.request("GET", f"/api/v1/namespaces/{name}", f"reading namespace {name}")
        return str(found["metadata"]["uid"])

    def is_ending(self, name: str) -> bool:
        try:
            found = self.request("GET", f"/api/v1/namespaces/{name}", f"reading namespace {name}")
        except KubeNotFoundError:
            return True
        except KubeForbiddenError:
            return False
        return "deletionTimestamp" in found["metadata"]

    def serves_scriptmodels(self) -> bool:
        path = f"/apis/{GROUP}/{VERSION}"
        try:
            found = self.request("GET", path, "asking for the ScriptModel API")
        except KubeNotFoundError:
            return False
        return any(each.get("name") == PLURAL for each in found.get("resources", []))

    def get_scriptmodel(self, namespace: str, name: str) -> dict[str, Any]:
        return self.request("GET", _path(namespace, name), f"reading {namespace}/{name}")

    def get_config_map(self, namespace: str, name: str) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
        return self.request("GET", path, f"reading ConfigMap {namespace}/{name}")

    def list_scriptmodels(self, namespace: str | None, limit: int = 0) -> list[dict[str, Any]]:
        """Return them all, or at most `limit`."""
        found = self.request("GET", f"{_list_path(namespace)}?limit={limit}", "listing ScriptModels")
        return list(found.get("items", []))

    def table_of_scriptmodels(self, namespace: str | None) -> dict[str, Any]:
        """Return the API server's own table of them, as `kubectl get` prints it, with the object of each row."""
        path = f"{_list_path(namespace)}?includeObject=Object"
        return self.request("GET", path, "listing ScriptModels", accept=_TABLE)

    def patch_scriptmodel(
        self, namespace: str, name: str, patch: Mapping[str, Any], manager: str = FIELD_MANAGER
    ) -> dict[str, Any]:
        """Apply a merge patch. Raises KubeConflictError if it names a resourceVersion that is not the newest."""
        path = f"{_path(namespace, name)}?fieldManager={manager}"
        return self.request("PATCH", path, f"changing {namespace}/{name}", patch, MERGE_PATCH)

    def dry_run_scriptmodel(self, namespace: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Apply an object as a dry run, and return it. Raises KubeError if the API server would refuse it."""
        query = f"?fieldManager={FIELD_MANAGER}-check&force=true&dryRun=All&fieldValidation=Strict"
        return self.request("PATCH", _path(namespace, name) + query, f"trying {namespace}/{name}", body, _APPLY)

    def replace_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the status of the object with that uid; a server-side apply would keep fields of other writers."""
        path = f"{_path(namespace, name)}/status?fieldManager={FIELD_MANAGER}"
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        what = f"writing the status of {namespace}/{name}"
        return self.request("PATCH", path, what, patch, "application/json-patch+json")

    def create_event(self, namespace: str, body: Mapping[str, Any]) -> None:
        self.request("POST", f"/api/v1/namespaces/{namespace}/events", f"writing an event in {namespace}", body)

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Body | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """Send a request and return the JSON of the answer. Raises KubeError."""
        remaining = self._leadership.lease_remaining()
        if remaining <= 0:
            raise KubeUnavailableError(what, 0, "not sent: this process does not lead")
        deadline = time.monotonic() + min(self._seconds, remaining)
        headers = {"Accept": accept, **({"Content-Type": content_type} if body is not None else {})}
        response = self._sent(method, path, what, deadline, headers, None if body is None else encoded(body))
        content = b"".join(_pieces(response, what, deadline))
        answer = _parsed(content)
        if answer is None:
            raise KubeError(
                what, response.status, "the answer is no JSON object: is this the address of an API server?"
            )
        return answer

    def lines(self, path: str, what: str, seconds: float, within: Within = nullcontext) -> "Lines":
        """Return the lines of an answer that comes for at most `seconds`, as of a log that is followed.

        It is read in contexts of `within`, which may replace errors.
        """
        opened: Future[BaseHTTPResponse] = Future()
        deadline = time.monotonic() + seconds

        def send() -> None:
            try:
                response = self._sent("GET", path, what, deadline, {"Accept": "*/*"})
            except Exception as error:  # whoever reads receives it
                with suppress(InvalidStateError):
                    opened.set_exception(error)
                return
            try:
                opened.set_result(response)
            except InvalidStateError:  # it was cancelled meanwhile
                response.close()

        threading.Thread(target=send, name="lines", daemon=True).start()
        return Lines(opened, what, deadline, within)

    def _sent(
        self, method: str, path: str, what: str, deadline: float, headers: Mapping[str, str], data: bytes | None = None
    ) -> BaseHTTPResponse:
        """Return an answer without its content. Raises KubeError if the request is refused."""
        connection = self._credentials.newest
        response = _send(connection, method, path, what, deadline, headers, data)
        if response.status == 401:
            response.close()
            try:
                connection = self._credentials.renewed(connection, min(REQUEST_SECONDS, _left(deadline)))
            except LoginFailedError as error:
                raise KubeError(what, 401, str(error)) from error
            except TimeoutError as error:
                raise KubeUnavailableError(what, 401, "no new credentials in time") from error
            response = _send(connection, method, path, what, deadline, headers, data)
        if response.status >= 300:
            content = b"".join(_pieces(response, what, min(deadline, time.monotonic() + REQUEST_SECONDS)))
            raise _refused(what, response.status, content)
        return response


class Lines:
    """The lines of an answer as they come; a line that is too long comes in pieces."""

    def __init__(self, opened: Future[BaseHTTPResponse], what: str, deadline: float, within: Within) -> None:
        """Wait a moment for the answer. Raises KubeError if the request is refused at once."""
        self._opened, self._what, self._deadline, self._within = opened, what, deadline, within
        self._cancelled = False
        with within(), suppress(TimeoutError):
            opened.result(min(_left(deadline), _FIRST_SECONDS))

    def __iter__(self) -> Iterator[str]:
        with self._within():
            yield from self._read()

    def _read(self) -> Iterator[str]:
        rest = b""
        try:
            response = self._opened.result(_left(self._deadline))
            for piece in _pieces(response, self._what, self._deadline):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                yield from (line.decode(errors="replace") for line in lines)
        except (CancelledError, TimeoutError):
            return
        except KubeUnavailableError:
            if not self._cancelled and time.monotonic() < self._deadline:
                raise
        if rest:
            yield rest.decode(errors="replace")

    def cancel(self) -> None:
        """End the iteration, from any thread."""
        self._cancelled = True
        if not self._opened.cancel() and not self._opened.exception():
            with suppress(OSError, ValueError):  # it has ended
                self._opened.result().shutdown()


def _send(
    connection: Connection,
    method: str,
    path: str,
    what: str,
    deadline: float,
    headers: Mapping[str, str],
    data: bytes | None,
) -> BaseHTTPResponse:
    given = {**headers, **({"Authorization": connection.authorization} if connection.authorization else {})}
    url, seconds = connection.settings.host.rstrip("/") + path, _left(deadline)
    timeout = Timeout(connect=min(seconds, REQUEST_SECONDS), read=seconds)
    try:
        return connection.pool.request(
            method, url, body=data, headers=given, timeout=timeout, retries=False, preload_content=False
        )
    except (HTTPError, OSError) as error:
        silent = isinstance(error, HTTPTimeoutError) and not isinstance(error, NewConnectionError)
        why = f"no answer within {seconds:.3g} s" if silent else str(error) or type(error).__name__
        raise KubeUnavailableError(what, 0, why) from error


def _left(deadline: float) -> float:
    """Return the seconds until a deadline, at least a millisecond: a time-out of 0 would be none."""
    return max(deadline - time.monotonic(), 0.001)


def _pieces(response: BaseHTTPResponse, what: str, deadline: float) -> Iterator[bytes]:
    """Yield the content of an answer as it comes. Raises KubeUnavailableError if it breaks off, or takes too long."""
    with closing(response):
        try:
            while piece := response.read1(_PIECE):
                yield piece
                if time.monotonic() >= deadline:
                    raise KubeUnavailableError(what, 0, "the answer did not end in time")
            response.drain_conn()
            response.release_conn()
        except HTTPTimeoutError as error:
            raise KubeUnavailableError(what, 0, "the answer did not end in time") from error
        except (HTTPError, OSError, ValueError) as error:
            raise KubeUnavailableError(what, 0, str(error) or type(error).__name__) from error


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
