"""A bucket that fails, met by the operator and by the real trainer: nothing is lost or runs twice, and the object says
why it waits. A trial, which runs when it is named: `pytest tests/integration/trial_bucket_faults.py`.
"""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from tests.chart.rendering import objects, only
from tests.integration.cluster import Cluster
from tests.integration.command import scriptmodel
from tests.integration.faulty import Fault, Faults, FaultyS3, each_third, none, writes
from tests.integration.test_job_engine import (
    RealPod,
    RealTrainer,
    as_in_the_chart,
    document_of,
    end_job,
    trained,
    unfinished,
)
from tests.integration.test_job_losses import attempts, until
from tests.integration.test_people import ROLE, person
from tests.integration.texts import play

pytestmark = [pytest.mark.usefixtures("shared_operator_paused"), pytest.mark.timeout(900)]

SPEC = {
    "corpus": {"configMap": {"name": "plays"}},
    "model": {"preset": "test", "overrides": {"epochs": 1}},
    "generation": {"words": 30},
}


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultyS3]:
    with FaultyS3(s3.address) as running:
        yield running


@pytest.fixture
def jobs_operator(tmp_path: Path, control_plane: ControlPlane, s3: S3Server, proxy: FaultyS3) -> Iterator[Operator]:
    options = [f"--storage={s3.url}/{uuid4().hex}", f"--storage-endpoint={proxy.endpoint}"]
    options += ["--poll-interval=0.5", "--cluster-id=test"]
    made = Operator(tmp_path, as_in_the_chart(control_plane), options=options, env=s3.credentials)
    with made as running:
        yield running
    assert "Traceback" not in running.log.read_text()


class Interrupted(RealTrainer):
    """A trainer that meets the fault from its start until some requests have failed."""

    def __init__(self, root: Path, proxy: FaultyS3, fault: Faults, failures: int) -> None:
        super().__init__(root)
        self._proxy, self._fault, self._failures = proxy, fault, failures

    def run(self, document: dict[str, object]) -> None:
        proxy, before = self._proxy, self._proxy.failed
        proxy.fault = self._fault
        ran = threading.Thread(target=super().run, args=(document,))
        ran.start()
        until("the trainer meets the fault", lambda: proxy.failed >= before + self._failures)
        proxy.fault = none
        ran.join()


@pytest.mark.parametrize(
    ("fault", "says", "pause"),
    [
        pytest.param(none, "", 0.05, id="slow"),
        pytest.param(each_third(503, "SlowDown"), "", 0.0, id="each-third"),
        pytest.param(writes(507, "QuotaExceeded"), "QuotaExceeded", 0.0, id="full"),
        pytest.param(writes(403, "AccessDenied"), "AccessDenied", 0.0, id="read-only"),
        pytest.param(lambda _method: "drop", "error sending request", 0.0, id="away"),
        pytest.param(lambda _method: "silence", "error sending request", 0.0, id="silent"),
    ],
)
def test_a_bucket_that_fails_costs_time_only(
    fault: Faults,
    says: str,
    pause: float,
    tmp_path: Path,
    control_plane: ControlPlane,
    proxy: FaultyS3,
    jobs_operator: Operator,
) -> None:
    cluster = Cluster.create(control_plane, "faults")
    (tmp_path / "castle.txt").write_text(play())
    cluster.kubectl("create", "configmap", "plays", f"--from-file={tmp_path / 'castle.txt'}")
    proxy.fault, proxy.pause, start = fault, pause, time.monotonic()
    cluster.apply("castle", SPEC)
    if says:
        until("the status names the cause", lambda: says in json.dumps(cluster.get("castle").get("status")))
        named = time.monotonic() - start
        print(f"\nstatus after {named:.1f} s:", cluster.get("castle")["status"]["conditions"][0]["message"])
        env = {"KUBECONFIG": str(control_plane.kubeconfig)}
        print("why:", scriptmodel(env, "-n", cluster.namespace, "why", "castle").stdout)
        proxy.fault = none
        until("the status forgets the cause", lambda: says not in json.dumps(cluster.get("castle").get("status")))
    interrupted = Interrupted(tmp_path, proxy, fault, 6 if fault is not none else 0)
    ran = trained(cluster, "castle", interrupted if says else RealTrainer(tmp_path), within=800)
    print(f"ready after {time.monotonic() - start:.0f} s; {proxy.failed} of {len(proxy.requests)} requests failed")
    assert (ran, len(cluster.kubectl("get", "jobs", "-o", "name").split())) == (2, 2), "nothing runs twice"
    assert cluster.get("castle")["status"]["script"]["words"] > 0
    assert jobs_operator.running


@pytest.mark.timeout(2400)
def test_urls_of_a_minute_while_the_operator_is_away_for_ten(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server
) -> None:
    cluster = Cluster.create(control_plane, "faults")
    (tmp_path / "castle.txt").write_text(play())
    cluster.kubectl("create", "configmap", "plays", f"--from-file={tmp_path / 'castle.txt'}")
    options = [f"--storage={s3.url}/{uuid4().hex}", f"--storage-endpoint={s3.endpoint}", "--url-lifetime=60"]
    options += ["--poll-interval=0.5", "--cluster-id=test"]
    made = Operator(tmp_path, as_in_the_chart(control_plane), options=options, env=s3.credentials)
    with made as operator:
        cluster.apply("castle", {**SPEC, "model": {"preset": "test", "overrides": {"epochs": 200}}})
        until("the training starts", lambda: bool(unfinished(cluster)))
        name = unfinished(cluster)[0]["metadata"]["name"]
        pod = RealPod(tmp_path, json.loads(document_of(cluster, name)))
        until("it has fetched its input", lambda: '"start"' in pod.log)
        operator.kill()
        away = time.monotonic()
        time.sleep(600)
        print(f"\nafter {time.monotonic() - away:.0f} s: {pod.log.splitlines()[-1]}")
        print([line for line in pod.log.splitlines() if '"warning"' in line])
        assert pod.running
        operator.start()
        while pod.running:
            pod.write(json.loads(document_of(cluster, name)))
            time.sleep(1)
        pod.succeed()
        print([line for line in pod.log.splitlines() if '"warning"' in line])
        end_job(cluster, name)
        trained(cluster, "castle", RealTrainer(tmp_path), within=600)
    assert (attempts(cluster, "train").total(), attempts(cluster, "generate").total()) == (1, 1)


@pytest.mark.parametrize("fault", ["drop", "silence", (507, "QuotaExceeded")])
@pytest.mark.parametrize("reached_by", ["person", "operator"])
def test_a_push_says_within_half_a_minute_that_the_bucket_is_away(
    fault: Fault, reached_by: str, tmp_path: Path, control_plane: ControlPlane, s3: S3Server, proxy: FaultyS3
) -> None:
    cluster, url = Cluster.create(control_plane, "pushes"), f"{s3.url}/{uuid4().hex}"
    endpoints = {"person": proxy.endpoint, "operator": s3.endpoint}
    if reached_by == "operator":
        endpoints = {"person": s3.endpoint, "operator": proxy.endpoint}
    storage = {"url": url, "publicUrl": endpoints["person"]}
    rendered = objects({"pachd": {"address": ""}, "storage": storage, "watchNamespaces": [cluster.namespace]})
    published = [each for each in rendered if each["metadata"].get("namespace") == "kube-public"]
    for each in (*published, only("ClusterRole", rendered, ROLE)):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(each))
    alice = person(control_plane, cluster, "alice", ROLE)
    (tmp_path / "plays").mkdir()
    (tmp_path / "plays" / "hamlet.txt").write_text(play())
    options = [f"--storage={url}", f"--storage-endpoint={endpoints['operator']}", f"--namespace={cluster.namespace}"]
    config = as_in_the_chart(control_plane)
    options += [f"--storage-public-url={endpoints['person']}", "--poll-interval=0.5", "--cluster-id=test"]
    with Operator(tmp_path / "operator", config, options=options, env=s3.credentials):
        pushed = alice("push", tmp_path / "plays", "--repo", "plays", "--create")
        assert pushed.returncode == 0, pushed.stderr
        (tmp_path / "plays" / "lear.txt").write_text(play(40))
        proxy.fault, start = (lambda _method: fault), time.monotonic()
        failed = alice("push", tmp_path / "plays", "--repo", "plays")
        print(f"\n{reached_by}, {fault}: {time.monotonic() - start:.0f} s, {failed.returncode}: {failed.stderr[-600:]}")
        assert failed.returncode == 1
        proxy.fault = none
        assert alice("push", tmp_path / "plays", "--repo", "plays").returncode == 0
    for each in published:
        control_plane.kubectl("delete", "-f", "-", stdin=json.dumps(each))
