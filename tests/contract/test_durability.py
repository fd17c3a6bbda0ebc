"""Durability: acknowledged writes survive kills, others leave nothing, and damaged data is not served."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.pfs.garbage import collect
from localpach.store.opening import open_store
from tests.contract.chaos import torture
from tests.contract.serving import localpach, serving, start
from tests.seed import run_seed
from tests.unit.localpach.client import Client, commit, modifications, repo

# A sample; `python -m tests.contract.chaos` runs as many kills as requested.
SAMPLE_KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
LARGE = 300_000
FILES = {"/large": random.Random(1).randbytes(LARGE), "/small": b"small"}


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


def test_open_commits_and_transactions_survive_a_kill(tmp_path: Path) -> None:
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


def test_unreferenced_contents_are_collected(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with serving(root) as server:
        client = Client(server.address)
        for name, content in (("kept", b"k" * LARGE), ("gone", b"g" * LARGE)):
            client.create_repo(name)
            client.put(name, {"/large": content, "/small": content[:10]})
        client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo("gone")))
    db, contents = open_store(root)
    with closing(db), closing(contents):
        assert collect(db, contents) == (2, LARGE + 10)
    assert len([path for path in (root / "objects").rglob("*") if path.is_file()]) == 1
    with serving(root) as server:
        assert Client(server.address).read("kept", "/large") == b"k" * LARGE


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a stopped server with a large and a small file."""
    root = tmp_path_factory.mktemp("store") / "root"
    with serving(root) as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", FILES)
    return root


@pytest.fixture
def filled(store: Path, tmp_path: Path) -> Path:
    """Return a copy of that root."""
    return Path(shutil.copytree(store, tmp_path / "root", symlinks=True))


def large_object(root: Path) -> Path:
    """Return the file with the large content."""
    return next(path for path in (root / "objects").rglob("*") if path.is_file())


def truncate(root: Path) -> None:
    """Truncate a content."""
    os.truncate(large_object(root), 100)


def delete_large(root: Path) -> None:
    """Delete a content."""
    large_object(root).unlink()


def delete_small(root: Path) -> None:
    """Delete a content that is in the database."""
    with sqlite3.connect(root / "contents.db") as db:
        db.execute("DELETE FROM small")


def overwrite_pages(root: Path) -> None:
    """Overwrite pages of the metadata."""
    with (root / "metadata.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)


def future_format(root: Path) -> None:
    """Set the format version to one of a later localpach."""
    with sqlite3.connect(root / "metadata.db") as db:
        db.execute("PRAGMA user_version = 999")


def delete_metadata(root: Path) -> None:
    """Delete the metadata."""
    (root / "metadata.db").unlink()


@pytest.mark.parametrize("damage", [overwrite_pages, future_format, delete_metadata], ids=lambda each: each.__name__)
def test_damaged_metadata_is_reported_and_not_served(filled: Path, damage: object) -> None:
    damage(filled)  # type: ignore[operator]  # parametrized
    result = localpach("serve", "--root", str(filled), "--listen", "127.0.0.1:0")
    assert result.returncode == 3
    assert result.stderr.startswith("localpach: the store is damaged and is not served: ")
    assert "Traceback" not in result.stderr


def test_a_store_without_metadata_says_what_to_do_and_gets_no_empty_metadata(filled: Path) -> None:
    delete_metadata(filled)
    result = localpach("serve", "--listen", "127.0.0.1:0", "--root", str(filled))
    assert result.returncode == 3
    assert f"{filled} has contents but no metadata.db: restore the file, or use another --root" in result.stderr
    assert not (filled / "metadata.db").exists()


def test_acknowledged_changes_that_the_write_ahead_log_lost_are_reported_until_accepted(tmp_path: Path) -> None:
    root = tmp_path / "root"
    server = start(root)
    client = Client(server.address)
    client.create_repo("corpus")
    for number in range(30):
        client.put("corpus", {f"/{number}": b"x"})
    server.kill()
    flip_a_bit(root / "metadata.db-wal")
    for _ in range(2):
        result = localpach("serve", "--root", str(root), "--listen", "127.0.0.1:0")
        assert result.returncode == 3
        assert f"{root / 'metadata.db'} lost its last " in result.stderr
        assert f"localpach serve --root {root} --accept-loss" in result.stderr
    for options in (["--accept-loss"], []):
        with serving(root, *options) as again:
            assert 0 < len(Client(again.address).paths("corpus")) < 30


def flip_a_bit(path: Path) -> None:
    """Damage the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize(
    ("damage", "path", "intact"),
    [
        (truncate, "/large", "/small"),
        (delete_large, "/large", "/small"),
        (lambda root: flip_a_bit(large_object(root)), "/large", "/small"),
        (delete_small, "/small", "/large"),
    ],
    ids=["truncated", "lost", "flipped", "lost row"],
)
def test_only_what_needs_a_damaged_content_fails_until_it_is_pushed_again(
    filled: Path, damage: Callable[[Path], None], path: str, intact: str
) -> None:
    damage(filled)
    with serving(filled) as server:
        client = Client(server.address)
        assert client.read("corpus", intact)
        assert client.paths("corpus") == ["/large", "/small"]
        name = f"default/corpus@{client.head('corpus')}:{path}"
        request = pfs.GetFileRequest(file=pfs.File(commit=commit("corpus"), path=path))
        pieces: list[pfs.BytesValue] = []
        with pytest.raises(grpc.RpcError) as error:
            pieces.extend(client.pfs.GetFile(request))
        assert error.value.code() == grpc.StatusCode.DATA_LOSS  # type: ignore[attr-defined]  # errors of calls have it
        assert f"cannot read {name}: content " in error.value.details()  # type: ignore[attr-defined]  # likewise
        assert "push the same file again" in error.value.details()  # type: ignore[attr-defined]  # likewise
        assert pieces == []
        failed = client.create_pipeline("copy", ["true"], "corpus")
        info = client.finished_job("copy", failed)
        assert info.state == pps.JOB_UNRUNNABLE
        assert f"unrunnable because an input is damaged: cannot read {name}: " in info.reason
        client.put("corpus", FILES)
        assert client.read("corpus", path) == FILES[path]


def test_a_root_is_served_by_one_server_only(filled: Path) -> None:
    with serving(filled):
        result = localpach("serve", "--root", str(filled), "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert "is already served by process" in result.stderr


@pytest.mark.parametrize("where", [[], ["--listen", "127.0.0.1:0"]], ids=["socket", "port"])
def test_an_address_in_use_is_reported(filled: Path, tmp_path: Path, where: list[str]) -> None:
    with serving(filled, *where) as server:
        result = localpach("serve", "--root", str(tmp_path / "other"), "--listen", server.address)
    assert result.returncode == 1
    assert "the address is in use" in result.stderr


def test_readers_always_get_complete_commits(tmp_path: Path) -> None:
    with serving(tmp_path / "root") as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {f"/{number}": b"x" for number in range(50)})
        first = client.head("corpus")
        client.put("corpus", {f"/{number}": b"y" for number in range(50)})
        assert {client.read("corpus", f"/{number}", first) for number in range(50)} == {b"x"}
        assert commit("corpus", first).id == first
