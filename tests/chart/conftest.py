"""A real API server with the CRD of ScriptModels."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from dev.stack import ControlPlane
from tests.chart import rendering

WATCHED = ("team-a", "team-b")


_WITH_A_CLUSTER = ("test_commands.py", "test_objects.py", "test_release.py")


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
        running.kubectl("apply", "--server-side", "-f", "manifests/namespace.yaml", "-f", "manifests/crd.yaml")
        for name in WATCHED:
            made = running.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
            assert made["kind"] == "Namespace", made
        running.wait_for_definitions()
        yield running
