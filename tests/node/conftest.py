"""A real node: the operator as pods of its image, the chart, and the trainer's image at work.

`make e2e` starts the cluster and runs this. The engine is that of a release without a Pachyderm, or the server that
PACHD_ADDRESS names, which pods and host must reach by the same address. If that has auth, PACHD_ROOT_TOKEN is its root
token: the operator gets a user with the least roles.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.runtime import OURS, Runtime
from dev.images.project import image
from tests.contract.met import server_met
from tests.integration.pachyderm import Pachyderm
from tests.node.access import operators_token
from tests.node.engines import Engine, Jobs, RealPachyderm, s3_server
from tests.node.release import NAME, NAMESPACE, Release, chart_of
from tests.node.running import Namespace, Person, Running

SCRIPTMODEL = "shakespeare"
"""The sample's name and the repo that it reads."""
GPU = "gpu"
"""The sample that requests a GPU."""


def pytest_report_header() -> str:
    """State the version that the suite meets."""
    return server_met()


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    if not OURS.answers():
        pytest.exit("no cluster is running: `make e2e` starts it, `make cluster` alone does too", returncode=1)
    return OURS


@pytest.fixture(scope="session")
def cluster(runtime: Runtime) -> Running:
    return Running(runtime.root / "kubeconfig")


@pytest.fixture(scope="session")
def pachd() -> str:
    return os.environ["PACHD_ADDRESS"]


@pytest.fixture(scope="session")
def token() -> Iterator[str]:
    """The token of the operator, and of the person who writes the corpora; "" without auth."""
    given = os.environ.get("PACHD_ADDRESS", ""), os.environ.get("PACHD_ROOT_TOKEN", "")
    with operators_token(*given) as found:
        yield found


@pytest.fixture(scope="session")
def pachyderm(pachd: str, token: str) -> Iterator[Pachyderm]:
    """Delete what the tests created in it, whatever happened, because a real server stays in use."""
    with Pachyderm(pachd, token, "plays") as client:
        before = set(client.pipelines()) | client.repos()
        assert SCRIPTMODEL not in before, f"{pachd} has a repo {SCRIPTMODEL} already, and the tests would make it"
        yield client
        ours = (f"{SCRIPTMODEL}-", f"{GPU}-")
        for name in sorted(set(client.pipelines()) - before):  # generate reads from train
            if name.startswith(ours):
                client.delete_pipeline(name)
        for name in sorted(client.repos() - before):
            if name == SCRIPTMODEL or name.startswith((*ours, "plays-")):
                client.delete_repo(name)


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, cluster: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    if given := os.environ.get("PACHD_ADDRESS"):
        yield RealPachyderm(cluster, given, request.getfixturevalue("pachyderm"))
        return
    with s3_server(cluster, tmp_path_factory.mktemp("bucket")):
        yield Jobs(cluster, "plays")


@pytest.fixture(scope="session")
def release(cluster: Running, engine: Engine, token: str) -> Iterator[Release]:
    """Delete the namespace with everything in it, whatever happened, before `engine` is cleaned up."""
    found = Release(cluster, engine.values, token)
    yield found
    found.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")


@pytest.fixture(scope="session")
def writer(cluster: Running, token: str, plays: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Whoever has the ScriptModels of `plays`: the administrator of the cluster."""
    del plays
    env = {"SCRIPTMODEL_PACHD": os.environ.get("PACHD_ADDRESS", "")}
    if token:
        path = tmp_path_factory.mktemp("writer") / "token"
        path.write_text(token)
        env["SCRIPTMODEL_PACHD_TOKEN_FILE"] = str(path)
    return Person(cluster.kubeconfig, "plays", env)


@pytest.fixture(scope="session")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart at its own version."""
    return chart_of(image("operator").version, tmp_path_factory.mktemp("chart"))


@pytest.fixture(scope="session")
def plays(cluster: Running) -> Iterator[Namespace]:
    """The namespace of a person who has ScriptModels."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "plays"}})
    yield Namespace(cluster, "plays")
    for name in cluster.names("scriptmodels", "--namespace=plays"):
        cluster.kubectl("patch", name, "--namespace=plays", "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    cluster.kubectl("delete", "namespace", "plays")
