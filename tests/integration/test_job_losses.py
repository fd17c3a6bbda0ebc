"""Pods that are lost, and URLs that expire while no operator renews them: what that costs, with a real API server and a
real bucket.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.integration.cluster import Cluster, StatusWatch
from tests.integration.test_job_engine import (  # noqa: F401 - a fixture
    Object,
    RealPod,
    document_of,
    end_job,
    job_name,
    jobs_operator,
    operator_over,
    trained,
    unfinished,
)
from tests.integration.texts import play

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_operator_paused"), pytest.mark.timeout(600)]

CORPUS = {"corpus": {"configMap": {"name": "plays"}}}
SEARCH = {"parameters": [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}], "numTrials": 4}


def until(what: str, holds: Callable[[], bool], within: float = 240) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def attempts(cluster: Cluster, stage: str) -> Counter[str]:
    """Return how many attempts there were at each run of a stage."""
    found = json.loads(cluster.kubectl("get", "jobs", f"-lscriptmodel.dev/stage={stage}", "-o", "json"))["items"]
    return Counter(job["metadata"]["labels"]["scriptmodel.dev/run"] for job in found)


def test_a_lost_pod_costs_one_trial_of_a_search(
    jobs_operator: Operator,  # noqa: F811
    control_plane: ControlPlane,
    watched: StatusWatch,
) -> None:
    cluster = Cluster.create(control_plane, "search")
    cluster.kubectl("create", "configmap", "plays", "--from-literal=hamlet.txt=HAMLET: To be or not to be.")
    cluster.apply("thrones", {**CORPUS, "model": {"preset": "test"}, "search": {**SEARCH, "parallelTrials": 2}})
    until("two trials run", lambda: len(unfinished(cluster)) == 2)
    end_job(cluster, job_name(unfinished(cluster)[0]), "Pod x has condition DisruptionTarget")
    trained(cluster, "thrones", within=240)
    assert sorted(attempts(cluster, "train").values()) == [1, 1, 1, 2]
    assert (attempts(cluster, "select").total(), attempts(cluster, "generate").total()) == (1, 1)
    assert cluster.get("thrones")["status"]["search"]["trials"]["complete"] == 4
    assert jobs_operator.running
    watched.check()


def test_a_training_outlives_urls_that_expire_while_no_operator_runs(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in s3.credentials.items():
        monkeypatch.setenv(variable, value)
    path, cluster = uuid4().hex, Cluster.create(control_plane, "urls")
    bucket = open_bucket(StorageConfig(storage=f"{s3.url}/{path}", storage_endpoint=s3.endpoint))
    (tmp_path / "castle.txt").write_text(play())
    cluster.kubectl("create", "configmap", "plays", f"--from-file={tmp_path / 'castle.txt'}")
    with operator_over(s3, path, tmp_path, control_plane) as operator:
        cluster.apply("castle", {**CORPUS, "model": {"preset": "test", "overrides": {"epochs": 1}}})
        until("the training starts", lambda: bool(unfinished(cluster)))
        name = job_name(unfinished(cluster)[0])
        signed = document_of(cluster, name)
        operator.kill()
        pod = RealPod(tmp_path, expiring(json.loads(signed), bucket))
        until("it has trained and stores nothing", lambda: all(word in pod.log for word in ('"done"', "HTTP 403")))
        assert pod.running
        operator.start()
        until("the URLs are new", lambda: document_of(cluster, name) != signed)
        pod.write(json.loads(document_of(cluster, name)))
        pod.succeed()
        end_job(cluster, name)
        trained(cluster, "castle")
    assert attempts(cluster, "train").total() == 1


def expiring(document: Object, bucket: ObstoreBucket) -> Object:
    """Return a job document whose URLs to write last for a second."""

    def again(url: str) -> str:
        (signed,) = bucket.sign("PUT", [f"v1/{unquote(urlsplit(url).path).partition('/v1/')[2]}"], 1)
        return signed

    output, checkpoints = document["output"], document["checkpoints"]
    packs = [again(url) for url in output["packs"]]
    return {
        **document,
        "output": {"packs": packs, "manifest": again(output["manifest"]), "log": again(output["log"])},
        "checkpoints": {**checkpoints, "write": [again(url) for url in checkpoints["write"]]},
    }
