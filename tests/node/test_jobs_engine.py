"""The chart with its S3 server: Jobs in the namespace of their object, and a bucket that outlives the release."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.node import OPERATOR
from tests.integration.audit import Request, requests_in
from tests.integration.texts import play
from tests.node.release import NAME, NAMESPACE, Release
from tests.node.running import Namespace, Object, Running
from tests.node.service import serving
from tests.node.test_lost_workers import volume

pytestmark = pytest.mark.timeout(900)

ADDRESS = "10.232.0.51"
S3 = f"{NAME}-scriptmodel-operator-s3"
TEAM = "team-of-jobs"
IN_RELEASE = f"--namespace={NAMESPACE}"
IN_TEAM = f"--namespace={TEAM}"
STORAGE = {"server": {"className": "manual", "clusterIP": ADDRESS}}


@pytest.fixture(scope="module")
def bucket(cluster: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A volume for the S3 server, of a type that the kubelet applies `fsGroup` to."""
    folder = tmp_path_factory.mktemp("bucket")
    persistent, _claim = volume(folder, NAMESPACE)
    persistent["metadata"]["name"] = S3
    persistent["spec"] |= {"capacity": {"storage": "20Gi"}, "storageClassName": "manual"}
    persistent["spec"]["claimRef"]["name"] = S3
    cluster.apply(persistent)
    yield
    cluster.kubectl("delete", "persistentvolume", S3, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def release(cluster: Running, bucket: None) -> Iterator[Release]:
    """The release, and the team's namespace, which accepts restricted pods only; both are deleted in the end."""
    del bucket

    def pod_address() -> str:
        pods = cluster.get("pods", IN_RELEASE, "--selector=app.kubernetes.io/component=s3")["items"]
        return str(pods[-1]["status"]["podIP"])

    made = Release(cluster, "")
    made.values["storage"] = STORAGE
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM, "labels": labels}})
    with serving(ADDRESS, (7070,), pod_address):
        try:
            yield made
        finally:
            cluster.kubectl("delete", "scriptmodels", "--all", IN_TEAM, "--timeout=90s", check=False)
            made.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
            for name in cluster.names("scriptmodels", IN_TEAM):  # whose finalizer nobody removes any more
                cluster.kubectl("patch", name, IN_TEAM, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
            gone = ("--ignore-not-found", "--timeout=120s")
            cluster.kubectl("delete", "namespace", TEAM, NAMESPACE, *gone, check=False)


def audited(cluster: Running) -> list[Request]:
    """The operator's requests to the API server, of all releases."""
    return list(requests_in(cluster.kubeconfig.with_name("audit.log")))


@pytest.fixture(scope="module")
def earlier(cluster: Running) -> int:
    """How many requests the operators of other modules sent."""
    return len(audited(cluster))


@pytest.fixture(scope="module")
def team(cluster: Running, release: Release, current: Path, earlier: int) -> Namespace:
    """The namespace, with a corpus in a ConfigMap, of people whose operator is ready."""
    del earlier
    release.deploy(current, replicas=1)
    for name, scenes in (("castle", 60), ("long", 600)):
        cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": TEAM},
                "data": {"castle.txt": play(scenes)},
            }
        )
    return Namespace(cluster, TEAM)


def spec(corpus: str, model: Object) -> Object:
    return {"corpus": {"configMap": {"name": corpus}}, "model": model, "generation": {"words": 50}}


def jobs(cluster: Running, name: str) -> dict[str, Object]:
    """The Jobs of a ScriptModel, by name."""
    found = cluster.get("jobs", IN_TEAM, f"--selector=scriptmodel.dev/name={name}")["items"]
    return {each["metadata"]["name"]: each for each in found}


def granted(cluster: Running) -> set[tuple[str, str, str]]:
    """Group, resource and verb of the operator's rights in all namespaces."""
    rules = cluster.get("clusterrole", OPERATOR.rpartition(":")[2])["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def progress(found: Object) -> int:
    return int(found.get("status", {}).get("training", {}).get("progressPercent", 0))


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


def test_a_training_whose_pod_is_deleted_resumes(cluster: Running, team: Namespace) -> None:
    team.apply("long", spec("long", {"preset": "small", "overrides": {"epochs": 40}, "seed": 7}))
    selected = ("--selector=scriptmodel.dev/name=long,scriptmodel.dev/stage=train", IN_TEAM)
    team.wait_for("long", lambda each: progress(each) >= 1, 400)
    cluster.kubectl("delete", "pod", IN_RELEASE, "--selector=app.kubernetes.io/component=operator")
    cluster.kubectl("delete", "pod", *selected)
    found = team.ready("long", 600)
    assert found["status"]["training"]["restarts"] == 1
    assert len([name for name in jobs(cluster, "long") if "-train-" in name]) == 2


def test_a_training_that_a_quota_stops_says_so_and_can_be_suspended(cluster: Running, team: Namespace) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full", "namespace": TEAM}}
    cluster.apply({**quota, "spec": {"hard": {"pods": "0"}}})
    team.apply("refused", spec("castle", {"preset": "test", "seed": 2}))
    team.wait_for("refused", lambda each: "exceeded quota: full" in json.dumps(each.get("status", {})), 120)
    team.kubectl("patch", "scriptmodel", "refused", "--type=merge", '--patch={"spec":{"suspend":true}}')
    cluster.until("no Job is left", lambda: not jobs(cluster, "refused"))
    team.kubectl("delete", "scriptmodel", "refused", "--timeout=120s")
    cluster.kubectl("delete", "resourcequota", "full", IN_TEAM)


def test_a_new_installation_computes_nothing_again(
    cluster: Running, team: Namespace, release: Release, current: Path
) -> None:
    before = stages(cluster, "castle")
    release.deploy(current, replicas=1, uninstall={"policy": "orphan"})
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")
    assert cluster.names("pvc", IN_RELEASE), "the volume is kept"
    release.deploy(current, replicas=1)
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
