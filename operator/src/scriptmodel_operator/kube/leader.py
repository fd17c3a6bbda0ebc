"""One leader among replicas, by a Lease of coordination.k8s.io/v1: the way of client-go, and stricter in one thing.

A candidate takes a lease that nobody has renewed for `LEASE_SECONDS` by the candidate's own clock, so clocks of
different machines are never compared. The leader acts only while its last renewal is younger than `LEASE_SECONDS -
MARGIN_SECONDS`, and no call that it makes may last longer than that: when another replica takes the lease, nothing of
the former leader's has been under way for `MARGIN_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeConflictError, KubeError, KubeForbiddenError, KubeNotFoundError

LEASE_NAME = "scriptmodel-operator"
LEASE_SECONDS = 25
MARGIN_SECONDS = 10.0
RENEW_SECONDS = 5.0
RETRY_SECONDS = 2.0

log = logging.getLogger(__name__)


class LeadershipLostError(Exception):
    """The lease could not be renewed in time, or another replica has it: this process must not act any more."""


def uptime() -> float:
    """Seconds since boot. Goes on while the machine sleeps, which time.monotonic does not."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Leader:
    """`acquire`, then `keep` for as long as the work goes on, then `release`. Implements `Leadership`."""

    client: KubeClient
    namespace: str
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}")
    clock: Callable[[], float] = uptime
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _lease: dict[str, Any] | None = None
    _renewed: float | None = None
    """When the last renewal that succeeded was sent; None while not leading."""
    _seen: tuple[object, float] = (None, 0.0)
    """The renewal of another holder that was seen last, and when it was first seen."""

    def lease_remaining(self) -> float:
        """Return the seconds for which this process may still act; 0 or less when it may not."""
        renewed = self._renewed
        return 0.0 if renewed is None else renewed + LEASE_SECONDS - MARGIN_SECONDS - self.clock()

    async def acquire(
        self, beat: Callable[[], None] = lambda: None, answered: Callable[[], None] = lambda: None
    ) -> None:
        """Until this process leads. KubeForbiddenError if its role lets it not even ask.

        `beat` is called at each try, `answered` at each that the API server answered.
        """
        told: object = None
        while True:
            beat()
            try:
                wait = await self._try()
                answered()
            except KubeForbiddenError:
                raise
            except KubeError as error:
                log.warning("lease: %s", error)
                wait = RETRY_SECONDS
            if wait is None:
                log.info("leading as %s", self.identity)
                return
            if told != (told := self._holder()):
                log.info("standing by: %s leads", told or "nobody")
            await self.sleep(wait)

    async def keep(self) -> None:
        """Renews the lease for ever. Raises LeadershipLostError when it is time to stop."""
        wait = RENEW_SECONDS
        while True:
            await self.sleep(min(wait, max(self.lease_remaining(), 0.0)))
            if self.lease_remaining() <= 0:
                self._renewed = None
                raise LeadershipLostError(f"{self.identity} leads no longer: its lease was not renewed in time")
            wait = await self._renewed_or_not()

    async def _renewed_or_not(self) -> float:
        """Seconds until the next renewal."""
        try:
            async with asyncio.timeout(self.lease_remaining()):
                await self._renew()
        except KubeConflictError:
            return 0.0  # perhaps by a write of our own that was late: the next look tells
        except (KubeError, TimeoutError) as error:
            log.warning("lease: %s", str(error) or "no answer")
            return RETRY_SECONDS
        return RENEW_SECONDS

    async def release(self) -> None:
        """So that another replica need not wait. Nothing of this process may be under way any more."""
        if self._renewed is None:
            return
        self._renewed = None
        try:
            lease = self._lease or await self._read()
            if lease["spec"].get("holderIdentity") == self.identity:
                await self._put(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except KubeError as error:
            log.warning("lease: %s; another replica takes over in %d s", error, LEASE_SECONDS)

    async def _try(self) -> float | None:
        """None once the lease is ours, else the seconds until it is worth asking again."""
        sent = self.clock()
        try:
            found: dict[str, Any] | None = await self._read()
        except KubeNotFoundError:
            found = None
        if found is not None and (wait := self._wait_for(found["spec"])) > 0:
            self._lease = found
            return min(wait, RETRY_SECONDS)
        try:
            await (self._create() if found is None else self._put(found, self._taken(found["spec"])))
        except (KubeConflictError, KubeNotFoundError):
            return RETRY_SECONDS  # another replica was quicker
        self._renewed = sent
        return None

    def _wait_for(self, spec: Mapping[str, Any]) -> float:
        """Seconds until a lease of another holder may be taken."""
        if spec.get("holderIdentity") in (None, "", self.identity):
            return 0.0
        renewal = spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions")
        if self._seen[0] != renewal:
            self._seen = renewal, self.clock()
        return self._seen[1] + float(spec.get("leaseDurationSeconds") or LEASE_SECONDS) - self.clock()

    def _holder(self) -> object:
        return (self._lease or {}).get("spec", {}).get("holderIdentity")

    def _taken(self, before: Mapping[str, Any]) -> dict[str, Any]:
        transitions = int(before.get("leaseTransitions") or 0) + 1
        return {**self._held(), "acquireTime": _now(), "leaseTransitions": transitions}

    def _held(self) -> dict[str, Any]:
        return {"holderIdentity": self.identity, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": _now()}

    async def _create(self) -> None:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": LEASE_NAME, "namespace": self.namespace},
            "spec": {**self._held(), "acquireTime": _now(), "leaseTransitions": 0},
        }
        self._lease = await self.client.request("POST", self._path(), "creating the lease", body)

    async def _renew(self) -> None:
        """A write that may have been made unheard is looked at before the next one."""
        sent, lease = self.clock(), self._lease or await self._read()
        if lease["spec"].get("holderIdentity") != self.identity:
            self._renewed = None
            raise LeadershipLostError(f"{lease['spec'].get('holderIdentity')!r} leads instead of {self.identity}")
        self._lease = None
        await self._put(lease, self._held())
        self._renewed = sent

    async def _read(self) -> dict[str, Any]:
        return await self.client.request("GET", self._path(LEASE_NAME), "reading the lease")

    async def _put(self, lease: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
        """KubeConflictError if somebody has changed it since it was read."""
        body = {**lease, "spec": {**lease["spec"], **changes}}
        self._lease = await self.client.request("PUT", self._path(LEASE_NAME), "writing the lease", body)

    def _path(self, name: str = "") -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases" + (f"/{name}" if name else "")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
