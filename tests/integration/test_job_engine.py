"""The operator as a process, with a real API server and a real bucket, and no Pachyderm."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.job_manifest import job_manifest
from scriptmodel_operator.jobs.requests import NAME_PREFIX
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.integration.cluster import Cluster, Object, StatusWatch, condition, handled, installed, is_ready, until
from tests.integration.jobs import (
    CORPUS,
    PEERS,
    RealPod,
    RealTrainer,
    attempts,
    document_of,
    end_job,
    finished_trainer,
    job_name,
    namespace_with_plays,
    operator_over,
    run_jobs,
    trained,
    unfinished,
)
from tests.integration.texts import play
from tests.unit.operator.job_objects import OWNER, RUN
from tests.unit.operator.pipeline_specs import FULL
from tests.unit.operator.world import SPEC
from tests.web import WebServer, content, redirect

pytestmark = pytest.mark.usefixtures("shared_operator_paused")


def test_an_object_is_trained_changed_suspended_and_deleted_without_a_pachyderm(
    jobs_operator: Operator, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = namespace_with_plays(control_plane)
    cluster.apply("thrones", CORPUS)
    assert trained(cluster, "thrones") == 2
    found = cluster.get("thrones")
    assert found["metadata"]["annotations"]["scriptmodel.dev/engine"].startswith("jobs/")
    assert found["status"]["script"]["words"] == 5
    policies = json.loads(cluster.kubectl("get", "networkpolicies", "-o", "json"))["items"]
    assert [each["spec"]["egress"][-1] for each in policies] == [{"to": PEERS}] * 2, "of each pipeline"

    jobs_operator.kill()
    jobs_operator.start()
    cluster.apply("thrones", {**CORPUS, "generation": {"temperature": "0.5"}})
    assert trained(cluster, "thrones") == 1

    cluster.apply("thrones", {**CORPUS, "model": {"preset": "small"}})
    cluster.reason("thrones", "WaitingForWorker")
    cluster.apply("thrones", {**CORPUS, "model": {"preset": "small"}, "suspend": True})
    cluster.reason("thrones", "Suspended")
    cluster.apply("thrones", CORPUS)
    assert trained(cluster, "thrones") == 0  # the model and the script were computed before

    cluster.delete("thrones")
    assert "scriptmodel-" not in cluster.kubectl("get", "configmaps,jobs,secrets", "-o", "name")
    watched.check()


def test_a_corpus_by_url_is_fetched_by_the_program_of_a_job(
    jobs_operator: Operator, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    control_plane.kubectl("label", "ns", cluster.namespace, "pod-security.kubernetes.io/enforce=restricted")

    def downloaded(holds: Callable[[Object], bool]) -> Object:
        trained(cluster, "thrones", holds=holds)
        return cluster.get("thrones")

    with WebServer({"/hamlet.txt": content(b"HAMLET: To be."), "/lear.txt": redirect("file:///etc/passwd")}) as server:
        urls = [server.url("/hamlet.txt?token=canary"), server.url("/lear.txt")]
        cluster.apply("thrones", {**SPEC, "corpus": {"http": {"urls": urls}}})
        until("the download starts", lambda: bool(unfinished(cluster)))
        (job,) = unfinished(cluster)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": job["spec"]["template"]["spec"]}
        cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(pod))

        refused = downloaded(lambda found: "status" in found and condition(found)["reason"] == "DownloadFailed")
        assert "'file:///etc/passwd', which is neither http nor https" in condition(refused)["message"]
        server.answers["/lear.txt"] = content(b"LEAR: Howl!")
        cluster.request("thrones")
        first = downloaded(is_ready)["status"]["source"]
        requested = cluster.request("thrones")
        again = downloaded(lambda found: handled(found, requested))["status"]["source"]
        assert (again["commit"], again["lastChangeTime"]) == (first["commit"], first["lastChangeTime"]), "equal bytes"
        server.answers["/lear.txt"] = content(b"LEAR: Never!")
        cluster.request("thrones")
        downloaded(lambda found: is_ready(found) and found["status"]["source"]["commit"] != first["commit"])
        assert "canary" not in json.dumps(cluster.get("thrones")["status"]) + jobs_operator.log.read_text()
        cluster.delete("thrones")
    assert "scriptmodel-" not in cluster.kubectl("get", "configmaps", "-o", "name")
    watched.check()


def test_a_corpus_in_a_bucket_of_a_user_is_fetched_after_a_change_only(
    jobs_operator: Operator, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    shaw = s3.folder / cluster.namespace / "shaw"
    shaw.mkdir(parents=True)
    (shaw / "pygmalion.txt").write_text("LIZA: Garn!")
    keys = {**s3.credentials, "AWS_REGION": s3.region, "AWS_ENDPOINT_URL": s3.endpoint}
    literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
    cluster.kubectl("create", "secret", "generic", "plays", *literals)
    bucket = {"url": f"{s3.url}/{cluster.namespace}/shaw", "secretRef": {"name": "plays"}}
    cluster.apply("liza", {**SPEC, "corpus": {"bucket": bucket}})
    assert trained(cluster, "liza") == 3, "a download, a training and a script"
    first = cluster.get("liza")["status"]["source"]

    def checked() -> Object:
        requested = cluster.request("liza")
        trained(cluster, "liza", holds=lambda found: handled(found, requested) and is_ready(found))
        return dict(cluster.get("liza")["status"]["source"])

    jobs_operator.kill()
    jobs_operator.start()
    again = checked()
    assert again == {**first, "lastCheckTime": again["lastCheckTime"]}
    (shaw / "pygmalion.txt").write_text("LIZA: Not bloody likely.")
    changed = checked()
    assert {changed[name] == first[name] for name in ("commit", "listing")} == {False}
    cluster.delete("liza")
    assert s3.secret_key not in jobs_operator.log.read_text() + json.dumps(changed)
    watched.check()


def test_after_a_move_to_another_bucket_nothing_is_computed_again(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = namespace_with_plays(control_plane)
    with operator_over(s3, "old", tmp_path, control_plane):
        cluster.apply("thrones", CORPUS)
        assert trained(cluster, "thrones") == 2
        before = cluster.get("thrones")["status"]
        cluster.apply("thrones", {**CORPUS, "suspend": True})
        cluster.reason("thrones", "Suspended")
    with S3Server(tmp_path / "new") as new:
        for name, value in s3.credentials.items():
            monkeypatch.setenv(name, value)
        old_bucket, new_bucket = (
            open_bucket(StorageConfig(storage=f"{server.url}/{path}", storage_endpoint=server.endpoint))
            for server, path in ((s3, "old"), (new, "below/new"))
        )
        for key, size in old_bucket.sizes("").items():
            new_bucket.put(key, old_bucket.get(key, size))
        old_bucket.delete(list(old_bucket.sizes("")))
        with operator_over(new, "below/new", tmp_path, control_plane):
            cluster.apply("thrones", CORPUS)
            assert trained(cluster, "thrones") == 0
            assert cluster.get("thrones")["status"]["lineage"] == before["lineage"]
            cluster.apply("thrones", {**CORPUS, "generation": {"temperature": "0.5"}})
            assert trained(cluster, "thrones") == 1, "only a script, by the model that was moved"
            cluster.delete("thrones")
    watched.check()


@pytest.mark.timeout(900)
def test_the_real_trainer_trains_and_writes_a_script(
    tmp_path: Path, jobs_operator: Operator, control_plane: ControlPlane
) -> None:
    cluster = namespace_with_plays(control_plane, play())
    model = {"preset": "test", "overrides": {"epochs": 2}}
    cluster.apply("castle", {**CORPUS, "model": model, "generation": {"words": 60}})
    assert trained(cluster, "castle", RealTrainer(tmp_path), within=800) == 2
    status = cluster.get("castle")["status"]
    assert 0 < status["script"]["words"] <= 60
    assert float(status["perplexity"]) > 1


def test_a_namespace_that_is_deleted_ends_and_stops_no_other(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch
) -> None:
    """The test is the controller that deletes what is in a namespace: rights go first."""
    gone, other = teams = [namespace_with_plays(control_plane) for _ in range(2)]
    options = [f"--storage={s3.url}/{uuid4().hex}", f"--storage-endpoint={s3.endpoint}", "--poll-interval=0.5"]
    options += [f"--namespace={team.namespace}" for team in teams]
    values = {"pachd": {"address": ""}, "watchNamespaces": [team.namespace for team in teams]}
    config = installed(control_plane, values, "teams")
    with Operator(tmp_path, config, options=options, env=s3.credentials) as operator:
        for team in teams:
            team.apply("thrones", CORPUS)
        trained(gone, "thrones")
        until("the other team trains", lambda: bool(unfinished(other)))

        gone.kubectl("delete", "rolebindings,roles", "--all")
        operator.kill()
        operator.start()  # also one that starts then
        gone.reason("thrones", "NotAllowed")
        control_plane.kubectl("delete", "namespace", gone.namespace, "--wait=false")
        gone.delete("thrones")
        ended = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": gone.namespace}})
        control_plane.kubectl("replace", f"--raw=/api/v1/namespaces/{gone.namespace}/finalize", "-f", "-", stdin=ended)

        trained(other, "thrones")
        request = f"{NAME_PREFIX}12345678"
        data = {"request": json.dumps({"object": "v1/engine.json"})}
        metadata = {"name": request, "labels": {"scriptmodel.dev/request": "true"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        other.kubectl("create", "-f", "-", stdin=json.dumps(body))
        until("the request is answered", lambda: request in other.kubectl("get", "secrets", "-o", "name"))
        other.delete("thrones")
        assert "Traceback" not in operator.log.read_text()
    watched.check()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lost_pod_costs_one_trial_of_a_search(
    jobs_operator: Operator, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = namespace_with_plays(control_plane)
    parameters = [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}]
    cluster.apply("thrones", {**CORPUS, "search": {"parameters": parameters, "numTrials": 4, "parallelTrials": 2}})
    until("two trials run", lambda: len(unfinished(cluster)) == 2)
    end_job(cluster, job_name(unfinished(cluster)[0]), "Pod x has condition DisruptionTarget")
    trained(cluster, "thrones", within=240)
    assert sorted(attempts(cluster, "train").values()) == [1, 1, 1, 2]
    assert attempts(cluster, "generate").total() == 1
    assert cluster.get("thrones")["status"]["search"]["trials"]["complete"] == 4
    assert jobs_operator.running
    watched.check()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_outlives_urls_that_expire_while_no_operator_runs(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in s3.credentials.items():
        monkeypatch.setenv(variable, value)
    path, cluster = uuid4().hex, namespace_with_plays(control_plane, play())
    bucket = open_bucket(StorageConfig(storage=f"{s3.url}/{path}", storage_endpoint=s3.endpoint))
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


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_bucket_that_is_away_costs_time_only(
    tmp_path: Path, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = namespace_with_plays(control_plane)
    with (
        S3Server(tmp_path / "s3") as server,
        operator_over(server, uuid4().hex, tmp_path, control_plane) as operator,
    ):
        cluster.apply("thrones", CORPUS)
        until("the training starts", lambda: bool(unfinished(cluster)))
        for starts in ("the script", ""):
            server.kill()
            cluster.request("thrones")
            cluster.reason("thrones", "EngineUnavailable", 120)
            server.start()
            if starts:
                run_jobs(cluster, finished_trainer())
                until(f"{starts} starts", lambda: bool(unfinished(cluster)))
        trained(cluster, "thrones")
        assert (attempts(cluster, "train").total(), attempts(cluster, "generate").total()) == (1, 1)
        assert operator.running
    watched.check()


def test_the_api_server_takes_all_that_a_pipeline_asks_of_a_pod(control_plane: ControlPlane) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    control_plane.kubectl("label", "ns", cluster.namespace, "pod-security.kubernetes.io/enforce=restricted")
    job = job_manifest(replace(RUN, namespace=cluster.namespace, spec=FULL), 1, JobSettings(), OWNER)
    spec = {**job["spec"]["template"]["spec"], "runtimeClassName": None, "priorityClassName": None}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": spec}
    for each in (job, pod):
        cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(each))
