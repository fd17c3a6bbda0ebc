"""Elects one leader among replicas by a Lease of coordination.k8s.io/v1, as client-go does but stricter in one respect.

A candidate takes a lease that was not renewed for `LEASE_SECONDS` on its own clock; no two clocks are compared.
The leader acts, and its calls last, only until `LEASE_SECONDS - MARGIN_SECONDS` after its last renewal: when another
replica takes the lease, no call of the former leader has been in progress for `MARGIN_SECONDS`.
"""

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.leadership import Leadership

LEASE_NAME = "scriptmodel-operator"
LEASE_SECONDS = 25
MARGIN_SECONDS = 10.0
RENEW_SECONDS = 5.0
RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


class LeadershipLostError(Exception):
    """The lease was not renewed in time or another replica holds it: this process must not act any more."""


def uptime() -> float:
    """Return the seconds since boot. They count while the machine sleeps, unlike time.monotonic."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Leader(Leadership):
    """Acquires the lease, keeps it while the operator works, and releases it.

    Its calls block and belong in a thread of their own, so that nothing else delays a renewal.
    """

    client: KubeClient
    namespace: str
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}")
    clock: Callable[[], float] = uptime
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when the process ends."""
    _lease: dict[str, Any] | None = None
    _renewed: float | None = None
    """When the last successful renewal was sent; None while this process does not lead."""
    _observed: tuple[object, float] = (None, 0.0)
    """The newest renewal of another holder, and when it was first observed."""

    def lease_remaining(self) -> float:
        renewed = self._renewed
        return 0.0 if renewed is None else renewed + LEASE_SECONDS - MARGIN_SECONDS - self.clock()

    def acquire(self, beat: Callable[[], None], answered: Callable[[], None]) -> None:
        """Wait until this process leads, or is stopped. Raises KubeForbiddenError if it may not read the lease.

        `beat` is called at each attempt, `answered` at each that the API server has answered.
        """
        reported: object = None
        while not self.stopped.is_set():
            beat()
            try:
                wait = self._try()
                answered()
            except KubeForbiddenError:
                raise
            except KubeError as error:
                log.warning("lease: %s", error)
                wait = RETRY_SECONDS
            if wait is None:
                log.info("leading as %s", self.identity)
                return
            if reported != (reported := (self._lease or {}).get("spec", {}).get("holderIdentity")):
                log.info("standing by: %s leads", reported or "nobody")
            self.stopped.wait(wait)

    def keep(self) -> None:
        """Renew the lease until this process is stopped. Raises LeadershipLostError."""
        wait = RENEW_SECONDS
        while not self.stopped.wait(min(wait, max(self.lease_remaining(), 0.0))):
            if self.lease_remaining() <= 0:
                self._renewed = None
                raise LeadershipLostError(f"{self.identity} no longer leads: its lease was not renewed in time")
            wait = self._try_renewal()

    def _try_renewal(self) -> float:
        """Renew the lease if possible, and return the seconds until the next renewal."""
        try:
            self._renew()
        except KubeConflictError:
            return 0.0  # perhaps by a late write of this process: the next renewal reads the lease
        except KubeError as error:
            log.warning("lease: %s", error)
            return RETRY_SECONDS
        return RENEW_SECONDS

    def release(self) -> None:
        """Release the lease, so that another replica need not wait. No call of this process may be in progress."""
        if self._renewed is None:
            return
        self._renewed = None
        try:
            lease = self._lease or self._read()
            if lease["spec"].get("holderIdentity") == self.identity:
                self._put(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except KubeError as error:
            log.warning("lease: %s; another replica takes over in %d s", error, LEASE_SECONDS)

    def _try(self) -> float | None:
        """Return None once this process holds the lease, else the seconds until the next attempt."""
        sent, found = self.clock(), None
        with suppress(KubeNotFoundError):
            found = self._read()
        if found is not None and (wait := self._wait_for(found["spec"])) > 0:
            self._lease = found
            return min(wait, RETRY_SECONDS)
        try:
            self._take(found)
        except (KubeConflictError, KubeNotFoundError):
            return RETRY_SECONDS  # another replica was faster
        self._renewed = sent
        return None

    def _wait_for(self, spec: Mapping[str, Any]) -> float:
        """Return the seconds until a lease of another holder may be taken."""
        if spec.get("holderIdentity") in (None, "", self.identity):
            return 0.0
        renewal = spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions")
        if self._observed[0] != renewal:
            self._observed = renewal, self.clock()
        return self._observed[1] + float(spec.get("leaseDurationSeconds") or LEASE_SECONDS) - self.clock()

    def _held(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {"holderIdentity": self.identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}

    def _take(self, found: Mapping[str, Any] | None) -> None:
        """Replace the lease, or create it. Raises KubeConflictError if another replica was faster."""
        held, before = self._held(), found["spec"] if found else {}
        transitions = int(before.get("leaseTransitions") or 0) + 1 if found else 0
        taken = {**held, "acquireTime": held["renewTime"], "leaseTransitions": transitions}
        if found:
            self._put(found, taken)
            return
        metadata = {"name": LEASE_NAME, "namespace": self.namespace}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": taken}
        self._lease = self._client.request("POST", self._leases, "creating the lease", body)

    def _renew(self) -> None:
        sent, lease = self.clock(), self._lease or self._read()
        if lease["spec"].get("holderIdentity") != self.identity:
            self._renewed = None
            raise LeadershipLostError(f"{lease['spec'].get('holderIdentity')!r} leads instead of {self.identity}")
        self._lease = None
        self._put(lease, self._held())
        self._renewed = sent

    @property
    def _client(self) -> KubeClient:
        """Return the client; while this process leads, its requests end before the lease does."""
        remaining = self.lease_remaining()
        return self.client.within(remaining) if remaining > 0 else self.client

    @property
    def _leases(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def _read(self) -> dict[str, Any]:
        return self._client.request("GET", f"{self._leases}/{LEASE_NAME}", "reading the lease")

    def _put(self, lease: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """Replace the lease. Raises KubeConflictError if it has changed since it was read."""
        body = {**lease, "spec": {**lease["spec"], **changes}}
        self._lease = self._client.request("PUT", f"{self._leases}/{LEASE_NAME}", "writing the lease", body)
