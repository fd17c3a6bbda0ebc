"""Events: only on transitions, with a name that follows from what happened, so that none is written twice."""

from __future__ import annotations

import hashlib
import logging
import socket
from datetime import UTC, datetime

from scriptmodel_operator.api.conditions import cut
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeUnavailableError

_MAX_NOTE = 1000
_MAX_NAME = 230

log = logging.getLogger(__name__)


class EventRecorder:
    """Where the API server is away, KubeUnavailableError: the event comes first, and what it tells of has to wait.

    An event that the server does not want is logged and forgotten: status has the truth.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._instance = socket.gethostname()

    async def record(self, model: ScriptModel, reason: Reason, note: str, *, warning: bool, occasion: str) -> None:
        """`occasion` tells apart events of the same reason; equal ones are one event, told of any number of times."""
        text = "\0".join((model.uid, reason.value, occasion))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{model.name[:_MAX_NAME]}.{digest}", "namespace": model.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": "scriptmodel.dev/operator",
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": reason.value,
            "note": cut(note, _MAX_NOTE),
            "type": "Warning" if warning else "Normal",
            "regarding": {
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
            log.warning("%s: event %s: %s (%s)", model, reason.value, note, error)
