"""The command `scriptmodel` from outside of the cluster's network, with rights in one namespace and no other option."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.paths import ROOT
from tests.integration.texts import play
from tests.node.release import NAME, NAMESPACE, Release
from tests.node.running import CommandFailedError, Namespace, Person, Running

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif("PACHD_ADDRESS" in os.environ, reason="the release has the Pachyderm at PACHD_ADDRESS"),
]

WRITERS = "writers"
"""The service account that may forward ports; another one may not."""
SHELF = "shelf"
OPERATOR = f"{NAME}-scriptmodel-operator"
SAMPLE = ROOT / "manifests" / "samples" / "shakespeare.yaml"


def person(cluster: Running, account: str, folder: Path) -> Person:
    """Make a service account that has the chart's rights of people in the namespace, and perhaps a port-forward."""
    where = f"--namespace={SHELF}"
    cluster.kubectl("create", "serviceaccount", account, where)
    role = f"--clusterrole={OPERATOR}-people"
    cluster.kubectl("create", "rolebinding", account, role, f"--serviceaccount={SHELF}:{account}", where)
    token = cluster.kubectl("create", "token", account, where).strip()
    config = json.loads(cluster.kubectl("config", "view", "--raw", "--flatten", "--output=json"))
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / account
    path.write_text(json.dumps(config))
    return Person(path, SHELF)


@pytest.fixture(scope="module")
def shelf(cluster: Running, release: Release, current: Path) -> Iterator[Namespace]:
    """The namespace of the ScriptModels, and a release that lets one account forward ports to its S3 server."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHELF}})
    subjects = [{"kind": "ServiceAccount", "name": WRITERS, "namespace": SHELF}]
    rights = {"portForward": {"create": True, "subjects": subjects}}
    release.deploy(current, rbac=rights, replicas=1, watchNamespaces=[SHELF])
    yield Namespace(cluster, SHELF)
    # The operator is asked first: while it runs, it would put back a finalizer that somebody else removes.
    cluster.kubectl("delete", "scriptmodels", "--all", f"--namespace={SHELF}", "--timeout=90s", check=False)
    release.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
    cluster.kubectl("delete", "namespace", SHELF, "--timeout=120s", check=False)


def test_a_person_gets_from_a_folder_of_plays_to_a_script(cluster: Running, shelf: Namespace, tmp_path: Path) -> None:
    writer = person(cluster, WRITERS, tmp_path)
    writer.push({"castle.txt": play(60)}, "shakespeare")
    assert "create step" in refused(writer, 1, "plan", f"--filename={SAMPLE}")
    cluster.kubectl("apply", f"--filename={SAMPLE}", f"--namespace={SHELF}", f"--kubeconfig={writer.kubeconfig}")
    shelf.ready("shakespeare", 300)
    assert "[ HAMLET ]: " in writer.scriptmodel("script", "shakespeare")
    assert "<title>Script model" in writer.scriptmodel("report", "shakespeare")
    assert "Test Perplexity: " in writer.scriptmodel("logs", "shakespeare"), "also of a run that has ended"
    assert "Generated" in writer.scriptmodel("status", "shakespeare")
    assert "Ready: " in writer.scriptmodel("why", "shakespeare")


def refused(someone: Person, status: int, *words: str) -> str:
    """Return the output of a command that fails."""
    with pytest.raises(CommandFailedError, match=f"ended with {status}:") as caught:
        someone.scriptmodel(*words)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("shelf")
def test_a_forbidden_port_forward_names_the_role_that_grants_it(cluster: Running, tmp_path: Path) -> None:
    reader = person(cluster, "readers", tmp_path)
    said = refused(reader, 1, "push", str(ROOT / "README.md"), "--repo=shakespeare", "--create")
    role = f"{OPERATOR}-pachd"
    assert f"cannot forward a port to the S3 server at {OPERATOR}-s3.{NAMESPACE}.svc:7070" in said
    assert "forbidden" in said
    assert f"kubectl -n {NAMESPACE} create rolebinding {role}-YOU --role={role} --user=YOU" in said
