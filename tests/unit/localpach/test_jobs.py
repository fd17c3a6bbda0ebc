"""Jobs: their files, datums, processes and logs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import Localpach, serving, start
from tests.unit.localpach.client import Client, commit, job, pfs_input, until

Name = Callable[[str], str]


@pytest.fixture
def corpus(client: Client, name: Name) -> str:
    """Create a repo with two files."""
    repo = name("corpus")
    client.create_repo(repo)
    client.put(repo, {"/a.txt": b"alpha\n", "/b.txt": b"beta\n"})
    return repo


def sh(script: str) -> list[str]:
    """Return a command that runs a script."""
    return ["sh", "-c", script]


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it exited before the file was opened or read
        return False


def test_a_job_reads_its_input_and_writes_its_output_in_pfs(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("mkdir /pfs/out/d; cat /pfs/in/*.txt > /pfs/out/d/model"), corpus)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.read(train, "/d/model", uuid) == b"alpha\nbeta\n"


def test_a_job_gets_its_environment_stdin_and_working_directory(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "echo $in $in_COMMIT $PACH_JOB_ID $PACH_OUTPUT_COMMIT_ID $PACH_DATUM_ID $SEED; cat; pwd"
    request = pps.Transform(env={"SEED": "7"}, stdin=["one", "two"], working_dir="/tmp")
    uuid = client.create_pipeline(train, sh(script), corpus, transform=request)
    client.finished_job(train, uuid)
    datum = next(iter(client.pps.ListDatum(pps.ListDatumRequest(job=job(train, uuid))))).datum.id
    assert client.lines(train, uuid) == [
        f"/pfs/in {client.head(corpus)} {uuid} {uuid} {datum} 7",
        "one",
        "two",
        "/tmp",
    ]


def test_each_version_of_a_pipeline_has_its_own_tmp(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    for expected in (b"1\n", b"1\n"):
        uuid = client.create_pipeline(
            train, sh("echo x >> /tmp/tries; wc -l < /tmp/tries > /pfs/out/n"), corpus, update=True, reprocess=True
        )
        client.finished_job(train, uuid)
        assert client.read(train, "/n", uuid) == expected


def test_only_new_and_changed_datums_are_processed(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "for f in /pfs/in/*; do cp $f /pfs/out/; done"
    first = client.create_pipeline(train, sh(script), pfs_input(corpus, "/*", name="in"))
    assert client.finished_job(train, first).data_processed == 2
    client.put(corpus, {"/b.txt": b"changed\n", "/c.txt": b"new\n"})
    second = client.finished_job(train, client.head(train))
    assert (second.data_processed, second.data_skipped, second.data_total) == (2, 1, 3)
    removal = [
        pfs.ModifyFileRequest(set_commit=commit(corpus)),
        pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path="/a.txt")),
    ]
    client.pfs.ModifyFile(iter(removal))
    third = client.finished_job(train, client.head(train))
    assert (third.data_skipped, third.data_total) == (2, 2)
    assert client.paths(train) == ["/b.txt", "/c.txt"]
    assert client.read(train, "/b.txt") == b"changed\n"


def test_every_job_processes_all_datums_with_reprocess_spec_every_job(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    client.create_pipeline(train, sh("echo x > /pfs/out/x"), corpus, reprocess_spec="every_job")
    client.finished_job(train, client.head(train))
    client.put(corpus, {"/a.txt": b"alpha\n"})
    assert client.finished_job(train, client.head(train)).data_processed == 1


def test_a_failed_datum_keeps_the_output_of_the_others(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "if [ -e /pfs/in/b.txt ]; then exit 3; fi; cp /pfs/in/a.txt /pfs/out/"
    uuid = client.create_pipeline(train, sh(script), pfs_input(corpus, "/*", name="in"), datum_tries=1)
    info = client.finished_job(train, uuid)
    assert info.state == pps.JOB_FAILURE
    assert (info.data_processed, info.data_failed, info.data_total) == (1, 1, 2)
    assert client.paths(train, uuid) == ["/a.txt"]


def test_exit_statuses_can_be_accepted(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    transform = pps.Transform(accept_return_code=[4])
    uuid = client.create_pipeline(train, sh("exit 4"), corpus, transform=transform, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS


def test_an_error_command_recovers_a_datum(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    transform = pps.Transform(err_cmd=["true"])
    uuid = client.create_pipeline(train, sh("exit 1"), corpus, transform=transform, datum_tries=1)
    info = client.finished_job(train, uuid)
    assert (info.state, info.data_recovered) == (pps.JOB_SUCCESS, 1)


def test_a_command_that_does_not_exist_fails_its_job(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, ["/no/such/command"], corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert client.lines(train, uuid) == ["/no/such/command: no such file or directory"]


def test_links_in_the_output_are_resolved(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("ln -s /pfs/in/a.txt /pfs/out/link; ln -s /pfs/in /pfs/out/all"), corpus)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.read(train, "/link", uuid) == b"alpha\n"
    assert client.paths(train, uuid) == ["/all/a.txt", "/all/b.txt", "/link"]


def test_the_memory_limit_is_enforced(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    hog = "import time; hold = bytearray(200_000_000); time.sleep(60)"
    limits = pps.ResourceSpec(memory="64Mi")
    uuid = client.create_pipeline(train, ["python3", "-c", hog], corpus, resource_limits=limits, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert any("memory limit" in line for line in client.lines(train, uuid))
    assert exit_descriptions(client, train, uuid) == ["signal: killed"]


def test_the_worker_logs_how_the_command_ended(client: Client, name: Name, corpus: str) -> None:
    """Check the real server's words, the only log of a command without output."""
    train = name("train")
    uuid = client.create_pipeline(train, sh("exit 3"), corpus, datum_tries=2)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert exit_descriptions(client, train, uuid) == ["exit status 3", "exit status 3"]
    train = name("killed")
    uuid = client.create_pipeline(train, sh("kill -SEGV $$"), corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert exit_descriptions(client, train, uuid) == ["signal: segmentation fault"]


def exit_descriptions(client: Client, pipeline: str, uuid: str) -> list[str]:
    """Return how the worker describes the ends of a command."""
    text = "\n".join(client.lines(pipeline, uuid, user=False))
    return re.findall(r"^errored running user code after [0-9.]+s: (.*)$", text, re.MULTILINE)


def test_ignored_gpu_limits_are_logged_once(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    limits = pps.ResourceSpec(gpu=pps.GPUSpec(type="nvidia.com/gpu", number=1))
    uuid = client.create_pipeline(train, sh("true"), pfs_input(corpus, "/*", name="in"), resource_limits=limits)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert sum("GPU limits are ignored" in line for line in client.lines(train, uuid, user=False)) == 1


def test_datums_run_in_parallel_as_requested(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "touch /tmp/$PACH_DATUM_ID; until [ $(ls /tmp | wc -l) -ge 2 ]; do sleep 0.05; done"
    uuid = client.create_pipeline(
        train,
        sh(script),
        pfs_input(corpus, "/*", name="in"),
        parallelism_spec=pps.ParallelismSpec(constant=2),
        datum_timeout=Duration(seconds=20),
        datum_tries=1,
    )
    assert client.finished_job(train, uuid).data_processed == 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("cross", [("/1/a", "/1/x"), ("/1/a", "/2/y"), ("/2/b", "/1/x"), ("/2/b", "/2/y")]),
        ("union", [("/1/a",), ("/1/x",), ("/2/b",), ("/2/y",)]),
        ("join", [("/1/a", "/1/x"), ("/2/b", "/2/y")]),
        ("group", [("/1/a", "/1/x"), ("/2/b", "/2/y")]),
    ],
)
def test_inputs_combine(client: Client, name: Name, kind: str, expected: list[tuple[str, ...]]) -> None:
    left, right = name("left"), name("right")
    for repo, files in ((left, {"/1/a": b"a", "/2/b": b"b"}), (right, {"/1/x": b"x", "/2/y": b"y"})):
        client.create_repo(repo)
        client.put(repo, files)
    field = {"join": {"join_on": "$1"}, "group": {"group_by": "$1"}}.get(kind, {})
    members = [pfs_input(left, "/(*)/*", **field), pfs_input(right, "/(*)/*", **field)]
    request = pps.ListDatumRequest(input=pps.Input(**{kind: members}))
    found = [tuple(info.file.path for info in datum.data) for datum in client.pps.ListDatum(request)]
    assert sorted(found) == expected


def test_two_datums_cannot_write_the_same_path(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("echo x > /pfs/out/same"), pfs_input(corpus, "/*", name="in"))
    info = client.finished_job(train, uuid)
    assert info.state == pps.JOB_FAILURE
    assert info.reason.startswith("duplicate path output by different datums (/same from ")


def test_stopping_a_job_kills_all_of_its_processes(client: Client, name: Name, corpus: str, tmp_path: Path) -> None:
    train = name("train")
    # A child in a session of its own, which the death of its parent's process group does not reach.
    script = "setsid sleep 600 & sleep 600 & touch /pfs/out/started; echo up; wait"
    uuid = client.create_pipeline(train, sh(script), corpus)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    until(lambda: client.lines(train, uuid))
    until(lambda: len(sleepers_below(os.getpid())) >= 2)
    mine = sleepers_below(os.getpid())
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
        until(lambda: len(sleepers_below(server.process.pid)) >= 2)
        mine = sleepers_below(server.process.pid)
    finally:
        how(server)
    until(lambda: not any(alive(pid) for pid in mine))


def test_the_spec_of_a_command_is_not_in_its_command_line(
    server: Localpach, client: Client, name: Name, corpus: str
) -> None:
    train = name("train")
    transform = pps.Transform(env={"TOKEN": "xyzzy-secret"})
    uuid = client.create_pipeline(train, sh("echo up; sleep 600"), corpus, transform=transform)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    until(lambda: client.lines(train, uuid))
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(b"xyzzy-secret" in line for line in lines)
    client.pps.StopPipeline(pps.StopPipelineRequest(pipeline=job(train, uuid).pipeline))


def test_unfinished_jobs_resume_after_a_restart(tmp_path: Path) -> None:
    root = tmp_path / "root"
    flag = Path("/dev/shm") / f"localpach-test-{os.getpid()}"  # a folder that jobs share with the test
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
    flag.unlink()


@pytest.fixture(params=["namespace", "replace"])
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
    assert (first == "none") == (kind == "namespace")
    assert second == "hello"


def test_a_namespace_needs_no_privileges(tmp_path: Path) -> None:
    dropped = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin") if os.getuid() == 0 else ()
    server = start(tmp_path / "root", "--isolation", "namespace", wrapper=dropped)
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


def test_a_datum_that_exceeds_its_timeout_fails(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(
        train, sh("sleep 600"), corpus, datum_timeout=Duration(nanos=300_000_000), datum_tries=1
    )
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE


def test_autoscaling_enters_standby_and_resumes(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("true"), corpus, autoscaling=True)
    client.finished_job(train, uuid)
    request = pps.InspectPipelineRequest(pipeline=job(train, uuid).pipeline, details=True)
    until(lambda: client.pps.InspectPipeline(request).state == pps.PIPELINE_STANDBY)
    assert client.pps.InspectPipeline(request).details.workers_requested == 0
    client.put(corpus, {"/c": b"c"})
    assert client.finished_job(train, client.head(train)).state == pps.JOB_SUCCESS
    until(lambda: client.pps.InspectPipeline(request).state == pps.PIPELINE_STANDBY)


def test_logs_can_be_followed(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("for i in 1 2 3; do echo line $i; sleep 0.1; done"), corpus)
    until(lambda: client.job(train, uuid).state == pps.JOB_RUNNING)
    stream = client.pps.GetLogs(pps.GetLogsRequest(pipeline=job(train, uuid).pipeline, follow=True), timeout=60)
    found = []
    for line in stream:
        if line.user:
            found.append(line.message)
        if len(found) == 3:
            stream.cancel()
            break
    assert found == ["line 1", "line 2", "line 3"]


def test_a_followed_log_ends_with_its_workers(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("echo up"), corpus)
    client.finished_job(train, uuid)
    stream = client.pps.GetLogs(pps.GetLogsRequest(pipeline=job(train, uuid).pipeline, follow=True), timeout=60)
    next(iter(stream))
    client.pps.StopPipeline(pps.StopPipelineRequest(pipeline=job(train, uuid).pipeline))
    for _ in stream:
        pass
    with pytest.raises(grpc.RpcError, match="no pods belonging to the rc"):
        client.lines(train, uuid)


def sleepers_below(top: int) -> list[int]:
    """Return the descendants of a process that are called sleep."""
    parents: dict[int, int] = {}
    sleepers = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
            if "(sleep)" in text:
                sleepers.append(int(entry.name))

    def is_below(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == top:
                return True
        return False

    return [pid for pid in sleepers if is_below(pid)]
