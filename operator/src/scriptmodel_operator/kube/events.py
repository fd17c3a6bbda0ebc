"""Records Kubernetes events at a limited rate, each under a name that follows from its cause: none is written twice."""

import asyncio
import hashlib
import logging
import math
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.api.conditions import one_line, timestamp
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import KubeGateway

_COMPONENT = "scriptmodel.dev/operator"
_MAX_NOTE = 1000
_MAX_NAME = 230
BURST = 50
"""Largest burst of normal events, and of warnings; then one more in `SECONDS_PER_EVENT`."""
SECONDS_PER_EVENT = 1.0
MAX_WAITING = 1000
ATTEMPTS = 12
FIRST_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 10.0
DRAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


class EventRecorder:
    """Sends events in order and in the background; those over the rate or refused are dropped and counted."""

    def __init__(
        self, gateway: KubeGateway, omitted: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`omitted` is called for each event that is dropped."""
        self._gateway = gateway
        self._omitted = omitted
        self._instance = socket.gethostname()
        self._clock = clock
        self._paid_until = {True: -math.inf, False: -math.inf}
        """When warnings, and normal events, would be at their rate again."""
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)

    def record(self, model: ScriptModel, reason: str, note: str, *, warning: bool, occasion: str) -> None:
        """Queue an event of `model`. Events of an equal reason and occasion are one event."""
        paid = max(self._clock(), self._paid_until[warning]) + SECONDS_PER_EVENT
        if self._waiting.full() or paid > self._clock() + BURST * SECONDS_PER_EVENT:
            self._omitted()
            return
        self._paid_until[warning] = paid
        text = "\0".join((model.uid, str(reason), occasion))
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
            "reason": str(reason),
            "message": one_line(note, _MAX_NOTE),
            "type": "Warning" if warning else "Normal",
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": model.namespace,
                "name": model.name,
                "uid": model.uid,
            },
        }
        self._waiting.put_nowait(body)

    async def run(self) -> None:
        while True:
            body = await self._waiting.get()
            try:
                await self._send(body)
            except Exception as error:  # one broken event must not end the others
                self._omitted()
                about = body["involvedObject"]
                log.warning(
                    "%s/%s: event %s was not recorded: %s",
                    *(about["namespace"], about["name"], body["reason"], error),
                    exc_info=None if isinstance(error, KubeError) else error,
                    extra={"object": (about["namespace"], about["name"])},
                )
            finally:
                self._waiting.task_done()

    async def drain(self) -> None:
        try:
            await asyncio.wait_for(self._waiting.join(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("%d events were not recorded before the end", self._waiting.qsize() + 1)

    async def _send(self, body: dict[str, Any]) -> None:
        """Create the event. After an error it may exist, so a conflict is a success."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._gateway.create_event(body["metadata"]["namespace"], body)
            except KubeConflictError:
                return
            except KubeUnavailableError:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempt - 1)))
            else:
                return
