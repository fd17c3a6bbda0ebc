"""The calls of the Kubernetes API that workers need: Jobs, Secrets, pods, logs and events of one namespace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import kubernetes.client
import kubernetes.config
import urllib3
from kubernetes.client.exceptions import ApiException

Object = dict[str, Any]
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
WATCH_SECONDS = 240
"""How long one watch lasts; a connection that died silently is noticed then."""
UNREACHABLE = (ApiException, urllib3.exceptions.HTTPError, OSError)
"""What a call raises if the API server cannot be reached or refuses it."""


class KubernetesApi:
    """The API of a namespace, as the pod's service account, or as the user of a kubeconfig outside of a cluster."""

    def __init__(self, namespace: str) -> None:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            kubernetes.config.load_incluster_config()
        else:
            kubernetes.config.load_kube_config()
        self.namespace = namespace
        configuration = kubernetes.client.Configuration.get_default_copy()
        configuration.connection_pool_maxsize = 512
        self._client = kubernetes.client.ApiClient(configuration)

    def create_job(self, manifest: Object) -> Object:
        """Create a Job, or return the one of the same name."""
        try:
            return self._call("POST", self._jobs(), body=manifest)
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            return self._call("GET", self._jobs(manifest["metadata"]["name"]))

    def create_secret(self, manifest: Object) -> None:
        """Create a Secret; one of the same name is replaced."""
        try:
            self._call("POST", self._core("secrets"), body=manifest)
        except ApiException as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            self._call("PUT", self._core("secrets", manifest["metadata"]["name"]), body=manifest)

    def start_job(self, name: str) -> None:
        """Let the pod of a suspended Job start."""
        self._call("PATCH", self._jobs(name), body={"spec": {"suspend": False}}, kind="application/merge-patch+json")

    def delete_job(self, name: str) -> None:
        """Delete a Job with its pod and its Secret, unless it is gone."""
        try:
            self._call("DELETE", self._jobs(name), body={"propagationPolicy": "Background"})
        except ApiException as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def list_objects(self, kind: str, selector: str) -> Object:
        """List Jobs or pods by label, with the version of the list."""
        return self._call("GET", self._of(kind), query={"labelSelector": selector})

    def watch(self, kind: str, selector: str, version: str) -> Iterator[Object]:
        """Yield the changes of Jobs or pods since a version."""
        query = {"labelSelector": selector, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        query["timeoutSeconds"] = str(WATCH_SECONDS)
        with self._stream(self._of(kind), query, WATCH_SECONDS + READ_SECONDS) as answer:
            for line in _lines(answer):
                yield json.loads(line)

    def refused_pods(self) -> dict[str, str]:
        """Return why Jobs have no pod, by their names: what the API server said last, e.g. that a quota is used up."""
        query = {"fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"}
        events = self._call("GET", self._core("events"), query=query).get("items", [])
        return {each["involvedObject"]["name"]: str(each["message"]) for each in events}

    def follow_log(self, pod: str, container: str, since: str) -> Iterator[bytes]:
        """Yield the lines of a container with their timestamps, until it ends. ``since`` is a time, or empty."""
        query = {"container": container, "follow": "true", "timestamps": "true"}
        if since:
            query["sinceTime"] = since
        with self._stream(f"{self._core('pods', pod)}/log", query, None) as answer:
            yield from _lines(answer)

    def _of(self, kind: str) -> str:
        return self._jobs() if kind == "jobs" else self._core(kind)

    def _jobs(self, name: str = "") -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs{_below(name)}"

    def _core(self, kind: str, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/{kind}{_below(name)}"

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        kind: str = "application/json",
    ) -> Object:
        answer = self._send(method, path, query, body, kind, (CONNECT_SECONDS, READ_SECONDS))
        found: Object = json.loads(answer.data)
        return found

    def _stream(self, path: str, query: dict[str, str], read_seconds: float | None) -> urllib3.HTTPResponse:
        return self._send("GET", path, query, None, "application/json", (CONNECT_SECONDS, read_seconds))

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: Object | None,
        kind: str,
        timeout: tuple[float, float | None],
    ) -> urllib3.HTTPResponse:
        if query:
            path = f"{path}?{urlencode(query, quote_via=quote)}"
        answer: urllib3.HTTPResponse = self._client.call_api(
            path,
            method,
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=timeout,
        )
        return answer


def message_of(error: BaseException) -> str:
    """Return the API server's own words, or those of the connection."""
    if isinstance(error, ApiException) and error.body:
        try:
            return str(json.loads(error.body)["message"])
        except (ValueError, KeyError, TypeError):
            pass
    return str(getattr(error, "reason", "") or error)


def _below(name: str) -> str:
    return f"/{quote(name, safe='')}" if name else ""


def _lines(answer: urllib3.HTTPResponse) -> Iterator[bytes]:
    """Yield the lines of a response as they arrive."""
    rest = b""
    for piece in answer.stream(amt=None, decode_content=False):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest
