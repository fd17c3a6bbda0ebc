"""Calls to pachd: token and certificates from files that change, and a deadline that no lease outlives."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import wrappers_pb2

from scriptmodel_operator.engine.errors import AccessError, UnavailableError
from scriptmodel_operator.engine.values import JobRef, PipelineRef, RepoRef
from scriptmodel_operator.leadership import UNLIMITED, Leadership
from scriptmodel_operator.pachyderm import adapter, calls
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress
from scriptmodel_operator.pachyderm.protocol import pfs, pps
from tests.lease import Lease
from tests.unit.operator.connecting import key_and_certificate
from tests.unit.operator.versioned_pachd import pachd


@pytest.mark.parametrize("form", ["{}", "grpc://{}", "dns:///{}", "dns:{}"])
def test_each_form_reaches_the_same_pachd(form: str) -> None:
    with (
        pachd() as (address, _answers),
        closing(PachydermGateway(PachdAddress(form.format(address)), UNLIMITED)) as gateway,
    ):
        assert str(gateway.server_version()) == "2.7.8"


def test_a_server_on_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pachd() as (address, _answers), closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway:
        assert str(gateway.server_version()) == "2.7.8"


def mount(folder: Path, name: str, content: bytes) -> Path:
    """Replace the files like the kubelet: one link is atomically replaced by a link to another folder."""
    version = folder / f"..{len(list(folder.iterdir()))}"
    version.mkdir()
    (version / name).write_bytes(content)
    (folder / "..new").symlink_to(version.name)
    os.replace(folder / "..new", folder / "..data")  # noqa: PTH105 - what the kubelet calls
    link = folder / name
    if not link.is_symlink():
        link.symlink_to(f"..data/{name}")
    return link


def test_a_renewed_token_is_sent_with_the_next_call(tmp_path: Path) -> None:
    with pachd() as (address, answers):
        gateway = PachydermGateway(PachdAddress(address, token_file=mount(tmp_path, "token", b"first\n")), UNLIMITED)
        assert str(gateway.server_version()) == "2.7.8"
        mount(tmp_path, "token", b"second\n")
        gateway.server_version()
        gateway.close()
    assert answers.tokens == ["first", "second"]


@pytest.mark.parametrize("content", [b"two\nlines-of-a-secret", "sécret".encode(), None])
def test_a_token_that_cannot_be_sent_is_reported_without_being_shown(tmp_path: Path, content: bytes | None) -> None:
    token = tmp_path / "token"
    token.write_bytes(content or b"")
    with pachd() as (address, answers):
        gateway = PachydermGateway(PachdAddress(address, token), UNLIMITED)
        if content is None:
            token.unlink()
        with pytest.raises(AccessError) as caught:
            gateway.server_version()
        gateway.close()
    assert str(token) in str(caught.value)
    assert "secret" not in str(caught.value)
    assert answers.tokens == []


def test_an_address_of_pachyderms_tools_is_that_of_a_server_with_tls(tmp_path: Path) -> None:
    pair = key_and_certificate()
    with pachd(pair) as (address, _answers):
        gateway = PachydermGateway(
            PachdAddress(f"grpcs://{address}", ca_file=mount(tmp_path, "ca.crt", pair[1])), UNLIMITED
        )
        assert str(gateway.server_version()) == "2.7.8"
        gateway.close()
        stranger = PachydermGateway(PachdAddress(f"grpcs://{address}"), UNLIMITED)
        with pytest.raises(UnavailableError, match=r"(?i)certificate|handshake|ssl"):
            stranger.server_version()
        stranger.close()


def test_renewed_certificates_are_trusted_without_a_restart(tmp_path: Path) -> None:
    old, new = key_and_certificate(), key_and_certificate()
    with pachd(old) as (address, _answers):
        gateway = PachydermGateway(PachdAddress(address, ca_file=mount(tmp_path, "ca.crt", old[1])), UNLIMITED)
        assert str(gateway.server_version()) == "2.7.8"
    with pachd(new, int(address.rpartition(":")[2])):
        with pytest.raises(UnavailableError):
            gateway.server_version()
        mount(tmp_path, "ca.crt", new[1])
        assert str(gateway.server_version()) == "2.7.8"
        mount(tmp_path, "ca.crt", new[1][:100])
        assert str(gateway.server_version()) == "2.7.8", "half a file changes nothing"
        (tmp_path / "ca.crt").unlink()
        assert str(gateway.server_version()) == "2.7.8", "a file that is away for a moment changes nothing"
    gateway.close()


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_certificates_is_refused_before_any_request(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"ca.crt has no certificates in PEM form"):
        PachdAddress("pachd:1", ca_file=mount(tmp_path, "ca.crt", content))
    commented = "# Autorité\n".encode() + key_and_certificate()[1]
    assert PachdAddress("pachd:1", ca_file=mount(tmp_path, "ca.crt", commented)).tls


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
