"""Events: only on transitions, with a name that follows from what happened, so that none is written twice.

And only so many at a time: an operator that meets thousands of objects tells of them in their status alone. What is
left out is counted, as it is lost for good.
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
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeUnavailableError

_COMPONENT = "scriptmodel.dev/operator"
_MAX_NOTE = 1000
_MAX_NAME = 230
BURST = 50
"""So many at once, then one more every so many seconds; of normal events and of warnings each."""
SECONDS_FOR_ONE = 1.0

log = logging.getLogger(__name__)


class Budget:
    """A bucket of tokens that fills up again with time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = float(BURST)
        self._at = clock()

    def take(self) -> bool:
        """Whether there was a token."""
        now = self._clock()
        self._tokens = min(BURST, self._tokens + (now - self._at) / SECONDS_FOR_ONE)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class EventRecorder:
    """Where the API server is away, KubeUnavailableError: the event comes first, and what it tells of has to wait.

    An event that the server does not want is logged and forgotten: status has the truth.
    """

    def __init__(self, client: KubeClient, left_out: Callable[[], None]) -> None:
        """`left_out` hears of each event for which there was no room."""
        self._client = client
        self._left_out = left_out
        self._instance = socket.gethostname()
        self._budgets = {True: Budget(), False: Budget()}

    async def record(self, model: ScriptModel, reason: Reason, note: str, *, warning: bool, occasion: str) -> None:
        """`occasion` tells apart events of the same reason; equal ones are one event, told of any number of times."""
        if not self._budgets[warning].take():
            self._left_out()
            return
        text = "\0".join((model.uid, reason.value, occasion))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        now = datetime.now(UTC)
        body = {
            # Not of events.k8s.io, whose events may have no lastTimestamp: that is what `kubectl describe` sorts by.
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
            await self._client.create_event(model.namespace, body)
        except KubeConflictError:
            return  # it was written before
        except KubeUnavailableError:
            raise
        except KubeError as error:
            about = {"object": (model.namespace, model.name)}
            log.warning("%s: event %s: %s (%s)", model, reason.value, note, error, extra=about)
