"""What is acknowledged stays, what is not is nowhere, and what is damaged is not served."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs

from tests.contract.chaos import torture
from tests.contract.serving import serving, start
from tests.unit.localpach.client import Client, commit, modifications, repo

# A sample in every run; `python -m tests.contract.chaos` kills as often as it is told to.
SAMPLE_KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
LARGE = 300_000


def localpach(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "localpach.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")  # shown when it fails; CHAOS_SEED repeats it
    torture(tmp_path / "root", SAMPLE_KILLS, seed)


def test_a_stream_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
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


def test_contents_that_no_commit_has_are_collected(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with serving(root) as server:
        client = Client(server.address)
        for name, content in (("kept", b"k" * LARGE), ("gone", b"g" * LARGE)):
            client.create_repo(name)
            client.put(name, {"/large": content, "/small": content[:10]})
        client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo("gone")))
    stored = {path for path in (root / "objects").rglob("*") if path.is_file()}
    assert len(stored) == 2
    result = localpach("check", "--root", str(root), "--collect")
    assert result.returncode == 0, result.stderr
    assert f"removed 2 parts of {LARGE + 10} bytes" in result.stdout
    assert len([path for path in (root / "objects").rglob("*") if path.is_file()]) == 1
    with serving(root) as server:
        assert Client(server.address).read("kept", "/large") == b"k" * LARGE


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The root of a server that has ended, with one large and one small file in it."""
    root = tmp_path / "root"
    with serving(root) as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {"/large": random.Random(1).randbytes(LARGE), "/small": b"small"})
    return root


def large_object(root: Path) -> Path:
    """The file that holds the large content."""
    return next(path for path in (root / "objects").rglob("*") if path.is_file())


def cut_off(root: Path) -> None:
    """Lose the end of a content."""
    os.truncate(large_object(root), 100)


def lose(root: Path) -> None:
    """Lose a content."""
    large_object(root).unlink()


def lose_small(root: Path) -> None:
    """Lose a content that is kept in the database."""
    with sqlite3.connect(root / "contents.db") as db:
        db.execute("DELETE FROM small")


def scribble(root: Path) -> None:
    """Overwrite pages of the metadata."""
    with (root / "metadata.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20_000)


def from_the_future(root: Path) -> None:
    """Make it look as if a later localpach had written it."""
    with sqlite3.connect(root / "metadata.db") as db:
        db.execute("PRAGMA user_version = 999")


@pytest.mark.parametrize(
    "damage", [cut_off, lose, lose_small, scribble, from_the_future], ids=lambda each: each.__name__
)
def test_a_damaged_store_is_reported_and_not_served(filled: Path, damage: object) -> None:
    damage(filled)  # type: ignore[operator]  # parametrized
    result = localpach("serve", "--root", str(filled), "--listen", "127.0.0.1:0")
    assert result.returncode == 3
    assert result.stderr.startswith("localpach: the store is damaged, nothing is served: ")
    assert "Traceback" not in result.stderr


def test_changed_bytes_are_found_by_check_and_never_sent(filled: Path) -> None:
    path = large_object(filled)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    result = localpach("check", "--root", str(filled))
    assert result.returncode == 3
    assert "the store has damaged content" in result.stdout
    with serving(filled) as server, pytest.raises(Exception, match="DATA_LOSS"):
        Client(server.address).read("corpus", "/large")


def test_a_root_is_served_once(filled: Path) -> None:
    with serving(filled):
        result = localpach("serve", "--root", str(filled), "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert "is served already, by process" in result.stderr


def test_an_address_that_is_taken_is_said_to_be(filled: Path, tmp_path: Path) -> None:
    with serving(filled) as server:
        result = localpach("serve", "--root", str(tmp_path / "other"), "--listen", server.address)
    assert result.returncode == 1
    assert "is another server there?" in result.stderr


def test_a_commit_is_whole_at_any_time_for_those_who_read(tmp_path: Path) -> None:
    with serving(tmp_path / "root") as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {f"/{number}": b"x" for number in range(50)})
        first = client.head("corpus")
        client.put("corpus", {f"/{number}": b"y" for number in range(50)})
        assert {client.read("corpus", f"/{number}", first) for number in range(50)} == {b"x"}
        assert commit("corpus", first).id == first
