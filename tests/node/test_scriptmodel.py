"""The command `scriptmodel` from outside of a cluster whose pachd is inside, without any option that names it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.images.project import image
from dev.paths import OPERATOR_ENV, ROOT
from dev.programs.binaries import find_or_build
from tests.integration.texts import play
from tests.node.release import NAME, NAMESPACE, Release
from tests.node.running import CommandFailedError, Namespace, Object, Running, run

pytestmark = pytest.mark.timeout(300)

PACHYDERM = "shelf-pachyderm"
"""The namespace of localpach, which replaces Pachyderm here. A real one may be in the namespace `pachyderm`."""
CLUSTER_ID = "shelf"
"""People may not read the uid of kube-system, which is the default."""
TOKEN = "of-a-test-cluster"  # noqa: S105 - of a server that ends with the test
"""What this localpach needs of everybody, also of whoever forwards a port to it."""
WRITERS = "writers"
"""The service account that may forward ports; another one may not."""
FORGETTING_TRAINER = "tests/chaos/trainer"
"""A ScriptModel that trains nothing: these tests are about reaching pachd."""


@dataclass(frozen=True)
class Person:
    """A user with a kubeconfig and the program, without a flag or variable that names pachd."""

    kubeconfig: Path

    def scriptmodel(self, *words: str) -> str:
        program = str(OPERATOR_ENV / "bin" / "scriptmodel")
        path = f"{find_or_build()}:{os.environ['PATH']}"  # with kubectl
        token = self.kubeconfig.with_suffix(".token")
        token.write_text(TOKEN)
        env = {"KUBECONFIG": str(self.kubeconfig), "SCRIPTMODEL_PACHD": "", "PATH": path}
        env["SCRIPTMODEL_PACHD_TOKEN_FILE"] = str(token)
        return run(program, *words, "--namespace=shelf", env=env)


def localpach() -> list[Object]:
    """A pod with localpach in the operator's image, which has what it imports, and the Service `pachd`."""
    labels = {"app": "pachd"}
    serve = f"echo {TOKEN} > /token && exec python3 -m localpach.cli serve --root=/state --token-file=/token"
    trainer = f"--image=scriptmodel-trainer:{image('trainer').version}=/project/{FORGETTING_TRAINER}"
    container = {
        "name": "pachd",
        "image": image("operator").tag,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", f"{serve} --listen=0.0.0.0:1650 {trainer}"],
        "env": [{"name": "PYTHONPATH", "value": "/project/localpach/src"}],
        "ports": [{"name": "api-grpc-port", "containerPort": 1650}],
        "readinessProbe": {"tcpSocket": {"port": "api-grpc-port"}, "periodSeconds": 1},
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [
            {"name": "project", "mountPath": "/project", "readOnly": True},
            {"name": "state", "mountPath": "/state"},
        ],
    }
    volumes = [{"name": "project", "hostPath": {"path": str(ROOT)}}, {"name": "state", "emptyDir": {}}]
    pod = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 1}
    ports = [{"name": "api-grpc-port", "port": 30650, "targetPort": "api-grpc-port"}]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PACHYDERM}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pachd-0", "namespace": PACHYDERM, "labels": labels},
            "spec": pod,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "pachd", "namespace": PACHYDERM},
            "spec": {"selector": labels, "ports": ports},
        },
    ]


def person(cluster: Running, account: str, folder: Path) -> Person:
    """Run with the rights of a service account: those of `edit` in the namespace, and what the chart grants."""
    cluster.kubectl("create", "serviceaccount", account, "--namespace=shelf")
    for role in ("edit", "scriptmodel-scriptmodel-operator-edit"):
        binding = f"{account}-{role}"
        cluster.kubectl(
            "create",
            "rolebinding",
            binding,
            f"--clusterrole={role}",
            f"--serviceaccount=shelf:{account}",
            "-n",
            "shelf",
        )
    token = cluster.kubectl("create", "token", account, "--namespace=shelf").strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / account
    path.write_text(json.dumps(config))
    return Person(path)


@pytest.fixture(scope="module")
def shelf(cluster: Running, current: Path) -> Iterator[Namespace]:
    """The namespace of the ScriptModels, with a release whose pachd is a Service in the cluster."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shelf"}}, *localpach())
    subjects = [{"kind": "ServiceAccount", "name": WRITERS, "namespace": "shelf"}]
    grants = {"aggregateEdit": True, "portForward": {"create": True, "subjects": subjects}}
    cluster.kubectl("wait", "pod/pachd-0", f"--namespace={PACHYDERM}", "--for=condition=Ready", "--timeout=60s")
    pod = cluster.get("pod", "pachd-0", f"--namespace={PACHYDERM}")
    release = Release(cluster, f"{pod['status']['podIP']}:1650", TOKEN)  # the cluster has no DNS for the operator
    release.values["publicConfig"] = {"address": f"pachd.{PACHYDERM}.svc.cluster.local:30650"}
    try:
        release.deploy(current, rbac=grants, clusterId=CLUSTER_ID, replicas=1)
        yield Namespace(cluster, "shelf")
    finally:
        # The operator is asked first: while it runs, it would put back a finalizer that somebody else removes.
        cluster.kubectl("delete", "scriptmodels", "--all", "--namespace=shelf", "--timeout=90s", check=False)
        release.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
        gone = ("--ignore-not-found", "--timeout=120s")
        cluster.kubectl("delete", "namespace", "shelf", PACHYDERM, NAMESPACE, *gone, check=False)


def test_push_and_every_reading_command_find_pachd_without_an_option(
    cluster: Running, shelf: Namespace, tmp_path: Path
) -> None:
    writer = person(cluster, WRITERS, tmp_path)
    (tmp_path / "plays").mkdir()
    (tmp_path / "plays" / "castle.txt").write_text(play(60))
    sample = ROOT / "manifests" / "samples" / "shakespeare.yaml"

    assert "1 file" in writer.scriptmodel("push", str(tmp_path / "plays"), "--repo=shakespeare", "--create")
    planned = refused(writer, 1, "plan", f"--filename={sample}", f"--cluster-id={CLUSTER_ID}")
    assert "create pipeline" in planned
    shelf.kubectl("apply", f"--filename={sample}")
    shelf.ready("shakespeare", 120)

    assert "[ HAMLET ]: " in writer.scriptmodel("script", "shakespeare")
    assert "<title>Model report</title>" in writer.scriptmodel("report", "shakespeare")
    assert "SUCCESS)" in refused(writer, 1, "logs", "shakespeare"), "this trainer writes no log"
    assert "Generated" in writer.scriptmodel("status", "shakespeare")
    assert "SUCCESS" in writer.scriptmodel("why", "shakespeare"), "jobs are known to Pachyderm alone"


def refused(someone: Person, status: int, *words: str) -> str:
    """Return the output of a command that fails."""
    with pytest.raises(CommandFailedError, match=f"ended with {status}:") as caught:
        someone.scriptmodel(*words)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_a_forbidden_port_forward_names_the_role_that_grants_it(
    cluster: Running, shelf: Namespace, tmp_path: Path
) -> None:
    reader = person(cluster, "readers", tmp_path)
    said = refused(reader, 1, "push", str(ROOT / "README.md"), "--repo=shakespeare")
    role = "scriptmodel-scriptmodel-operator-pachd"
    assert f"cannot forward a port to pachd at pachd.{PACHYDERM}.svc.cluster.local:30650" in said
    assert "forbidden" in said
    assert f"kubectl -n {PACHYDERM} create rolebinding {role}-YOU --role={role} --user=YOU" in said
