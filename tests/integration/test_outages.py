"""Outages that the operator survives: restarts of both servers, and a connection that is open but dead."""

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.processes import free_port
from dev.stack import TRAINER_IMAGE, ControlPlane, Localpach, Operator
from tests.integration.cluster import MANIFESTS, QUICK_TRAINER, Cluster, account_kubeconfig, condition, prepare
from tests.integration.pachyderm import Pachyderm
from tests.integration.relay import Relay
from tests.integration.texts import play

pytestmark = pytest.mark.slow

NOWHERE = {"corpus": {"repo": {"name": "plays"}}, "model": {"preset": "test"}}
NOTICED_SECONDS = 120
"""A dead watch is to be found within this time."""


@pytest.fixture(scope="module")
def own_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that may be ended, unlike the one that all other tests share; each test starts it again."""
    with ControlPlane(tmp_path_factory.mktemp("outages") / "controlplane") as running:
        prepare(running)
        yield running


@pytest.fixture
def own_cluster(own_plane: ControlPlane) -> Cluster:
    return Cluster.create(own_plane, "outage")


def alive(address: str) -> bool:
    return says_yes(address, "healthz")


def says_yes(address: str, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def has_come_alive(address: str) -> bool:
    """The same of an operator that may not listen yet."""
    try:
        return alive(address)
    except urllib.error.URLError:
        return False


def has_heard_of(address: str, name: str) -> bool:
    """Whether the watch of an operator, which may not listen yet, has brought an object."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            return f'name="{name}"' in answer.read().decode()
    except urllib.error.URLError:
        return False


def test_a_dead_watch_is_opened_again_within_two_minutes(own_cluster: Cluster, tmp_path: Path) -> None:
    plane, probe = own_cluster.control_plane, f"127.0.0.1:{free_port()}"
    with Relay(plane.server.removeprefix("https://")) as relay:
        config = account_kubeconfig(plane, "dead", relay.address)
        options = [f"--namespace={own_cluster.namespace}", f"--health-listen={probe}", "--poll-interval=1"]
        with Operator(tmp_path / "operator", config, f"127.0.0.1:{free_port()}", options=options) as operator:
            own_cluster.apply("heard", NOWHERE)
            operator.wait_until(lambda: has_heard_of(probe, "heard"))
            relay.deafen()
            deadline = time.monotonic() + NOTICED_SECONDS
            own_cluster.apply("unheard", NOWHERE)
            time.sleep(NOTICED_SECONDS / 10)
            assert not has_heard_of(probe, "unheard"), "the watch is not dead"
            while not has_heard_of(probe, "unheard"):
                assert time.monotonic() < deadline, "the dead watch was not noticed"
                time.sleep(1)
            assert alive(probe)
            own_cluster.reason("unheard", "EngineUnavailable", 60)


def test_a_restarted_api_server_is_found_again_and_nothing_is_missed(own_cluster: Cluster, tmp_path: Path) -> None:
    plane = own_cluster.control_plane
    options = [f"--namespace={own_cluster.namespace}", "--poll-interval=0.5"]
    config = account_kubeconfig(plane, "restart")
    with (
        Localpach(tmp_path / "pachd", {TRAINER_IMAGE: QUICK_TRAINER}) as pachd,
        Pachyderm(pachd.address, namespace=own_cluster.namespace) as pachyderm,
        Operator(tmp_path / "operator", config, pachd.address, options=options) as operator,
    ):
        corpus = pachyderm.corpus({"/hamlet.txt": play(2)})
        own_cluster.apply("before", NOWHERE)
        own_cluster.reason("before", "CorpusNotFound")
        process = operator.pid
        plane.apiserver.stop()
        pachyderm.create_repo("plays")
        operator.wait_until(lambda: "attempt 1, next in" in operator.log.read_text())
        plane.apiserver.start()
        plane.apiserver.wait_until(lambda: not plane.kubectl("get", "--raw=/readyz", check=False).returncode)
        own_cluster.reason("before", "CorpusBranchNotFound", 60)
        own_cluster.apply("after", {**NOWHERE, "corpus": {"repo": {"name": corpus}}})
        found = own_cluster.ready("after", 200)
        assert pachyderm.versions(found) == {"train": 1, "generate": 1}
        assert operator.running
        assert operator.pid == process
        assert "Traceback" not in operator.log.read_text()
        for name in ("before", "after"):
            own_cluster.delete(name)


def test_a_restarted_pachyderm_is_found_again_and_nothing_is_made_twice(own_cluster: Cluster, tmp_path: Path) -> None:
    pachd = Localpach(tmp_path / "pachd", {TRAINER_IMAGE: QUICK_TRAINER})
    config = account_kubeconfig(own_cluster.control_plane, "pachd")
    options = [f"--namespace={own_cluster.namespace}", "--poll-interval=0.5"]
    with pachd, Operator(tmp_path / "operator", config, pachd.address, options=options) as operator:
        with Pachyderm(pachd.address, namespace=own_cluster.namespace) as pachyderm:
            corpus = pachyderm.corpus({"/hamlet.txt": play()})
        own_cluster.apply("lasting", {**NOWHERE, "corpus": {"repo": {"name": corpus}}})
        own_cluster.wait_for("lasting", lambda found: bool(found.get("status", {}).get("pipelines")), 60)
        pachd.kill()
        own_cluster.reason("lasting", "EngineUnavailable")
        with pachd:
            found = own_cluster.ready("lasting", 200)
            assert condition(found, "Stalled")["status"] == "False"
            with Pachyderm(pachd.address) as pachyderm:
                assert pachyderm.versions(found) == {"train": 1, "generate": 1}
        kept, lost = tmp_path / "pachd" / "data", tmp_path / "pachd" / "lost"
        kept.rename(lost)
        with pachd, Pachyderm(pachd.address) as empty:
            own_cluster.reason("lasting", "OtherEngine", 60)
            own_cluster.kubectl("delete", "sm", "lasting", "--wait=false")
            own_cluster.wait_for("lasting", lambda found: "Orphan" in condition(found, "Ready")["message"], 60)
            assert not empty.repos()
        shutil.rmtree(kept)
        lost.rename(kept)
        with pachd, Pachyderm(pachd.address) as restored:
            own_cluster.gone("lasting")
            assert restored.repos() == {corpus}
            assert "Traceback" not in operator.log.read_text()


def test_a_deleted_crd_is_reported_and_awaited(own_cluster: Cluster, tmp_path: Path) -> None:
    plane, probe = own_cluster.control_plane, f"127.0.0.1:{free_port()}"
    options = [f"--namespace={own_cluster.namespace}", "--poll-interval=0.5", f"--health-listen={probe}"]
    config, nowhere = account_kubeconfig(plane, "crd"), f"127.0.0.1:{free_port()}"
    with Operator(tmp_path / "operator", config, nowhere, options=options) as operator:
        operator.wait_until(lambda: has_come_alive(probe) and says_yes(probe, "readyz"))
        plane.kubectl("delete", "-f", str(MANIFESTS / "crd.yaml"))
        operator.wait_until(lambda: not says_yes(probe, "readyz"))
        assert alive(probe)
        assert "the ScriptModel CRD is not installed: kubectl apply -f manifests/crd.yaml" in operator.log.read_text()
        prepare(plane)
        own_cluster.apply("after", NOWHERE)
        own_cluster.reason("after", "EngineUnavailable", 90)
        assert says_yes(probe, "readyz")
        assert "Traceback" not in operator.log.read_text()
        own_cluster.kubectl("patch", "sm", "after", "--type=merge", "-p", '{"spec": {"deletionPolicy": "Orphan"}}')
        own_cluster.delete("after")
