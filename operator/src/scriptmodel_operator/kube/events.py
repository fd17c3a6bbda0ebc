"""Records Kubernetes events, each under a name that follows from its cause, so that none is written twice.

Their rate is limited: an operator that starts with thousands of objects reports most of them in their status alone.
Omitted events are counted.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime

from scriptmodel_operator.api.conditions import cut, timestamp
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import KubeGateway

_COMPONENT = "scriptmodel.dev/operator"
_MAX_NOTE = 1000
_MAX_NAME = 230
BURST = 50
"""Largest burst of normal events, and of warnings; then one more in `SECONDS_PER_EVENT`."""
SECONDS_PER_EVENT = 1.0

log = logging.getLogger(__name__)


class TokenBucket:
    """Refills with time up to a burst."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = float(BURST)
        self._at = clock()

    def take(self) -> bool:
        """Take a token, and return whether there was one."""
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._at) / SECONDS_PER_EVENT)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class EventRecorder:
    """Creates events within a budget.

    Raises KubeUnavailableError if the API server does not answer, since an event is recorded before its cause is
    written. An event that the API server refuses is logged and dropped: the status has the same content.
    """

    def __init__(self, gateway: KubeGateway, omitted: Callable[[], None]) -> None:
        """`omitted` is called for each event that exceeds the budget."""
        self._gateway = gateway
        self._omitted = omitted
        self._instance = socket.gethostname()
        self._buckets = {True: TokenBucket(), False: TokenBucket()}

    async def record(self, model: ScriptModel, reason: Reason, note: str, *, warning: bool, occasion: str) -> None:
        """Record an event of `model`. Events of an equal reason and occasion are one event."""
        if not self._buckets[warning].take():
            self._omitted()
            return
        text = "\0".join((model.uid, reason.value, occasion))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        now = datetime.now(UTC)
        body = {
            # Not of events.k8s.io, whose events have no lastTimestamp, by which `kubectl describe` sorts.
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{model.name[:_MAX_NAME].rstrip('.-')}.{digest}", "namespace": model.namespace},
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "source": {"component": _COMPONENT},
            "reportingComponent": _COMPONENT,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": reason.value,
            "message": cut(note, _MAX_NOTE),
            "type": "Warning" if warning else "Normal",
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": model.namespace,
                "name": model.name,
                "uid": model.uid,
            },
        }
        try:
            await self._gateway.create_event(model.namespace, body)
        except KubeConflictError:
            return  # it exists already
        except KubeUnavailableError:
            raise
        except KubeError as error:
            about = {"object": (model.namespace, model.name)}
            log.warning("%s: event %s: %s (%s)", model, reason.value, note, error, extra=about)
