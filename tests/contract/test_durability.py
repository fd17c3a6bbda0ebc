"""Durability: acknowledged writes survive kills, others leave nothing, and an unreadable snapshot is left alone."""

import os
from pathlib import Path

import grpc
import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs

from localpach.errors import FULL
from tests.contract.chaos import torture
from tests.contract.serving import localpach, serving, start
from tests.seed import run_seed
from tests.unit.localpach.client import Client, modifications, repo

SAMPLE_KILLS = int(os.environ.get("KILLS", "4"))
"""A sample; `make chaos-localpach` sets it."""
LARGE = 300_000


def test_kills_lose_no_acknowledged_writes(tmp_path: Path) -> None:
    torture(tmp_path / "root", SAMPLE_KILLS, run_seed())


def test_an_interrupted_stream_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "root") as server:
        client = Client(server.address)
        client.create_repo("corpus")

        def broken() -> object:
            yield from modifications("corpus", {"/a": b"a"})
            raise RuntimeError("the client dies here")

        with pytest.raises(Exception, match="Exception iterating requests"):
            client.pfs.ModifyFile(broken())
        assert not list(client.pfs.ListBranch(pfs.ListBranchRequest(repo=repo("corpus"))))
        assert not list((tmp_path / "root/incoming").iterdir())


def test_open_commits_survive_a_kill(tmp_path: Path) -> None:
    server = start(tmp_path / "root")
    client = Client(server.address)
    client.create_repo("corpus")
    branch = pfs.Branch(repo=repo("corpus"), name="master")
    opened = client.pfs.StartCommit(pfs.StartCommitRequest(branch=branch))
    client.pfs.ModifyFile(modifications("corpus", {"/a": b"kept"}))
    server.kill()
    with serving(tmp_path / "root") as again:
        client = Client(again.address)
        assert client.read("corpus", "/a") == b"kept"
        client.pfs.FinishCommit(pfs.FinishCommitRequest(commit=opened))
        assert client.head("corpus") == opened.id


def test_contents_that_nothing_refers_to_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with serving(root) as server:
        client = Client(server.address)
        for name, content in (("kept", b"k" * LARGE), ("gone", b"g" * LARGE)):
            client.create_repo(name)
            client.put(name, {"/large": content, "/small": content[:10]})
        client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo("gone")))
    with serving(root) as server:
        client = Client(server.address)
        assert client.read("kept", "/large") == b"k" * LARGE
        assert client.read("kept", "/small") == b"k" * 10
    assert len([path for path in (root / "objects").rglob("*") if path.is_file()]) == 3, "two files and their list"


@pytest.mark.parametrize("text", [b"", b'{"format": 1', b"[]", b"\xff", b'{"format": 999}', b'{"format": 1}'], ids=str)
def test_a_snapshot_that_cannot_be_read_is_refused_by_name_and_left_alone(tmp_path: Path, text: bytes) -> None:
    snapshot = tmp_path / "snapshot.json"
    snapshot.write_bytes(text)
    result = localpach("serve", "--root", str(tmp_path), "--listen", "127.0.0.1:0")
    assert result.returncode == 3
    assert result.stderr.startswith(f"localpach: {snapshot} cannot be read and was left as it is: ")
    assert len(result.stderr.splitlines()) == 1
    assert snapshot.read_bytes() == text
    assert not (tmp_path / "objects").exists()


def test_contents_without_a_snapshot_are_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "objects/ab/abcd"
    kept.parent.mkdir(parents=True)
    kept.touch()
    result = localpach("serve", "--listen", "127.0.0.1:0", "--root", str(tmp_path))
    assert result.returncode == 3
    assert f"{tmp_path} has contents but no snapshot.json: restore the file, or use another --root" in result.stderr
    assert kept.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can limit the size of a file system")
def test_a_full_disk_is_reported_in_one_line_and_ends_with_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    limited = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size=1m none {root} && exec "$@"', "sh")
    server = start(root, f"--listen=unix:{tmp_path}/socket", wrapper=limited)
    try:
        client = Client(server.address)
        client.create_repo("corpus")
        with pytest.raises(grpc.RpcError, match="RESOURCE_EXHAUSTED") as refused:
            client.put("corpus", {"/large": bytes(2 << 20)})
        assert refused.value.details() == FULL  # type: ignore[attr-defined]  # an error of gRPC
        assert server.log().splitlines()[-1].endswith(f"error in /pfs_v2.API/ModifyFile: {FULL}")
        client.put("corpus", {"/small": b"x"})
        assert client.paths("corpus") == ["/small"]
    finally:
        server.end()


def test_a_root_is_served_by_one_server_only(tmp_path: Path) -> None:
    with serving(tmp_path / "root"):
        result = localpach("serve", "--root", str(tmp_path / "root"), "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert "is already served by another localpach" in result.stderr
