"""Workers that are pods, in a cluster that runs them as processes: retries, disruptions, restarts, borders."""

from __future__ import annotations

import base64
import errno
import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from dev.processes import free_port
from localpach.config import PodSettings, Settings
from localpach.pods import frames, runner, steps, workers
from localpach.pods.api import KubernetesApi
from localpach.pods.exchange import DatumExchange
from localpach.pods.manifest import COMMAND
from localpach.pods.progress import Ending, Object, ending
from localpach.pods.watch import Watch
from localpach.pps import worker
from localpach.server import Server
from localpach.store.contents import Session
from localpach.store.disk import FULL
from tests.chaos.pods import torture
from tests.seed import run_seed
from tests.unit.localpach.client import Client, Name, job, sh, until
from tests.unit.localpach.pods import Cluster

COPY = sh("cp /pfs/in/* /pfs/out/; echo copied; echo secret is $WORD >&2")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return a cluster that localpach uses in place of a real one."""
    found = Cluster()
    monkeypatch.setattr(workers, "KubernetesApi", lambda _namespace: found)
    yield found
    found.unschedulable = ""
    for name in list(found.objects["jobs"]):
        found.delete_job(name)


@pytest.fixture
def port() -> int:
    """Return a port that a server of the test has, also after a restart."""
    return free_port()


@contextmanager
def serving(root: Path, port: int) -> Iterator[Client]:
    """Serve a root folder with workers that are pods."""
    address = f"127.0.0.1:{port}"
    pods = PodSettings(Cluster.namespace, image="localpach", transfer=address, transfer_listen=address)
    with Server(Settings(root, f"unix:{root}/socket", settle=0.0, pods=pods, fsync=False)) as server:
        client = Client(server.address)
        yield client
        client.channel.close()


@pytest.fixture
def client(cluster: Cluster, tmp_path: Path, port: int) -> Iterator[Client]:
    """Return a client of a server whose workers are pods."""
    with serving(tmp_path / "root", port) as found:
        yield found


def running(cluster: Cluster) -> list[str]:
    """Return the names of the pods whose command runs."""
    return [job for job in list(cluster.objects["jobs"]) if cluster.state(job).get("running")]


def test_a_datum_goes_through_a_pod_and_leaves_nothing_behind(
    client: Client, cluster: Cluster, name: Name, corpus: str
) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, COPY, corpus)
    info = client.finished_job(train, uuid)
    assert (info.state, info.data_processed, info.restart) == (pps.JOB_SUCCESS, 1, 0)
    assert client.read(train, "/a.txt", uuid) == b"alpha\n"
    assert client.lines(train, uuid)[0] == "copied"
    until(lambda: not cluster.objects["jobs"] and not cluster.objects["secrets"])


def test_an_output_file_of_several_parts_arrives_whole(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    script = sh("head -c 9000000 /dev/zero >/pfs/out/zeros; mkdir /pfs/out/d; touch /pfs/out/d/empty")
    uuid = client.create_pipeline(train, script, corpus)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.read(train, "/zeros", uuid) == bytes(9_000_000)
    assert client.paths(train, uuid) == ["/d/empty", "/zeros"]


def test_kubernetes_expands_nothing_in_words_and_variables(client: Client, name: Name, corpus: str) -> None:
    train, text = name("train"), "$$ $$$ $(WORD) $$(WORD) $WORD $"
    pipeline = pps.Pipeline(name=train)
    transform = pps.Transform(cmd=["sh", "-c", 'printf "%s\\n" "$0" "$TEXT"', text], env={"TEXT": text})
    request = pps.CreatePipelineRequest(pipeline=pipeline, transform=transform, datum_tries=1)
    request.transform.env["WORD"] = "expanded"
    request.input.pfs.repo, request.input.pfs.glob = corpus, "/"
    client.pps.CreatePipeline(request)
    uuid = client.head(train)
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.lines(train, uuid) == [text, text]


def test_a_failing_command_uses_up_its_tries_with_one_job_each(
    client: Client, cluster: Cluster, name: Name, corpus: str
) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("echo no; exit 3"), corpus, datum_tries=2)
    info = client.finished_job(train, uuid)
    assert (info.state, info.data_failed, len(cluster.created)) == (pps.JOB_FAILURE, 1, 2)
    assert client.lines(train, uuid) == ["no", "no"]
    assert "try 2 of 2 failed: exit status 3" in client.lines(train, uuid, user=False)


def test_a_job_that_failed_before_its_pod_is_seen_to_end_may_have_used_up_a_try() -> None:
    job = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}
    pod: Object = {"metadata": {}, "status": {"initContainerStatuses": [{"name": COMMAND, "state": {"running": {}}}]}}
    assert ending(job, pod) is None
    pod["status"]["initContainerStatuses"][0]["state"] = {"terminated": {"exitCode": 3}}
    assert ending(job, pod) == Ending("exit status 3")
    assert ending(job, None) == Ending("its pod is gone: ", counted=False)


def test_a_disruption_costs_no_try(client: Client, cluster: Cluster, name: Name, corpus: str, tmp_path: Path) -> None:
    train, flag = name("train"), tmp_path / "go"
    script = sh(f"until [ -e {flag} ]; do sleep 0.02; done; touch /pfs/out/done")
    uuid = client.create_pipeline(train, script, corpus, datum_tries=1)
    (first,) = until(lambda: running(cluster))
    cluster.disrupt(first)
    until(lambda: set(running(cluster)) - {first})
    flag.touch()
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert len(cluster.created) == 2


def test_a_pod_that_finds_no_node_makes_the_pipeline_say_so(
    client: Client, cluster: Cluster, name: Name, corpus: str
) -> None:
    train, words = name("train"), "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    cluster.unschedulable = words
    uuid = client.create_pipeline(train, COPY, corpus)

    def pipeline() -> pps.PipelineInfo:
        return client.pps.InspectPipeline(pps.InspectPipelineRequest(pipeline=pps.Pipeline(name=train)))

    until(lambda: (pipeline().state, pipeline().reason) == (pps.PIPELINE_CRASHING, words))
    assert client.job(train, uuid).state == pps.JOB_STARTING
    cluster.unschedulable = ""
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert pipeline().state == pps.PIPELINE_RUNNING


def test_a_stopped_job_has_its_pod_deleted(client: Client, cluster: Cluster, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("sleep 100"), corpus)
    until(lambda: running(cluster))
    client.pps.StopJob(pps.StopJobRequest(job=client.job(train, uuid).job))
    until(lambda: not cluster.objects["jobs"])


def test_a_restarted_server_adopts_the_pod_that_runs(cluster: Cluster, name: Name, tmp_path: Path, port: int) -> None:
    train, flag = name("train"), tmp_path / "go"
    script = sh(f"echo before; until [ -e {flag} ]; do sleep 0.02; done; echo after; touch /pfs/out/done")
    with serving(tmp_path / "root", port) as client:
        client.create_repo("plays")
        client.put("plays", {"/a.txt": b"a"})
        uuid = client.create_pipeline(train, script, "plays", autoscaling=True)
        until(lambda: running(cluster))
        until(lambda: client.lines(train, uuid) == ["before"])
    with serving(tmp_path / "root", port) as client:
        flag.touch()
        info = client.finished_job(train, uuid)
        assert (info.state, info.data_processed, len(cluster.created)) == (pps.JOB_SUCCESS, 1, 1)
        assert client.paths(train, uuid) == ["/done"]


def test_kills_neither_lose_an_output_nor_repeat_a_command(tmp_path: Path) -> None:
    torture(tmp_path, kills=2, chance=random.Random(run_seed()))  # `make chaos-pods` kills more often


def test_a_command_may_end_while_the_server_is_away(cluster: Cluster, name: Name, tmp_path: Path, port: int) -> None:
    train, flag = name("train"), tmp_path / "go"
    script = sh(f"until [ -e {flag} ]; do sleep 0.02; done; echo after; touch /pfs/out/done")
    with serving(tmp_path / "root", port) as client:
        client.create_repo("plays")
        client.put("plays", {"/a.txt": b"a"})
        uuid = client.create_pipeline(train, script, "plays")
        until(lambda: running(cluster))
    flag.touch()
    until(lambda: [job for job in cluster.objects["jobs"] if cluster.state(job).get("terminated")])
    with serving(tmp_path / "root", port) as client:
        assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
        assert (client.lines(train, uuid), len(cluster.created)) == (["after"], 1)


def test_jobs_go_on_while_the_api_server_is_away(
    client: Client, cluster: Cluster, name: Name, corpus: str, tmp_path: Path
) -> None:
    train, flag = name("train"), tmp_path / "go"
    script = sh(f"echo one; until [ -e {flag} ]; do sleep 0.02; done; echo two; touch /pfs/out/done")
    uuid = client.create_pipeline(train, script, corpus)
    until(lambda: running(cluster))
    until(lambda: client.lines(train, uuid) == ["one"])
    cluster.away.set()
    flag.touch()
    job = until(lambda: next(iter(cluster.objects["jobs"]), None))
    until(lambda: cluster.state(job).get("terminated"))
    cluster.away.clear()
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert (client.lines(train, uuid), len(cluster.created)) == (["one", "two"], 1)


def test_a_job_that_kubernetes_refuses_fails_with_its_words(
    client: Client, cluster: Cluster, name: Name, corpus: str
) -> None:
    train = name("train")
    cluster.refuses = "spec.template.spec.runtimeClassName: Invalid value"
    uuid = client.create_pipeline(train, COPY, corpus, datum_tries=1)
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert client.lines(train, uuid) == [f"Kubernetes refuses the Job: {cluster.refuses}"]


def test_a_datum_that_takes_too_long_is_killed(client: Client, name: Name, corpus: str) -> None:
    train = name("train")
    uuid = client.create_pipeline(train, sh("sleep 100"), corpus, datum_tries=1, datum_timeout=Duration(seconds=1))
    assert client.finished_job(train, uuid).state == pps.JOB_FAILURE
    assert "try 1 of 1 failed: the datum timed out" in client.lines(train, uuid, user=False)


def test_a_standard_input_which_would_need_a_wrapper_in_the_image_is_refused(
    client: Client, name: Name, corpus: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.create_pipeline(name("train"), ["true"], corpus, transform=pps.Transform(stdin=["true"]))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "transform.stdin in pods" in caught.value.details()


def test_links_out_of_pfs_fail_the_datum_and_links_within_are_resolved(client: Client, name: Name, corpus: str) -> None:
    within, outside = name("within"), name("outside")
    uuid = client.create_pipeline(within, sh("ln -s /pfs/in/a.txt /pfs/out/link"), corpus)
    assert client.finished_job(within, uuid).state == pps.JOB_SUCCESS
    assert client.read(within, "/link", uuid) == b"alpha\n"
    uuid = client.create_pipeline(outside, sh("ln -s /etc/hostname /pfs/out/link"), corpus, datum_tries=1)
    assert client.finished_job(outside, uuid).state == pps.JOB_FAILURE
    assert "the link leads to /etc/hostname, out of /pfs" in client.lines(outside, uuid)[0]


def test_the_pod_of_a_job_that_is_stopped_after_its_upload_waits_no_longer(
    client: Client, name: Name, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, flag, ended = name("train"), tmp_path / "go", threading.Event()
    flush, stop = Session.flush, DatumExchange.stop

    def flush_after_stop(session: Session) -> None:
        client.pps.StopJob(pps.StopJobRequest(job=job(train, uuid)))
        flush(session)

    def stop_and_tell(exchange: DatumExchange) -> None:
        stop(exchange)
        ended.set()

    uuid = client.create_pipeline(train, sh(f"until [ -e {flag} ]; do sleep 0.02; done; touch /pfs/out/a"), corpus)
    client.job_in(train, uuid, pps.JOB_RUNNING)
    monkeypatch.setattr(Session, "flush", flush_after_stop)
    monkeypatch.setattr(DatumExchange, "stop", stop_and_tell)
    flag.touch()
    assert client.finished_job(train, uuid).state == pps.JOB_KILLED
    assert ended.wait(60)


def test_a_token_is_good_for_its_attempt_alone(
    client: Client, cluster: Cluster, name: Name, port: int, tmp_path: Path
) -> None:
    train, flag = name("train"), tmp_path / "go"
    client.create_repo("pair")
    client.put("pair", {"/a": b"a", "/b": b"b"})
    each = pps.Input(pfs=pps.PFSInput(repo="pair", name="in", glob="/*"))
    script, two = sh(f"until [ -e {flag} ]; do sleep 0.02; done"), pps.ParallelismSpec(constant=2)
    uuid = client.create_pipeline(train, script, each, parallelism_spec=two)
    until(lambda: len(running(cluster)) == 2)
    tokens = [base64.b64decode(each["data"]["token"]).decode() for each in cluster.objects["secrets"].values()]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:

        def fetched(token: str) -> list[str]:
            pfs = Path(tempfile.mkdtemp(dir=tmp_path))
            steps.fetch(channel, token, pfs)
            return [path.name for path in (pfs / "in").iterdir()]

        assert sorted(fetched(token) for token in tokens) == [["a"], ["b"]], "each its own datum"
        flag.touch()
        client.finished_job(train, uuid)
        for token in ("", "another", *tokens):
            with pytest.raises(grpc.RpcError) as caught:
                fetched(token)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("where", ["add", "flush"], ids=["while the output arrives", "while it is committed"])
def test_an_output_waits_in_its_pod_until_the_disk_has_room(
    client: Client, cluster: Cluster, name: Name, corpus: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def pipeline() -> pps.PipelineInfo:
        return client.pps.InspectPipeline(pps.InspectPipelineRequest(pipeline=pps.Pipeline(name=train)))

    monkeypatch.setattr(worker, "RESTART_SECONDS", 0.1)
    monkeypatch.setattr(runner, "RECHECK_SECONDS", 0.1)
    train = name("train")
    with monkeypatch.context() as patched:
        patched.setattr(Session, where, full)
        uuid = client.create_pipeline(train, COPY, corpus, datum_tries=1)
        until(lambda: (pipeline().state, pipeline().reason) == (pps.PIPELINE_CRASHING, FULL))
    assert client.finished_job(train, uuid).state == pps.JOB_SUCCESS
    assert client.read(train, "/a.txt", uuid) == b"alpha\n"
    assert len(cluster.created) == 1, "the command ran once"


def test_a_stream_of_files_that_breaks_off_or_was_changed_is_noticed() -> None:
    whole = list(frames.send([("/a", [b"text"])]))

    @contextmanager
    def sink(_path: str) -> Iterator[Callable[[bytes], object]]:
        yield lambda _piece: None

    assert frames.receive(iter(whole), sink) == 4
    for damaged in (whole[:-1], whole[:1], [whole[0], b"dtexT", *whole[2:]]):
        with pytest.raises(frames.BrokenTransferError):
            frames.receive(iter(damaged), sink)


def test_a_hundred_jobs_without_pods_cost_one_reading_of_the_events() -> None:
    cluster, readings = Cluster(), []
    words = {f"job-{number}": "exceeded quota" for number in range(100)}
    cluster.refused_pods = lambda: readings.append(1) or words
    watch = Watch(cast(KubernetesApi, cluster), "")
    assert [watch.refusal(name) for name in (*words, "other")] == ["exceeded quota"] * 100 + [""]
    assert len(readings) == 1
