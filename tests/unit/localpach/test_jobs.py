"""Jobs: their files, datums and logs; and that hostile ones fail with a reason and see nothing of others."""

import re
import stat
from pathlib import Path

import grpc
import pytest
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.server import THREADS
from tests.contract.serving import serving
from tests.unit.localpach.client import Client, Name, commit, job, pfs_input, repo, sh, until

CLIENTS = 64


def test_a_job_reads_its_input_and_writes_its_output_in_pfs(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("mkdir /pfs/out/d; cat /pfs/in/*.txt > /pfs/out/d/model"), corpus)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.read(train, "/d/model", uuid) == b"alpha\nbeta\n"


def test_a_job_knows_its_input_its_commits_and_its_datum(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "echo $in $in_COMMIT $PACH_JOB_ID $PACH_OUTPUT_COMMIT_ID $PACH_DATUM_ID $PPS_PIPELINE_NAME; cat; pwd"
    uuid = client.create_pipeline(train, sh(script), corpus)
    client.finished_job(train, uuid)
    (datum,) = {line.datum_id for line in client.pps.GetLogs(pps.GetLogsRequest(job=job(train, uuid))) if line.user}
    assert client.lines(train, uuid) == [f"/pfs/in {client.head(corpus)} {uuid} {uuid} {datum} {train}", "/"]


def test_a_failed_datum_keeps_the_output_of_the_others(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "if [ -e /pfs/in/b.txt ]; then exit 3; fi; cp /pfs/in/a.txt /pfs/out/"
    uuid = client.create_pipeline(train, sh(script), pfs_input(corpus, "/*", name="in"), datum_tries=1)
    info = client.finished_job(train, uuid)
    assert info.state == pps.JOB_FAILURE
    assert (info.data_processed, info.data_failed, info.data_total) == (1, 1, 2)
    assert client.paths(train, uuid) == ["/a.txt"]


@pytest.mark.parametrize("command", ["/no/such/command", "no-such-tool"])
def test_a_command_that_does_not_exist_fails_its_job_and_is_named(
    client: Client, name: Name, corpus: str, command: str
) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, [command], corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    (said,) = client.lines(train, uuid)
    assert said.endswith(f"failed to execute {command}: No such file or directory")


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


def test_datums_run_in_parallel_as_requested(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = "touch /tmp/$PACH_DATUM_ID; until [ $(ls /tmp | wc -l) -ge 2 ]; do sleep 0.05; done"
    uuid = client.create_pipeline(
        train,
        sh(script),
        pfs_input(corpus, "/*", name="in"),
        parallelism_spec=pps.ParallelismSpec(constant=2),
        datum_tries=1,
    )
    assert client.finished_job(train, uuid).data_processed == 2


def test_two_datums_cannot_write_the_same_path(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("echo x > /pfs/out/same"), pfs_input(corpus, "/*", name="in"))
    info = client.finished_job(train, uuid)
    assert info.state == pps.JOB_FAILURE
    assert info.reason.startswith("duplicate path output by different datums (/same from ")


def test_logs_can_be_followed(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("ls /pfs/in"), corpus)
    client.finished_job(train, uuid)
    stream = client.pps.GetLogs(pps.GetLogsRequest(pipeline=job(train, uuid).pipeline, follow=True), timeout=60)
    found = (line.message for line in stream if line.user)
    assert [next(found), next(found)] == ["a.txt", "b.txt"]
    client.put(corpus, {"/c.txt": b"written while the log is followed"})
    assert [next(found), next(found), next(found)] == ["a.txt", "b.txt", "c.txt"]
    stream.cancel()


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


def test_waiting_calls_do_not_block_other_calls(client: Client, name: Name) -> None:
    corpus, train = name("corpus"), name("train")
    client.create_repo(corpus)
    client.put(corpus, {"/a": b"a"})
    uuid = client.create_pipeline(train, ["sleep", "600"], corpus)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    waiting, followed = [], []
    for _ in range(CLIENTS):
        waiting.append(client.pps.InspectJob.future(pps.InspectJobRequest(job=job(train, uuid), wait=True)))
        waiting.append(
            client.pfs.InspectCommit.future(
                pfs.InspectCommitRequest(commit=commit(train), wait=pfs.CommitState.FINISHED)
            )
        )
        followed.append(client.pps.GetLogs(pps.GetLogsRequest(pipeline=job(train, uuid).pipeline, follow=True)))
    request = pfs.InspectBranchRequest(branch=pfs.Branch(repo=repo(corpus), name="master"))
    for _ in range(20):
        client.pfs.InspectBranch(request, timeout=60)  # the others wait for ten minutes
    client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid)))
    assert all(call.result(timeout=60) for call in waiting)
    for call in followed:
        call.cancel()


def test_a_cancelled_call_frees_its_thread(client: Client, name: Name) -> None:
    corpus = name("corpus")
    client.create_repo(corpus)
    branch = pfs.Branch(repo=repo(corpus), name="master")
    opened = client.pfs.StartCommit(pfs.StartCommitRequest(branch=branch))
    request = pfs.InspectCommitRequest(commit=opened, wait=pfs.CommitState.FINISHED)
    head = pfs.InspectBranchRequest(branch=branch)
    for _ in range(2 * THREADS // CLIENTS):
        calls = [client.pfs.InspectCommit.future(request) for _ in range(CLIENTS)]
        client.pfs.InspectBranch(head, timeout=60)  # those before it have begun
        for call in calls:
            call.cancel()
    # Twice as many calls were cancelled as there are threads, so none would be left for another call.
    client.pfs.InspectBranch(head, timeout=60)


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf /pfs/out",
        "rm -rf /pfs/out; echo x > /pfs/out",
        "rm -rf /pfs/out; ln -s in /pfs/out",
        "rm -rf /pfs/out; ln -s / /pfs/out",
        "rm -rf /pfs/*",
    ],
)
def test_output_that_is_not_a_folder_fails_the_datum(client: Client, name: Name, corpus: str, script: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh(script), corpus, datum_tries=2)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    cause = "cannot upload /pfs/out: the command removed it, or replaced it by a link or a file"
    assert f"try 2 of 2 failed: {cause}" in client.lines(train, uuid, user=False)


@pytest.mark.parametrize(
    ("script", "path"),
    [
        ("ln -s /etc/hostname /pfs/out/link", "/link"),
        ("ln -s /pfs/../../../snapshot.json /pfs/out/link", "/link"),
        ("mkdir /pfs/out/d; ln -s /etc /pfs/out/d/all", "/d/all"),
        (r"""ln -s /pfs/in/a.txt "$(printf '/pfs/out/\377')" """, r"/\xff"),
    ],
)
def test_a_link_in_the_output_fails_the_datum(client: Client, name: Name, corpus: str, script: str, path: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh(script), corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert client.lines(train, uuid) == [f"cannot upload {path}: it is a link. Copy the file instead"]
    assert client.paths(train, uuid) == []


def test_an_input_whose_name_is_too_long_for_the_file_system_fails_the_datum(client: Client, name: Name) -> None:
    corpus, train, long = name("corpus"), name("train"), "x" * 300
    client.create_repo(corpus)
    client.put(corpus, {f"/{long}": b"x"})
    uuid = client.create_pipeline(train, sh("true"), corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    reason = f"File name too long, rename it in its repo: /pfs/in/{long}"
    assert f"try 1 of 1 failed: {reason}" in client.lines(train, uuid, user=False)
    assert client.lines(train, uuid) == [reason]


def test_a_job_whose_input_was_deleted_by_force_ends_with_the_reason(client: Client, name: Name, corpus: str) -> None:
    train, generate = name("train"), name("generate")
    client.create_pipeline(train, sh("sleep 600"), corpus)
    uuid = client.create_pipeline(generate, sh("true"), train)
    client.job_in(generate, uuid, pps.JOB_STARTING)
    client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=job(train, "").pipeline, force=True))
    info = client.finished_job(generate, uuid)
    assert info.state == pps.JOB_UNRUNNABLE
    # A deleted pipeline is stopped first, so the job may see its input fail before it is gone.
    assert info.reason.startswith(("unrunnable because an input was deleted", "unrunnable because the following"))


def test_stopping_a_job_stops_the_upload_of_its_output(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("truncate -s 200G /pfs/out/sparse; echo written"), corpus, datum_tries=1)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    until(lambda: "written" in client.lines(train, uuid) or None)
    client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid), reason="enough"))
    assert client.finished_job(train, uuid).state == pps.JOB_KILLED
    after = client.create_pipeline(train, sh("echo done > /pfs/out/next"), corpus, update=True, reprocess=True)
    assert client.finished_job(train, after).state == pps.JOB_SUCCESS


def test_the_data_are_readable_by_its_owner_only(tmp_path: Path) -> None:
    new, existing = tmp_path / "new", tmp_path / "existing"
    existing.mkdir(mode=0o755)
    for root in (new, existing):
        with serving(root):
            assert [path.name for path in root.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    assert stat.S_IMODE(existing.stat().st_mode) == 0o755


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="this kernel has no process namespaces")
def test_a_job_cannot_see_files_and_processes_of_other_jobs(tmp_path: Path) -> None:
    with serving(tmp_path / "root", "--isolation", "namespace") as server:
        client = Client(server.address)
        client.create_repo("secret")
        client.put("secret", {"/key.txt": b"for one pipeline only\n"})
        client.create_repo("other")
        client.put("other", {"/x.txt": b"x\n"})
        first = client.create_pipeline("owner", sh("echo ready; sleep 600"), "secret")
        client.job_in("owner", first, pps.JOB_RUNNING)
        until(lambda: "ready" in client.lines("owner", first) or None)
        spy = (
            "cat /proc/[0-9]*/root/pfs/in/key.txt 2>/dev/null; "
            f"grep -rs 'for one pipeline only' {tmp_path}/root >/dev/null && echo found; "
            "ls -d /proc/[0-9]* | wc -l; ls /proc/self >/dev/null && echo over"
        )
        second = client.create_pipeline("spy", sh(spy), "other", datum_tries=1)
        client.finished_job("spy", second)
        lines = client.lines("spy", second)
        assert lines[-1] == "over"
        assert "for one pipeline only" not in lines
        assert "found" not in lines
        assert int(lines[-2]) < 10, "only its own processes"
