"""The processes of jobs: their isolation, and that they end with their job and with the server."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import Localpach, serving, start
from tests.unit.localpach.client import Client, Name, job, sh, until


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it exited before the file was opened or read
        return False


def test_stopping_a_job_kills_all_of_its_processes(client: Client, name: Name, corpus: str, tmp_path: Path) -> None:
    train = name("train")
    # A child in a session of its own, which the death of its parent's process group does not reach.
    script = "setsid sleep 601 & sleep 601 & touch /pfs/out/started; echo up; wait"
    uuid = client.create_pipeline(train, sh(script), corpus)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    until(lambda: client.lines(train, uuid))
    until(lambda: len(sleepers_below(os.getpid(), "601")) >= 2)
    mine = sleepers_below(os.getpid(), "601")
    client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid)))
    assert client.finished_job(train, uuid).state == pps.JOB_KILLED
    until(lambda: not any(alive(pid) for pid in mine))


@pytest.mark.parametrize("how", [Localpach.end, Localpach.kill], ids=["ended", "killed"])
def test_no_process_outlives_the_server(tmp_path: Path, how: Callable[[Localpach], object]) -> None:
    server = start(tmp_path / "root")
    try:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {"/a": b"a"})
        client.create_pipeline("train", sh("setsid sleep 600 & sleep 600"), "corpus")
        until(lambda: len(sleepers_below(server.process.pid, "600")) >= 2)
        mine = sleepers_below(server.process.pid, "600")
    finally:
        how(server)
    until(lambda: not any(alive(pid) for pid in mine))


def test_the_variables_of_a_command_are_not_in_its_command_line(
    server: Localpach, client: Client, name: Name, corpus: str
) -> None:
    train = name("train")
    patch = '[{"op": "add", "path": "/containers/0/env/-", "value": {"name": "TOKEN", "value": "xyzzy-secret"}}]'
    uuid = client.create_pipeline(train, sh("sleep 600"), corpus, pod_patch=patch)
    until(lambda: sleepers_below(server.process.pid, "600"))
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(path.read_bytes())
    assert any(b"sleep\x00600" in line for line in lines)
    assert not any(b"xyzzy-secret" in line for line in lines)
    client.pps.StopPipeline(pps.StopPipelineRequest(pipeline=job(train, uuid).pipeline))


@pytest.fixture
def shared() -> Iterator[Path]:
    """Return a folder that jobs share with the test."""
    with TemporaryDirectory(prefix="localpach-test-", dir="/dev/shm") as folder:
        yield Path(folder)


def test_unfinished_jobs_resume_after_a_restart(tmp_path: Path, shared: Path) -> None:
    root = tmp_path / "root"
    flag = shared / "go"
    server = start(root)
    client = Client(server.address)
    client.create_repo("corpus")
    client.put("corpus", {"/a": b"a"})
    script = f"echo up; while [ ! -e {flag} ]; do sleep 0.05; done; cp /pfs/in/a /pfs/out/"
    uuid = client.create_pipeline("train", sh(script), "corpus")
    below = client.create_pipeline("generate", sh("cat /pfs/in/a > /pfs/out/b"), "train")
    client.job_in("train", uuid, pps.JOB_RUNNING)
    server.kill()
    flag.touch()
    with serving(root) as again:
        client = Client(again.address)
        info = client.finished_job("train", uuid)
        assert (info.state, info.restart) == (pps.JOB_SUCCESS, 1)
        assert client.finished_job("generate", below).state == pps.JOB_SUCCESS
        assert client.read("generate", "/b") == b"a"


def test_read_only_folders_of_a_killed_job_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir(mode=0o755)
    for mode in (0o555, 0o000):
        folder = root / "work" / f"{mode}" / "d"
        (folder / "e").mkdir(parents=True)
        (folder / "link").symlink_to(outside)
        (folder / "e").chmod(mode)
        folder.chmod(mode)
    capabilities = "-dac_override,-dac_read_search"
    dropped = ("setpriv", f"--bounding-set={capabilities}", f"--inh-caps={capabilities}") if os.getuid() == 0 else ()
    server = start(root, wrapper=dropped)
    server.end()
    assert not list((root / "work").iterdir())
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.fixture(params=["namespace", "user-namespace", "replace"])
def isolated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Client]]:
    """Start a server with each kind of isolation."""
    with serving(tmp_path / "root", "--isolation", request.param) as server:
        yield request.param, Client(server.address)


def test_both_kinds_of_isolation_run_a_command(isolated: tuple[str, Client]) -> None:
    kind, client = isolated
    client.create_repo("corpus")
    client.put("corpus", {"/a": b"hello\n"})
    uuid = client.create_pipeline("train", ["cp", "/pfs/in/a", "/pfs/out/b"], "corpus", datum_tries=1)
    assert client.finished_job("train", uuid).state == pps.JOB_SUCCESS
    assert client.read("train", "/b") == b"hello\n"
    uuid = client.create_pipeline("root", sh('echo "${PFS_ROOT-none}"; cat $in/a'), "corpus", datum_tries=1)
    assert client.finished_job("root", uuid).state == pps.JOB_SUCCESS
    first, second = client.lines("root", uuid)
    assert (first == "none") == (kind != "replace")
    assert second == "hello"


def test_a_namespace_needs_no_privileges(tmp_path: Path) -> None:
    dropped = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin") if os.getuid() == 0 else ()
    server = start(tmp_path / "root", "--isolation", "user-namespace", wrapper=dropped)
    try:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {"/a": b"hello\n"})
        uuid = client.create_pipeline("train", sh("cat /pfs/in/a > /pfs/out/b"), "corpus", datum_tries=1)
        assert client.finished_job("train", uuid).state == pps.JOB_SUCCESS, client.lines("train", uuid)
    finally:
        server.end()


def test_an_image_is_an_environment(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    tool = environment / "bin" / "greet"
    tool.write_text("#!/bin/sh\necho hello from the environment > /pfs/out/greeting\n")
    tool.chmod(0o755)
    with serving(tmp_path / "root", "--image", f"trainer:1={environment}") as server:
        client = Client(server.address)
        client.create_repo("corpus")
        client.put("corpus", {"/a": b"a"})
        transform = pps.Transform(image="trainer:1")
        uuid = client.create_pipeline("train", ["greet"], "corpus", transform=transform, datum_tries=1)
        assert client.finished_job("train", uuid).state == pps.JOB_SUCCESS, client.lines("train", uuid)
        assert client.read("train", "/greeting") == b"hello from the environment\n"


def sleepers_below(top: int, seconds: str) -> list[int]:
    """Return the descendants of a process that sleep for so many seconds."""
    parents: dict[int, int] = {}
    sleepers = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
                command = (entry / "cmdline").read_text().split("\0")[:-1]
            except OSError:
                continue
            parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
            if command == ["sleep", seconds]:
                sleepers.append(int(entry.name))

    def is_below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == top:
                return True
        return False

    return [pid for pid in sleepers if is_below(pid)]
