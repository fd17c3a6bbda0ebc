"""The chart with its S3 server: Jobs in the namespace of their object, and a bucket that outlives the release."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.node import NAME as NODE
from dev.cluster.node import OPERATOR
from scriptmodel_operator.api.identity import ENGINE, RECONCILE_AT
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.integration.audit import Request, requests_in
from tests.integration.cluster import condition, is_ready
from tests.integration.texts import play
from tests.node.engines import ADDRESS, S3, S3_PODS
from tests.node.release import NAME, NAMESPACE, PODS, Release
from tests.node.running import Namespace, Object, Running

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif("PACHD_ADDRESS" in os.environ, reason="the release has the Pachyderm at PACHD_ADDRESS"),
]

TEAM = "team-of-jobs"
VALUES: Object = {
    "replicas": 1,
    "watchNamespaces": [TEAM],
    "policy": {"downloads": [ADDRESS]},
    "imagePullSecrets": [{"name": "no-such-secret"}],  # a kubelet pulls without it
}
IN_RELEASE = f"--namespace={NAMESPACE}"
IN_TEAM = f"--namespace={TEAM}"
FETCHES = "--selector=scriptmodel.dev/stage=fetch"
INTRUDER = Path(__file__).with_name("intruder.py")


def audited(cluster: Running) -> list[Request]:
    """The operator's requests to the API server, of all releases."""
    return list(requests_in(cluster.kubeconfig.with_name("audit.log")))


@pytest.fixture(scope="module")
def earlier(cluster: Running) -> int:
    """How many requests the operators of other modules sent."""
    return len(audited(cluster))


@pytest.fixture(scope="module")
def team(cluster: Running, release: Release, current: Path, earlier: int) -> Iterator[Namespace]:
    """The namespace, which accepts restricted pods only, of people whose operator is ready; it has two corpora."""
    del earlier
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM, "labels": labels}})
    release.deploy(current, **VALUES)
    for name, scenes in (("castle", 60), ("long", 600)):
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": TEAM},
                "data": {"castle.txt": play(scenes)},
            }
        )
    yield Namespace(cluster, TEAM)
    cluster.kubectl("delete", "scriptmodels", "--all", IN_TEAM, "--timeout=90s", check=False)
    release.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
    for name in cluster.names("scriptmodels", IN_TEAM):  # whose finalizer nobody removes any more
        cluster.kubectl("patch", name, IN_TEAM, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    cluster.kubectl("delete", "namespace", TEAM, "--timeout=120s", check=False)


def spec(corpus: str, model: Object) -> Object:
    return {"corpus": {"configMap": {"name": corpus}}, "model": model, "generation": {"words": 50}}


def jobs(cluster: Running, name: str) -> dict[str, Object]:
    """The Jobs of a ScriptModel, by name."""
    found = cluster.get("jobs", IN_TEAM, f"--selector=scriptmodel.dev/name={name}")["items"]
    return {each["metadata"]["name"]: each for each in found}


def granted(cluster: Running) -> set[tuple[str, str, str]]:
    """Group, resource and verb of the operator's rights in the namespace."""
    rules = cluster.get("role", OPERATOR.rpartition(":")[2], IN_TEAM)["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def progress(found: Object) -> int:
    return int(found.get("status", {}).get("training", {}).get("progressPercent", 0))


def resumed_at(found: Object) -> float:
    """Return how much of a training was done when its newest pod continued it, in epochs; 0 in its first pod."""
    at = found.get("status", {}).get("training", {}).get("resumedAt")
    return at["epoch"] + float(at["share"]) if at else 0.0


def stages(cluster: Running, name: str) -> dict[str, str]:
    """What each Job of a ScriptModel does, by its uid."""
    found = [each["metadata"] for each in jobs(cluster, name).values()]
    return {each["uid"]: each["labels"]["scriptmodel.dev/stage"] for each in found}


def test_a_script_comes_from_jobs_in_the_namespace_of_its_object(cluster: Running, team: Namespace) -> None:
    team.apply("castle", spec("castle", {"preset": "test"}))
    assert team.ready("castle", 300)["status"]["script"]["excerpt"]
    assert sorted(stages(cluster, "castle").values()) == ["generate", "train"]
    training = next(name for name in jobs(cluster, "castle") if "-train-" in name)
    assert "perplexity" in team.kubectl("logs", f"job/{training}")
    for each in cluster.get("pods", IN_TEAM)["items"]:
        assert each["spec"]["automountServiceAccountToken"] is False
        assert [container["name"] for container in each["spec"]["containers"]] == ["trainer"]
    cluster.until("no URL of the bucket is left", lambda: not cluster.names("secrets", IN_TEAM))


def test_a_training_resumes_after_its_pod_was_deleted_and_after_a_drain(cluster: Running, team: Namespace) -> None:
    team.apply("long", spec("long", {"preset": "small", "overrides": {"epochs": 40}, "seed": 7}))
    selected = "--selector=scriptmodel.dev/name=long,scriptmodel.dev/stage=train"
    team.wait_for("long", lambda each: progress(each) >= 1, 400)
    cluster.kubectl("delete", "pod", IN_RELEASE, "--selector=app.kubernetes.io/component=operator")
    cluster.kubectl("delete", "pod", selected, IN_TEAM)
    team.wait_for("long", lambda each: progress(each) >= 2.5 * resumed_at(each) > 0, 400)  # an epoch further, of 40
    drain = ("drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
    cluster.kubectl(*drain, f"--pod-{selected[2:]}")
    cluster.until("its next pod waits", lambda: "unschedulable" in json.dumps(team.get("long")["status"]))
    cluster.kubectl("uncordon", NODE)
    before = resumed_at(team.get("long"))
    found = team.ready("long", 600)
    assert found["status"]["training"]["restarts"] == 2
    assert resumed_at(found) > before, "no epoch is trained twice"
    assert len([name for name in jobs(cluster, "long") if "-train-" in name]) == 3


def test_a_corpus_comes_from_a_bucket_of_a_user(
    cluster: Running, team: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://{ADDRESS}:7070"
    secret = cluster.get("secret", S3, IN_RELEASE)["data"]
    keys = {name: base64.b64decode(value).decode() for name, value in secret.items()}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    bucket = open_bucket(StorageConfig(storage="s3://scriptmodel/of-a-user", storage_endpoint=endpoint))
    bucket.put("shaw/castle.txt", play(60).encode())
    keys |= {"AWS_ENDPOINT_URL": endpoint}
    team.kubectl("create", "secret", "generic", "shaw", *(f"--from-literal={key}={keys[key]}" for key in keys))
    corpus = {"bucket": {"url": "s3://scriptmodel/of-a-user/shaw", "secretRef": {"name": "shaw"}}}
    team.apply("shaw", spec("castle", {"preset": "test"}) | {"corpus": corpus})
    (pod,) = cluster.until("a pod fetches", lambda: cluster.get("pods", IN_TEAM, FETCHES)["items"])
    assert [each["name"] for each in pod["spec"]["imagePullSecrets"]] == ["no-such-secret"]
    first = team.ready("shaw", 300)["status"]["source"]
    assert first["listing"]
    bucket.put("shaw/castle.txt", play(61).encode())
    team.kubectl("annotate", "scriptmodel", "shaw", f"{RECONCILE_AT}=1")
    team.wait_for("shaw", lambda each: is_ready(each) and each["status"]["source"]["commit"] != first["commit"], 300)
    assert not cluster.names("pods", IN_TEAM, FETCHES)
    team.kubectl("delete", "scriptmodel", "shaw", "--timeout=120s")


def test_a_training_outlives_the_bucket_and_the_operator(cluster: Running, team: Namespace) -> None:
    team.apply("outlives", spec("long", {"preset": "small", "overrides": {"epochs": 8}, "seed": 8}))
    team.wait_for("outlives", lambda each: progress(each) >= 1, 400)
    at_once = ("--force", "--grace-period=0")
    cluster.kubectl("delete", "pod", *S3_PODS, *at_once)
    cluster.kubectl("delete", "pod", IN_RELEASE, "--selector=app.kubernetes.io/component=operator", *at_once)
    assert team.ready("outlives", 600)["status"]["training"].get("restarts", 0) == 0
    assert sorted(stages(cluster, "outlives").values()) == ["generate", "train"]


def test_a_command_finds_no_way_out_of_its_pod(cluster: Running, team: Namespace) -> None:
    team.apply("watched", spec("long", {"preset": "small", "overrides": {"epochs": 40}, "seed": 9}))
    team.wait_for("watched", lambda each: progress(each) >= 1, 400)
    selected = "--selector=scriptmodel.dev/name=watched,scriptmodel.dev/stage=train"
    (pod,) = cluster.names("pods", IN_TEAM, selected, "--field-selector=status.phase=Running")
    address = f"http://{ADDRESS}:7070"
    words = ("exec", "--stdin", pod, IN_TEAM, "--", "python3", "-", address, *foreign(cluster))
    answers = json.loads(cluster.kubectl(*words, stdin=INTRUDER.read_text()))
    assert answers.pop("user") == 65532
    assert (answers.pop("may write to"), answers.pop("tokens"), answers.pop("keys")) == ([], [], [])
    assert answers.pop("secrets of the cluster") in (401, 403)
    assert len(answers) > 10
    assert set(answers.values()) == {403}, answers
    team.kubectl("delete", "scriptmodel", "watched", "--timeout=120s")


def foreign(cluster: Running) -> list[str]:
    """Keys of objects that are not of the attempt: of another one of this team, and of all teams."""
    finished = next(name for name in jobs(cluster, "castle") if "-train-" in name)
    run = cluster.get("job", finished, IN_TEAM)["metadata"]["labels"]["scriptmodel.dev/run"]
    return ["v1/engine.json", f"v1/{TEAM}/runs/{run}/result.json", f"v1/{TEAM}/runs/{run}/1/pack-0000"]


def test_an_object_of_another_engine_stops_and_says_so(cluster: Running, team: Namespace) -> None:
    """As one that was made on a Pachyderm before `pachd.address` was removed."""
    engine = team.get("castle")["metadata"]["annotations"][ENGINE]
    before = stages(cluster, "castle")
    team.kubectl("annotate", "scriptmodel", "castle", f"{ENGINE}=pachyderm/{'0' * 32}", "--overwrite")
    found = team.reason("castle", "OtherEngine", 60)
    message = condition(found)["message"]
    assert "its steps were made on Pachyderm 00000000, but the operator is connected to" in message
    team.kubectl("patch", "scriptmodel", "castle", "--type=merge", '--patch={"spec":{"generation":{"words":30}}}')
    team.reason("castle", "OtherEngine", 60)
    assert stages(cluster, "castle") == before
    team.kubectl("annotate", "scriptmodel", "castle", f"{ENGINE}={engine}", "--overwrite")
    team.ready("castle", 120)


def test_a_training_that_a_quota_stops_says_so_and_can_be_suspended(cluster: Running, team: Namespace) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full", "namespace": TEAM}}
    cluster.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    team.apply("refused", spec("castle", {"preset": "test", "seed": 2}))
    team.wait_for("refused", lambda each: "exceeded quota: full" in json.dumps(each.get("status", {})), 120)
    team.kubectl("patch", "scriptmodel", "refused", "--type=merge", '--patch={"spec":{"suspend":true}}')
    cluster.until("no Job is left", lambda: not jobs(cluster, "refused"))
    team.kubectl("delete", "scriptmodel", "refused", "--timeout=120s")
    cluster.kubectl("delete", "resourcequota", "full", IN_TEAM)


@pytest.mark.parametrize(
    ("name", "training", "says"),
    [
        (
            "small",
            {"resources": {"limits": {"memory": "160Mi"}}},
            "memory ran out at the limit of 160Mi: raise training.resources.limits.memory",
        ),
        ("elsewhere", {"nodeSelector": {"disk": "none"}}, "didn't match Pod's node affinity/selector"),
        ("typo", {"image": "scriptmodel-trainer:9.9.9-typo"}, "check the image and training.imagePullSecrets"),
    ],
)
def test_what_keeps_a_pod_from_running_is_in_the_status(
    team: Namespace, name: str, training: Object, says: str
) -> None:
    team.apply(name, spec("castle", {"preset": "test", "seed": 3}) | {"training": {"backoffLimit": 0, **training}})
    team.wait_for(name, lambda each: says in json.dumps(each.get("status", {})), 240)
    team.kubectl("delete", "scriptmodel", name, "--timeout=120s")


def test_a_pod_that_is_evicted_for_its_disk_says_so(cluster: Running, team: Namespace) -> None:
    limits = [{"type": "Container", "default": {"ephemeral-storage": "1Mi"}}]
    made = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "disk", "namespace": TEAM}}
    cluster.apply({**made, "spec": {"limits": limits}})
    epochs = {"preset": "small", "overrides": {"epochs": 200}}
    team.apply("disk", spec("long", epochs) | {"training": {"backoffLimit": 0}})
    found = team.reason("disk", "TrainingFailed", 300)
    assert "its pod was evicted, because it used more than its limit" in condition(found)["message"]
    team.kubectl("delete", "scriptmodel", "disk", "--timeout=120s")
    team.kubectl("delete", "limitrange", "disk")


def test_a_new_installation_computes_nothing_again(
    cluster: Running, team: Namespace, release: Release, current: Path
) -> None:
    before = stages(cluster, "castle")
    release.deploy(current, **VALUES, uninstall={"policy": "off"})
    cluster.kubectl("scale", "deployment", IN_RELEASE, PODS, "--replicas=0")
    cluster.kubectl("wait", "--for=delete", "pod", IN_RELEASE, PODS, "--timeout=60s")  # helm takes its rights at once
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")
    assert cluster.names("pvc", IN_RELEASE), "the volume is kept"
    release.deploy(current, **VALUES)
    for words, computed in ((40, ["generate"]), (50, ["generate"])):
        team.kubectl(
            "patch", "scriptmodel", "castle", "--type=merge", f'--patch={{"spec":{{"generation":{{"words":{words}}}}}}}'
        )
        team.ready("castle", 120)
        made = {uid: stage for uid, stage in stages(cluster, "castle").items() if uid not in before}
        assert list(made.values()) == computed, "only the script of 40 words was new"


def test_the_operator_used_each_of_its_rights_and_no_other(cluster: Running, team: Namespace, earlier: int) -> None:
    """In the tests above."""
    del team
    requests = audited(cluster)[earlier:]
    assert not [str(each) for each in requests if each.status == 403]
    used = {(each.group, each.resource, each.verb) for each in requests if each.status < 400}
    seldom = {("", "secrets", "patch")}  # to renew URLs, of trainings that take longer than the ones above
    assert granted(cluster) <= used | seldom, granted(cluster) - used
