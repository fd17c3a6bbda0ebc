"""Two replicas with a Lease: one acts, the other takes over, and nobody acts besides the leader."""

import base64
import json
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dev.stack import ControlPlane, Localpach, Operator
from tests.integration.audit import WRITES, Request, requests_in
from tests.integration.cluster import QUICK_IMAGE, Cluster, account_kubeconfig, condition, until
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

CORPUS = {"corpus": {"repo": {"name": "plays"}}, "model": {"preset": "test"}}


class Replicas:
    """Operators of one namespace, each with its own token, by which the audit log distinguishes them."""

    def __init__(self, root: Path, cluster: Cluster, pachd: str) -> None:
        self._root, self._cluster, self._pachd = root, cluster, pachd

    def make(self, name: str) -> Operator:
        config = account_kubeconfig(self._cluster.control_plane, f"{self._cluster.namespace}-{name}")
        options = ["--poll-interval=0.3", f"--namespace={self._cluster.namespace}", "--leader-elect"]
        return Operator(
            self._root / name,
            config,
            self._pachd,
            trainer_image=QUICK_IMAGE,
            options=[*options, "--lease-namespace=scriptmodel-system"],
        )

    def writes(self, name: str, since: str = "") -> list[Request]:
        """Return the write requests of a replica."""
        config = self._cluster.control_plane.root / f"{self._cluster.namespace}-{name}.kubeconfig"
        token = json.loads(config.read_text())["users"][0]["user"]["token"]
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        requested = requests_in(self._cluster.control_plane.audit_log)
        mine = [each for each in requested if each.credential == f"JTI={claims['jti']}" and each.verb in WRITES]
        return [each for each in mine if each.moment > since]


@pytest.fixture
def replicas(tmp_path: Path, cluster: Cluster, localpach: Localpach, shared_operator_paused: None) -> Replicas:
    cluster.control_plane.kubectl(
        "delete", "lease", "scriptmodel-operator", "-n", "scriptmodel-system", "--ignore-not-found"
    )
    return Replicas(tmp_path, cluster, localpach.address)


def leads(operator: Operator) -> Callable[[], bool]:
    return lambda: "leading as" in operator.log.read_text()


def lease(control_plane: ControlPlane) -> dict[str, str]:
    found = control_plane.kubectl("get", "lease", "scriptmodel-operator", "-n", "scriptmodel-system", "-o", "json")
    spec: dict[str, str] = json.loads(found.stdout)["spec"]
    return spec


def test_a_leader_that_ends_releases_the_lease_and_the_other_continues_immediately(
    cluster: Cluster, replicas: Replicas
) -> None:
    with replicas.make("first") as first:
        first.wait_until(leads(first))
        with replicas.make("second") as second:
            second.wait_until(lambda: "standing by" in second.log.read_text())
            cluster.apply("early", CORPUS)
            cluster.reason("early", "CorpusNotFound")
            assert replicas.writes("second") == [], "who stands by does nothing"
            first.stop()
            released = lease(cluster.control_plane)
            second.wait_until(leads(second))
            cluster.apply("late", CORPUS)
            cluster.reason("late", "CorpusNotFound")
            assert "Traceback" not in first.log.read_text() + second.log.read_text()
    # Either nobody had it yet, or the second one had it already: in no case was its end waited for.
    assert released.get("holderIdentity", "") == "" or int(released["leaseTransitions"]) == 1


def test_a_paused_leader_is_replaced_and_writes_nothing_once_it_wakes(
    cluster: Cluster, replicas: Replicas, pachyderm: Pachyderm
) -> None:
    with replicas.make("first") as first:
        first.wait_until(leads(first))
        with replicas.make("second") as second:
            second.wait_until(lambda: "standing by" in second.log.read_text())
            cluster.apply("contested", {**CORPUS, "corpus": {"repo": {"name": f"c-{cluster.namespace}"}}})
            cluster.reason("contested", "CorpusNotFound")
            first.signal(signal.SIGSTOP)
            left = lease(cluster.control_plane)
            # Work for both: whoever reconciles now has to write pipelines, status and events.
            pachyderm.corpus({"/hamlet.txt": play(2)}, f"c-{cluster.namespace}")
            cluster.apply("fresh", CORPUS)
            second.wait_until(leads(second), within=60)
            taken = lease(cluster.control_plane)
            cluster.reason("fresh", "CorpusNotFound")
            cluster.wait_for("contested", lambda found: bool(found["status"].get("pipelines")), 60)
            since = max(each.moment for each in requests_in(cluster.control_plane.audit_log))
            first.signal(signal.SIGCONT)
            until("the first one ends", lambda: not first.running, 60)
            assert "no longer leads" in first.tail() or "leads instead of" in first.tail()
            assert replicas.writes("first", since) == []
            assert replicas.writes("first")[-1].moment < taken["acquireTime"]
            assert (
                datetime.fromisoformat(taken["acquireTime"]) - datetime.fromisoformat(left["renewTime"])
            ).total_seconds() > 10
            found = cluster.wait_for("contested", lambda each: condition(each)["status"] == "True", 400)
            assert pachyderm.versions(found) == {"train": 1, "generate": 1}
