"""Reads why the API server takes no pod of a Job, such as a quota: only events have it."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from scriptmodel_operator.engine.errors import AccessError
from scriptmodel_operator.jobs.pods import waits_for_a_pod
from scriptmodel_operator.jobs.ports import Cluster

_SECONDS = 10.0
"""How long a Job waits for a pod before its events are read, and how long one reading serves all Jobs of a namespace:
the API server reads every event of the namespace for it."""
_REFUSED_PODS = urlencode({"fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"})

log = logging.getLogger(__name__)


class Refusals:
    """Blocking."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        """When the refusals of a namespace were read, on the monotonic clock, and their messages by the Job's uid."""

    def of(self, job: dict[str, Any], pod: dict[str, Any] | None, now: datetime) -> str:
        """Return why the API server takes no pod of a Job, such as a quota; empty if it takes one."""
        metadata = job["metadata"]
        age = now - datetime.fromisoformat(metadata["creationTimestamp"])
        if not waits_for_a_pod(job, pod) or age.total_seconds() < _SECONDS:
            return ""
        namespace = metadata["namespace"]
        read, refusals = self._known.get(namespace, (-_SECONDS, {}))
        if time.monotonic() - read >= _SECONDS:
            refusals = self._read(namespace)
            self._known[namespace] = (time.monotonic(), refusals)
        return refusals.get(metadata["uid"], "")

    def _read(self, namespace: str) -> Mapping[str, str]:
        """Return the newest message for each Job. Events may not be readable; the state of a Job does not need them."""
        path = f"/api/v1/namespaces/{namespace}/events?{_REFUSED_PODS}"
        try:
            events = self._cluster.request("GET", path, f"listing events in namespace {namespace}")["items"]
        except AccessError as error:
            log.warning("cannot explain why Jobs have no pods: %s", error)
            return {}
        ordered = sorted(events, key=lambda each: each.get("lastTimestamp") or each.get("eventTime") or "")
        return {each["involvedObject"]["uid"]: str(each["message"]) for each in ordered}
