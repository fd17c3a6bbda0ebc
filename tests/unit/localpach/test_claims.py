"""Claims in a pod patch: a folder of the root that outlives jobs, and what a patch may not ask for."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import serving
from tests.unit.localpach.client import Client

Name = Callable[[str], str]
COUNT = 'echo run >> "$STATE/runs"; wc -l < "$STATE/runs"'
"""Appends a line to a file of the claim and prints the number of lines."""


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def volume(claim: str = "checkpoints", name: str = "state") -> dict[str, Any]:
    return add("/volumes/-", {"name": name, "persistentVolumeClaim": {"claimName": claim}})


def mount(sub: str = "default/train", **more: Any) -> dict[str, Any]:
    return add("/containers/0/volumeMounts/-", {"name": "state", "mountPath": "/state-of-it", "subPath": sub, **more})


def variable(value: str = "/state-of-it") -> dict[str, Any]:
    return add("/containers/0/env/-", {"name": "STATE", "value": value})


def patch(claim: str = "checkpoints", sub: str = "default/train") -> str:
    return json.dumps([add("/securityContext", {"fsGroup": 65532}), volume(claim), mount(sub), variable()])


@pytest.fixture(scope="module", params=["namespace", "replace"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Client]]:
    """Start a server with each kind of isolation; yield its root folder and a client."""
    root = tmp_path_factory.mktemp("claims") / "root"
    with serving(root, "--isolation", request.param, "--settle", "0") as server:
        yield root, Client(server.address)


@pytest.fixture
def isolated(served: tuple[Path, Client]) -> Iterator[tuple[Path, Client]]:
    """Return such a server, which has nothing but the test's own."""
    root, client = served
    yield root, client
    for info in client.pps.ListPipeline(pps.ListPipelineRequest()):
        client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=info.pipeline, force=True))
    for info in client.pfs.ListRepo(pfs.ListRepoRequest()):
        client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=info.repo, force=True))
    for claim in (root / "claims").iterdir():
        shutil.rmtree(claim)


def corpus(client: Client, repo: str = "corpus") -> str:
    client.create_repo(repo)
    client.put(repo, {"/a.txt": b"alpha\n"})
    return repo


def test_a_folder_of_a_claim_outlives_jobs_and_versions(isolated: tuple[Path, Client]) -> None:
    root, client = isolated
    source = corpus(client)
    words = ["sh", "-c", COUNT]
    client.create_pipeline("train", words, source, pod_patch=patch())
    client.finished_job("train", client.head("train"))
    assert client.lines("train", client.head("train")) == ["1"]
    update = {"update": True, "reprocess": True, "pod_patch": patch()}
    client.create_pipeline("train", words, source, **update)
    client.finished_job("train", client.head("train"))
    assert client.lines("train", client.head("train")) == ["2"]
    assert (root / "claims/checkpoints/default/train/runs").read_text() == "run\nrun\n"
    assert (root / "claims").stat().st_mode & 0o777 == 0o700


def test_an_isolated_job_finds_the_folder_at_its_path_only(tmp_path: Path) -> None:
    with serving(tmp_path / "root", "--isolation", "namespace", "--settle", "0") as server:
        client = Client(server.address)
        script = f"touch /state-of-it/here; ls /state-of-it; test -e {tmp_path}/root/claims || echo hidden"
        client.create_pipeline("train", ["sh", "-c", script], corpus(client), pod_patch=patch())
        client.finished_job("train", client.head("train"))
        assert client.lines("train", client.head("train")) == ["here", "hidden"]
    assert not Path("/state-of-it").exists()


@pytest.mark.parametrize(
    "operation",
    [
        add("/volumes/-", {"name": "state", "hostPath": {"path": "/"}}),
        volume(claim="../../etc"),
        add("/volumes/0", {"name": "state", "persistentVolumeClaim": {"claimName": "c"}}),
        mount(readOnly=True),
        mount(sub="../other"),
        mount(mountPath="/usr/x"),
        mount(mountPath="/pfs/in"),
        mount(mountPath="/new/../usr/x"),
        mount(name="none"),
        add("/containers/0/env/-", {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}),
        {"op": "add", "path": "/containers/0/env/-"},
        add("/containers/0/image", "other:1"),
        add("/containers/-", {"name": "mine"}),
        {"op": "replace", "path": "/containers/0/env/0/value", "value": "x"},
        {"op": "move", "path": "/volumes/-", "from": "/volumes/0"},
        "no operation",
    ],
    ids=str,
)
def test_what_localpach_does_not_do_in_a_patch_is_refused_in_one_sentence(
    client: Client, name: Name, operation: dict[str, Any]
) -> None:
    source = corpus(client, name("corpus"))
    operations = [volume(), operation, mount(mountPath="/elsewhere")]
    with pytest.raises(grpc.RpcError) as refused:
        client.create_pipeline(name("train"), ["true"], source, pod_patch=json.dumps(operations))
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]  # it is also a Call
    message = refused.value.details()  # type: ignore[attr-defined]  # likewise
    assert message.startswith(("localpach does not support this operation of a pod_patch: ", "localpach cannot mount "))
    assert "\n" not in message


def test_what_has_no_meaning_for_a_process_is_accepted(client: Client, name: Name) -> None:
    operations = [
        add("/runtimeClassName", "nvidia"),
        add("/hostname", "w"),
        add("/securityContext", {"fsGroup": 65532}),
        add("/tolerations/-", {"operator": "Exists"}),
    ]
    train = name("train")
    source = corpus(client, name("corpus"))
    client.create_pipeline(train, ["true"], source, pod_patch=json.dumps(operations))
    assert client.finished_job(train, client.head(train)).state == pps.JOB_SUCCESS
