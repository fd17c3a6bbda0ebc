"""Who may call localpach: nobody else on the machine."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import python_pachyderm
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import Localpach, serving
from tests.unit.localpach.client import Client, sh

CREATE_PIPELINE = """
import os, sys, grpc
from python_pachyderm.proto.v2.pps import pps_pb2, pps_pb2_grpc
os.setgroups([]); os.setgid(65534); os.setuid(65534)
request = pps_pb2.CreatePipelineRequest(pipeline={"name": "attack"}, transform={"cmd": ["id"]})
try:
    pps_pb2_grpc.APIStub(grpc.insecure_channel(sys.argv[1])).CreatePipeline(request, timeout=20)
except grpc.RpcError as error:
    sys.exit(f"{error.code().name}: {error.details()}")
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    """Serve at a port."""
    folder = tmp_path_factory.mktemp("port")
    state = {"XDG_STATE_HOME": str(folder / "state")}
    with serving(folder / "root", "--listen=127.0.0.1:0", "--isolation=namespace", variables=state) as running:
        yield running


def test_a_client_of_a_port_needs_the_token_in_the_file(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    with serving(tmp_path / "root", "--listen=127.0.0.1:0", f"--token-file={token_file}") as server:

        def repos(token: str) -> list[Any]:
            return list(python_pachyderm.Client(server.host, server.port, auth_token=token).list_repo())

        assert not repos("right")
        with pytest.raises(Exception, match=f"no authentication token: localpach needs the one in {token_file}"):
            repos("")
        with pytest.raises(Exception, match=f"auth token is corrupted or has expired: .* in {token_file}"):
            repos("wrong")
        token_file.write_text("new")  # renewed
        assert not repos("new")


def test_a_message_above_the_limit_of_pachyderm_is_refused(port: Localpach) -> None:
    token = (port.root / "token").read_text().strip()
    call = port.channel().unary_unary("/pfs_v2.API/CreateRepo")
    with pytest.raises(grpc.RpcError) as refused:
        call(bytes(21 << 20), metadata=[("authn-token", token)])
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_token_of_a_port_is_made_for_its_owner_alone_and_found_by_the_port(port: Localpach) -> None:
    token = port.root / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text().strip()) > 40
    assert (port.root.parent / "state/localpach" / str(port.port)).readlink() == token


def test_the_token_is_new_at_each_start_and_goes_with_the_server(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        with serving(tmp_path / "root", "--listen", "127.0.0.1:0", variables={"XDG_STATE_HOME": str(tmp_path)}):
            tokens.add((tmp_path / "root/token").read_text())
        assert not [*(tmp_path / "localpach").iterdir(), *(tmp_path / "root").glob("token")]
    assert len(tokens) == 2


def test_a_socket_is_its_owners_alone(server: Localpach) -> None:
    socket = Path(server.address.removeprefix("unix:"))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("kind", ["port", "open folder"])
def test_another_user_cannot_create_a_pipeline(kind: str, port: Localpach, tmp_path: Path) -> None:
    if kind == "port":
        refused = attack(port.address)
        assert refused.startswith(
            f"UNAUTHENTICATED: no authentication token: localpach needs the one in {port.root}/token, "
        )
        return
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(folder, 0o755)  # noqa: PTH101, S103 - so that only the socket's own mode keeps them out
    with serving(tmp_path / "root", "--listen", f"unix:{tmp_path}/socket"):
        assert attack(f"unix:{tmp_path}/socket").startswith("UNAVAILABLE: ")


def attack(address: str) -> str:
    """Create a pipeline as another user; return why that failed."""
    done = subprocess.run([sys.executable, "-c", CREATE_PIPELINE, address], capture_output=True, text=True, check=False)
    assert done.returncode == 1, "a pipeline was created, whose command runs as the owner"
    return done.stderr.strip()


def test_a_job_does_not_learn_the_token(port: Localpach) -> None:
    token = (port.root / "token").read_text().strip()
    client = Client(port.address, token)
    client.create_repo("corpus")
    client.put("corpus", {"/a": b"a"})
    script = f"env > /pfs/out/env; cat {port.root}/token > /pfs/out/token || true"
    uuid = client.create_pipeline("curious", sh(script), "corpus")
    assert client.finished_job("curious", uuid).state == pps.JOB_SUCCESS
    assert token not in client.read("curious", "/env").decode()
    assert client.read("curious", "/token") == b""
