"""The Lease, with a clock and a server of the test's own: who may act, and for how long."""

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from scriptmodel_operator.kube.errors import KubeConflictError, KubeNotFoundError, KubeUnavailableError
from scriptmodel_operator.kube.leader import LEASE_SECONDS, MARGIN_SECONDS, Leader, LeadershipLostError


@dataclass
class Server:
    """One Lease with resource versions; `now` is the clock of all. `broken` returns the fault of a request."""

    lease: dict[str, Any] | None = None
    now: float = 1000.0
    broken: Callable[[str], str] = lambda _method: ""
    writes: list[tuple[float, str]] = field(default_factory=list)

    def request(self, method: str, _path: str, what: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        trouble = self.broken(method)
        if trouble == "before":
            raise KubeUnavailableError(what, 0, "injected")
        answer = self._answer(method, what, body)
        if trouble == "after":
            raise KubeUnavailableError(what, 0, "injected")
        return answer

    def _answer(self, method: str, what: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        if method == "GET":
            if self.lease is None:
                raise KubeNotFoundError(what, 404, "not found")
            return copy.deepcopy(self.lease)
        assert body is not None
        version = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if body["metadata"].get("resourceVersion") != version:
            raise KubeConflictError(what, 409, "changed")
        metadata = {**body["metadata"], "resourceVersion": str(int(version or 0) + 1)}
        self.lease = {**copy.deepcopy(dict(body)), "metadata": metadata}
        self.writes.append((self.now, str(body["spec"]["holderIdentity"])))
        return copy.deepcopy(self.lease)

    def candidate(self, name: str) -> Leader:
        return Leader(self, "ns", name, clock=lambda: self.now, stopped=Passing(self))

    def within(self, _seconds: float) -> Self:
        return self


class Passing(threading.Event):
    """Is never set: whoever waits for it makes the time of the server pass."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def wait(self, timeout: float | None = None) -> bool:
        self._server.now += timeout or 0.0
        return False


def nothing() -> None:
    """Receives a signal that a test does not check."""


def test_an_expired_lease_is_taken_and_not_before_it_expires() -> None:
    server = Server()
    first, second = server.candidate("first"), server.candidate("second")
    first.acquire(nothing, nothing)
    started = server.now
    second.acquire(nothing, nothing)
    assert LEASE_SECONDS <= server.now - started <= 30
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == "second"
    assert server.lease["spec"]["leaseTransitions"] == 1


def test_a_leader_may_act_until_ten_seconds_before_its_lease_can_be_taken() -> None:
    server = Server()
    first, second = server.candidate("first"), server.candidate("second")
    assert first.lease_remaining() == 0
    first.acquire(nothing, nothing)
    assert first.lease_remaining() == LEASE_SECONDS - MARGIN_SECONDS
    server.broken = lambda method: "before" if method == "PUT" else ""
    with pytest.raises(LeadershipLostError, match="not renewed in time"):
        first.keep()
    stopped = server.now
    assert first.lease_remaining() == 0
    server.broken = lambda _method: ""
    second.acquire(nothing, nothing)
    assert server.now - stopped >= MARGIN_SECONDS
    first.release()
    assert [who for _when, who in server.writes] == ["first", "second"], "who has lost it writes no more"


def test_a_leader_that_slept_does_not_renew_a_lease_that_may_be_anothers() -> None:
    server = Server()
    first = server.candidate("first")
    first.acquire(nothing, nothing)
    server.now += LEASE_SECONDS
    with pytest.raises(LeadershipLostError):
        first.keep()
    assert len(server.writes) == 1


def test_a_renewal_whose_answer_was_lost_keeps_the_lease() -> None:
    server = Server()
    first = server.candidate("first")
    first.acquire(nothing, nothing)
    faults = iter(["after", ""])
    server.broken = lambda method: next(faults, "before") if method == "PUT" else ""
    started = server.now
    with pytest.raises(LeadershipLostError, match="not renewed in time"):
        first.keep()
    assert server.now - started > LEASE_SECONDS - MARGIN_SECONDS, "the renewal after the lost answer counted"
