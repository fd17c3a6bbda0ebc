"""What the operator writes into a status, on the real API server."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dev.stack import Operator
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError
from scriptmodel_operator.kube.login import Credentials, login
from tests.integration.cluster import Cluster

SPEC = {"corpus": {"repo": {"name": "no-such-corpus"}}}
HANDLED = "lastHandledReconcileAt"


def test_what_somebody_else_wrote_into_a_status_does_not_stay(cluster: Cluster, operator: Operator) -> None:
    """As after a restore from a backup, or of another operator."""
    assert operator
    cluster.apply("thrones", SPEC)
    before = cluster.reason("thrones", "CorpusNotFound")["status"]
    theirs = json.dumps({"status": {"source": {"commit": "theirs"}, "perplexity": "1.0"}})
    cluster.kubectl("patch", "sm", "thrones", "--subresource=status", "--type=merge", "-p", theirs)
    cluster.kubectl("annotate", "sm", "thrones", "scriptmodel.dev/reconcile-at=now")
    after = cluster.wait_for("thrones", lambda found: found["status"].get(HANDLED) == "now", 60)["status"]
    assert {key: value for key, value in after.items() if key != HANDLED} == before


def test_the_status_of_a_newer_object_of_the_same_name_is_not_written(
    cluster: Cluster, operator_kubeconfig: Path, shared_operator_paused: None
) -> None:
    del shared_operator_paused
    cluster.apply("thrones", SPEC)
    older = replace(parse_object(cluster.get("thrones")), uid="00000000-0000-0000-0000-000000000000")

    client = KubeClient(Credentials(lambda: login(operator_kubeconfig)))
    with pytest.raises(KubeError):
        client.replace_status(older.namespace, older.name, older.uid, {"perplexity": "1.0"})
    assert "status" not in cluster.get("thrones")
