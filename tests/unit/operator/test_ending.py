"""A call has its own deadline, a stream none but silence, and none outlives the lease."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf import wrappers_pb2

from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import JobRef, PipelineRef, RepoRef
from scriptmodel_operator.leadership import UNLIMITED, Leadership
from scriptmodel_operator.pachyderm import adapter, calls
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.protocol import pfs, pps
from tests.lease import Lease

PIPELINE, REPO = PipelineRef("default", "train"), RepoRef("default", "model")
DEADLINE = 60
STREAMS = {
    "GetFile": wrappers_pb2.BytesValue(value=b"0123").SerializeToString(),
    "GetLogs": pps.LogMessage(user=True, message="a line").SerializeToString(),
}
ANSWERS = {"InspectFile": pfs.FileInfo(size_bytes=8).SerializeToString()}


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check calls in progress more often."""
    monkeypatch.setattr(calls, "POLL_SECONDS", 0.005)


@dataclass
class Slow(grpc.GenericRpcHandler):
    """Answers an InspectFile and one piece of a file; the rest waits for the gate."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    seconds: float = 0.0
    """The deadline of the newest call that waited."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        method = handler_call_details.method.rpartition("/")[2]
        if method in STREAMS:
            return grpc.unary_stream_rpc_method_handler(lambda _request, context: self._stream(method, context))
        return grpc.unary_unary_rpc_method_handler(lambda _request, context: self._one(method, context))

    def _one(self, method: str, context: grpc.ServicerContext) -> bytes:
        if method not in ANSWERS:
            self._wait(context)
        return ANSWERS.get(method, b"")

    def _stream(self, method: str, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield STREAMS[method]
        self._wait(context)
        yield STREAMS[method]

    def _wait(self, context: grpc.ServicerContext) -> None:
        self.seconds = context.time_remaining()
        context.add_callback(self.cancelled.set)
        self.entered.set()
        self.gate.wait(DEADLINE)


@contextmanager
def slow_pachd(leadership: Leadership, streams: int = 100) -> Iterator[tuple[PachydermGateway, Slow]]:
    """A server that has at most so many calls in one connection."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_concurrent_streams", streams)])
    answers = Slow()
    server.add_generic_rpc_handlers([answers])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with closing(PachydermGateway(PachdAddress(f"127.0.0.1:{port}"), leadership)) as gateway:
            yield gateway, answers
    finally:
        answers.gate.set()
        server.stop(None).wait()


def delete(gateway: PachydermGateway) -> None:
    gateway.delete_pipeline(PIPELINE, keep_repo=False)


def read(gateway: PachydermGateway) -> None:
    assert gateway.read_file(REPO, "1", "/weights", 100) == b"01230123"


@dataclass
class Scripted(Leadership):
    """A lease that the test sees consulted, with little time left."""

    consulted: Callable[[int], float]
    count: int = 0

    def lease_remaining(self) -> float:
        self.count += 1
        return self.consulted(self.count)


@pytest.mark.parametrize("call", [delete, read])
def test_a_call_lasts_longer_than_the_lease_has_left_at_its_start(call: Callable[[PachydermGateway], None]) -> None:
    lease = Scripted(lambda _count: 0.01)
    with slow_pachd(lease) as (gateway, pachd):

        def renewed(count: int) -> float:
            if count > 20 and pachd.entered.is_set():
                pachd.gate.set()
            return 0.01

        lease.consulted = renewed
        call(gateway)


@pytest.mark.parametrize("call", [delete, read])
def test_a_call_is_cancelled_when_the_lease_ends(call: Callable[[PachydermGateway], None]) -> None:
    lease = Scripted(lambda _count: 0.01)
    with slow_pachd(lease) as (gateway, pachd):
        lease.consulted = lambda _count: 0.0 if pachd.entered.is_set() else 0.01
        with pytest.raises(UnavailableError) as caught:
            call(gateway)
        assert caught.value.code == "CANCELLED"
        assert pachd.cancelled.wait(DEADLINE)


@pytest.mark.parametrize("call", [delete, read])
def test_a_process_that_does_not_lead_makes_no_call(call: Callable[[PachydermGateway], None]) -> None:
    with slow_pachd(Lease(0.0)) as (gateway, pachd):
        with pytest.raises(UnavailableError, match="not sent: this process does not lead"):
            call(gateway)
        assert not pachd.entered.is_set()


@pytest.mark.parametrize("call", [delete, read])
def test_a_deletion_of_much_data_and_a_large_file_may_take_more_than_a_minute(
    call: Callable[[PachydermGateway], None],
) -> None:
    with slow_pachd(Lease(4.0)) as (gateway, pachd):
        pachd.gate.set()
        call(gateway)
        assert pachd.seconds > 2 * 60


def test_a_stream_that_brings_nothing_any_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "READ_SECONDS", 0.2)
    with slow_pachd(UNLIMITED) as (gateway, pachd):
        with pytest.raises(UnavailableError, match=r"nothing came for 0\.2 s"):
            read(gateway)
        assert pachd.cancelled.wait(DEADLINE)


def test_a_log_that_is_followed_takes_no_room_from_other_calls() -> None:
    with slow_pachd(UNLIMITED, streams=1) as (gateway, _pachd):
        log = gateway.read_log(JobRef(PIPELINE, "1"), follow=True, seconds=DEADLINE)
        assert next(iter(log)).text == "a line"
        assert gateway.file_size(REPO, "1", "/weights") == 8
        log.cancel()
