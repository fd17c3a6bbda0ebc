"""The client of the API server: credentials that are renewed, deadlines, errors, logs, and writes of one object."""

import asyncio
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.engine.errors import AccessError, ConflictError, EngineError, NotFoundError, UnavailableError
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.kube import login
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.kube.errors import KubeError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import ThreadedKube, remove_finalizer, write_status
from scriptmodel_operator.kube.login import Credentials
from tests.lease import Lease
from tests.unit.operator.api_server import DEADLINE, ApiServer, connection
from tests.unit.operator.connecting import key_and_certificate, kubeconfig
from tests.unit.operator.world import scriptmodel

LOG = "/api/v1/namespaces/ml/pods/train/log"
STATUS = {"conditions": [{"type": "Ready"}]}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as found:
        yield found


def test_a_name_is_no_more_than_one_part_of_an_address(server: ApiServer) -> None:
    KubeClient(server.credentials()).get_scriptmodel("ml", "a/b?c")
    assert server.requested[0][1] == "/apis/scriptmodel.dev/v1alpha1/namespaces/ml/scriptmodels/a%2Fb%3Fc"


def test_a_token_that_is_no_longer_valid_is_read_again_and_the_request_is_made(server: ApiServer) -> None:
    client = KubeClient(server.credentials("one", "two"))
    client.list_scriptmodels(None)
    server.valid = "two"
    client.list_scriptmodels(None)
    client.list_scriptmodels(None)
    assert (len(server.requested), server.refused) == (3, 1)
    server.valid = "three"
    with pytest.raises(KubeError, match="Unauthorized"):
        client.list_scriptmodels(None)
    assert server.refused == 3, "once more, and not for ever"


def test_a_new_token_breaks_no_request_in_flight_and_is_read_once(server: ApiServer) -> None:
    credentials = server.credentials("one", "two", "three")
    client = KubeClient(credentials)
    server.admits.clear()
    with ThreadPoolExecutor(16) as threads:
        early = [threads.submit(client.list_scriptmodels, None) for _ in range(8)]
        assert all(server.arrived.acquire(timeout=DEADLINE) for _ in early)
        server.valid = "two"
        late = [threads.submit(client.list_scriptmodels, None) for _ in range(8)]
        assert all(server.arrived.acquire(timeout=DEADLINE) for _ in late)
        server.admits.set()
        assert [each.result(DEADLINE) for each in early + late] == [[]] * 16
    assert server.refused, "the late ones"
    assert credentials.newest.authorization == "Bearer two"


def test_a_server_that_does_not_answer_is_reported_with_the_waiting_time(server: ApiServer) -> None:
    server.admits.clear()
    for client in (KubeClient(server.credentials(), Lease(0.2)), KubeClient(server.credentials()).within(0.2)):
        with pytest.raises(KubeUnavailableError, match=r"listing ScriptModels: no answer within 0\.2 s"):
            client.list_scriptmodels(None)


def test_an_answer_that_trickles_ends_with_the_lease() -> None:
    def trickle(listener: socket.socket) -> None:
        with listener.accept()[0] as taken:
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not ended.wait(0.05):
                taken.sendall(b" ")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=trickle, args=[listener], daemon=True).start()
        client = KubeClient(
            Credentials(lambda: connection(f"http://127.0.0.1:{listener.getsockname()[1]}")), Lease(0.3)
        )
        with pytest.raises(KubeUnavailableError, match="did not end in time"):
            client.list_scriptmodels(None)
        ended.set()


def test_who_may_not_act_any_more_sends_nothing(server: ApiServer) -> None:
    lease = Lease(5.0)
    client = KubeClient(server.credentials(), lease)
    client.list_scriptmodels(None)
    lease.remaining = 0.0
    with pytest.raises(KubeUnavailableError, match="does not lead"):
        client.list_scriptmodels(None)
    assert len(server.requested) == 1


async def test_a_write_names_the_version_that_it_is_based_on(server: ApiServer) -> None:
    """A newer object of the same name, or a newer list of finalizers, must not be changed."""
    calls, model = Calls(2), scriptmodel()
    kube = ThreadedKube(KubeClient(server.credentials()), calls)
    raw = {"metadata": {"namespace": "ml", "name": "thrones", "resourceVersion": "7", "finalizers": [FINALIZER]}}
    assert await write_status(kube, model, model.status) is None, "equal ones are not written"
    await write_status(kube, model, STATUS)
    await remove_finalizer(kube, raw)
    await asyncio.to_thread(calls.close)
    (_, status_path, status), (_, object_path, patch) = server.requested
    assert status_path.partition("?")[0] == f"{object_path.partition('?')[0]}/status"
    assert status[0] == {"op": "test", "path": "/metadata/uid", "value": "uid-1"}
    assert patch == {"metadata": {"resourceVersion": "7", "finalizers": []}}


@pytest.mark.parametrize("address", ["https://api.example.com", "http://api.example.com"])
def test_a_proxy_gets_its_password_and_messages_do_not(tmp_path: Path, address: str) -> None:
    def refuse(listener: socket.socket) -> None:
        with listener.accept()[0] as taken:
            heads.append(taken.recv(65536))
            taken.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )

    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=refuse, args=[proxy], daemon=True).start()
        given = {"server": address, "proxy-url": f"http://someone:secret@127.0.0.1:{proxy.getsockname()[1]}"}
        file = kubeconfig(tmp_path / "config", cluster=given)
        with pytest.raises(KubeError) as caught:
            KubeClient(Credentials(lambda: login.login(file))).request("GET", "/x", "asking")
    assert "407" in str(caught.value)
    assert "secret" not in repr(caught.value) + repr(caught.value.__cause__)
    assert b"roxy-authorization: basic " + b64encode(b"someone:secret").lower() in heads[0].lower()


@pytest.mark.parametrize(("name", "accepted"), [("api.internal", True), ("other.internal", False), (None, False)])
def test_the_certificate_must_have_the_tls_server_name(tmp_path: Path, name: str | None, accepted: bool) -> None:
    key, certificate = key_and_certificate("api.internal")
    (tmp_path / "pair.pem").write_bytes(key + certificate)
    (tmp_path / "ca.pem").write_bytes(certificate)
    with ApiServer() as server:
        server.encrypt(tmp_path / "pair.pem", tmp_path / "pair.pem")
        found = connection(server.url(""), ssl_ca_cert=str(tmp_path / "ca.pem"), tls_server_name=name)
        client = KubeClient(Credentials(lambda: found))
        if accepted:
            assert client.list_scriptmodels(None) == []
        else:
            with pytest.raises(KubeUnavailableError, match="certificate"):
                client.list_scriptmodels(None)
        assert len(server.requested) == accepted


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessError), (404, NotFoundError), (409, ConflictError), (503, UnavailableError)]
)
def test_an_error_is_that_of_the_engine(server: ApiServer, status: int, kind: type[EngineError]) -> None:
    server.status, cluster = status, KubeCluster(KubeClient(server.credentials("old", "one")))
    with pytest.raises(kind, match=r"^reading it: words of the server$"):
        cluster.request("GET", "/api/v1/namespaces/ml/configmaps/plays", "reading it")
    with pytest.raises(kind, match=r"^following it: words of the server$"):
        cluster.lines(LOG, "following it", 60)


def test_another_thread_ends_a_log_that_is_followed(server: ApiServer) -> None:
    server.holds, server.pieces = True, [b"one\n"]
    lines = KubeCluster(KubeClient(server.credentials())).lines(LOG, "following it", 60)
    found = iter(lines)
    assert next(found) == "one"
    assert server.sent.wait(DEADLINE)
    threading.Thread(target=lines.cancel).start()
    assert [*found] == []


def test_a_log_ends_once_its_time_is_over(server: ApiServer) -> None:
    server.holds = True
    assert [*KubeCluster(KubeClient(server.credentials())).lines(LOG, "following it", 0.3)] == ["one", "two", "�"]
