"""Jobs: their files, datums and logs."""

import re

import grpc
import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.unit.localpach.client import Client, Name, job, pfs_input, sh, until


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


def test_each_version_of_a_pipeline_has_its_own_tmp(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    for expected in (b"1\n", b"1\n"):
        uuid = client.create_pipeline(
            train, sh("echo x >> /tmp/tries; wc -l < /tmp/tries > /pfs/out/n"), corpus, update=True, reprocess=True
        )
        client.finished_job(train, uuid)
        assert client.read(train, "/n", uuid) == expected


def test_a_pipeline_that_is_updated_to_no_input_has_no_files_until_it_gets_one_again(
    client: Client, name: Name, corpus: str
) -> None:
    train, copy = name("train"), sh("cp /pfs/in/* /pfs/out/")
    client.finished_job(train, client.create_pipeline(train, copy, corpus))
    assert client.paths(train) == ["/a.txt", "/b.txt"]
    request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name=train), update=True)
    request.transform.cmd.extend(copy)
    client.pps.CreatePipeline(request)
    assert client.paths(train) == []
    again = client.create_pipeline(train, copy, corpus, update=True)
    assert client.finished_job(train, again).state == pps.JOB_SUCCESS
    assert client.paths(train) == ["/a.txt", "/b.txt"]


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
        datum_tries=1,
    )
    assert client.finished_job(train, uuid).data_processed == 2


def test_two_datums_cannot_write_the_same_path(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("echo x > /pfs/out/same"), pfs_input(corpus, "/*", name="in"))
    info = client.finished_job(train, uuid)
    assert info.state == pps.JOB_FAILURE
    assert info.reason.startswith("duplicate path output by different datums (/same from ")


def test_autoscaling_enters_standby_and_resumes(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("true"), corpus, autoscaling=True)
    client.finished_job(train, uuid)
    request = pps.InspectPipelineRequest(pipeline=job(train, uuid).pipeline)
    until(lambda: client.pps.InspectPipeline(request).state == pps.PIPELINE_STANDBY)
    client.put(corpus, {"/c": b"c"})
    assert client.finished_job(train, client.head(train)).state == pps.JOB_SUCCESS
    until(lambda: client.pps.InspectPipeline(request).state == pps.PIPELINE_STANDBY)


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
