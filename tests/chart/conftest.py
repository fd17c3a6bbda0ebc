"""A real API server with the CRDs of ScriptModels and of the Prometheus operator's kinds that the chart uses."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from dev.generate.chart import NAMESPACE
from dev.stack import ControlPlane
from tests.chart import rendering
from tests.chart.monitoring import CUSTOM_RESOURCES

WATCHED = ("team-a", "team-b")


_WITH_A_CLUSTER = ("test_commands.py", "test_notes.py", "test_objects.py", "test_release.py")


class _OneCluster(LoadScopeScheduling):
    """Keeps to one worker what needs an API server, whose start costs more than any test."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        return "a cluster" if module.endswith(_WITH_A_CLUSTER) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _OneCluster(config, log)


@pytest.fixture(scope="session", autouse=True)
def home_of_helm() -> Iterator[None]:
    """Delete helm's own folder at the end."""
    yield
    shutil.rmtree(rendering.home())


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Create the namespaces that the values name; the release's refuses pods that are not `restricted`."""
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        crds = json.dumps({"apiVersion": "v1", "kind": "List", "items": CUSTOM_RESOURCES})
        running.kubectl("apply", "--server-side", "-f", "-", stdin=crds)
        running.kubectl("apply", "--server-side", "-f", "manifests/namespace.yaml", "-f", "manifests/crd.yaml")
        for name in WATCHED:
            made = running.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
            assert made["kind"] == "Namespace", made
        running.wait_for_definitions()
        yield running


def account_kubeconfig(control_plane: ControlPlane, account: str, path: Path, namespace: str = NAMESPACE) -> Path:
    """A kubeconfig for a service account, with exactly its rights."""
    token = control_plane.kubectl("create", "token", account, "-n", namespace, "--duration=1h").stdout.strip()
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    path.write_text(json.dumps(config))
    return path
