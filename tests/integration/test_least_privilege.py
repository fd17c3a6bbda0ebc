"""The operator uses exactly the verbs that it is granted, and reveals no secret."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from dev.stack import TRAINER_IMAGE, ControlPlane, Localpach, Operator
from tests.integration.audit import requests_in
from tests.integration.cluster import MANIFESTS, QUICK_TRAINER, Cluster, StatusWatch, account_kubeconfig, paused
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

CANARY = "canary-7f3a9c-of-pachd"


@dataclass
class Lived:
    """A whole life with every feature that needs the API server, and all of its output."""

    log: str
    objects: str
    kubernetes_token: str = field(repr=False)


@pytest.fixture(scope="module")
def lived(
    control_plane: ControlPlane, watched: StatusWatch, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lived]:
    """Pachyderm becomes unavailable during it, so that errors are reported, and the log level is debug."""
    root = tmp_path_factory.mktemp("privilege")
    cluster = Cluster.create(control_plane, "modest")
    token = root / "token"
    token.write_text(CANARY)
    config = account_kubeconfig(control_plane, "modest")
    options = [
        "--poll-interval=0.5",
        f"--namespace={cluster.namespace}",
        "--log-level=debug",
        f"--pachd-token-file={token}",
    ]
    options += ["--leader-elect", "--lease-namespace=scriptmodel-system"]
    reported = []
    pachd = Localpach(root / "pachd", {TRAINER_IMAGE: QUICK_TRAINER})
    alone = Operator(root / "operator", config, pachd.address, options=options)
    with paused(operator), pachd, alone:
        (root / "hamlet.txt").write_text(play(2))
        cluster.kubectl("create", "configmap", "plays", f"--from-file={root / 'hamlet.txt'}")
        cluster.apply("modest", {"corpus": {"configMap": {"name": "plays"}}, "model": {"preset": "test"}})
        cluster.ready("modest", 120)
        pachd.kill()
        cluster.reason("modest", "EngineUnavailable")
        reported.append(cluster.kubectl("get", "sm", "-o", "yaml", "--show-managed-fields"))
        with pachd:
            cluster.ready("modest")
            with Pachyderm(pachd.address) as pachyderm:
                assert pachyderm.pipelines()
                reported.append(str(pachyderm.pipelines()))
            cluster.delete("modest")
        reported.append(cluster.kubectl("get", "events.events.k8s.io", "-o", "yaml"))
        alone.stop()
        log = alone.log.read_text()
    kubernetes_token = json.loads(config.read_text())["users"][0]["user"]["token"]
    yield Lived(log, "\n".join(reported), kubernetes_token)
    watched.check()


def granted() -> set[tuple[str, str, str]]:
    """Group, resource and verb of the operator's own roles."""
    documents = yaml.safe_load_all(Path(MANIFESTS / "rbac.yaml").read_text())
    rules = [
        rule
        for each in documents
        if each["kind"] in ("Role", "ClusterRole") and "aggregate-to" not in str(each["metadata"])  # those are people's
        for rule in each["rules"]
    ]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_every_verb_that_is_granted_is_used_and_no_other(lived: Lived, control_plane: ControlPlane) -> None:
    requested = list(requests_in(control_plane.audit_log))
    used = {(each.group, each.resource, each.verb) for each in requested if each.resource and each.status != 403}
    assert used == granted()


def test_no_secret_appears_in_any_output(lived: Lived) -> None:
    assert "DEBUG" in lived.log
    assert "localpach does not answer" in lived.log + lived.objects
    for secret in (CANARY, lived.kubernetes_token, lived.kubernetes_token.split(".")[2]):
        assert secret not in lived.log
        assert secret not in lived.objects
