"""Namespaces that one operator watches, with the rights that the chart gives it in each: what befalls one of them
concerns its own objects alone.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from scriptmodel_operator.jobs.requests import NAME_PREFIX
from tests.integration.cluster import Cluster, StatusWatch, installed
from tests.integration.test_job_engine import trained, unfinished
from tests.unit.operator.world import SPEC

pytestmark = pytest.mark.usefixtures("shared_operator_paused")


def until(what: str, holds: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def test_a_namespace_that_is_deleted_ends_and_stops_no_other(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch
) -> None:
    """The test is the controller that deletes what is in a namespace: rights go first."""
    gone, other = teams = [Cluster.create(control_plane, name) for name in ("team-a", "team-b")]
    options = [f"--storage={s3.url}/{uuid4().hex}", f"--storage-endpoint={s3.endpoint}", "--poll-interval=0.5"]
    options += [f"--namespace={team.namespace}" for team in teams]
    values = {"pachd": {"address": ""}, "watchNamespaces": [team.namespace for team in teams]}
    config = installed(control_plane, values, "teams")
    with Operator(tmp_path, config, options=options, env=s3.credentials) as operator:
        for team in teams:
            team.kubectl("create", "configmap", "plays", "--from-literal=hamlet.txt=HAMLET: To be or not to be.")
            team.apply("thrones", {**SPEC, "corpus": {"configMap": {"name": "plays"}}})
        trained(gone, "thrones")
        until("the other team trains", lambda: bool(unfinished(other)))

        gone.kubectl("delete", "rolebindings,roles", "--all")
        operator.kill()
        operator.start()  # also one that starts then
        gone.reason("thrones", "NotAllowed")
        control_plane.kubectl("delete", "namespace", gone.namespace, "--wait=false")
        gone.kubectl("delete", "scriptmodel", "thrones", "--wait=false")
        gone.gone("thrones")

        trained(other, "thrones")
        request = f"{NAME_PREFIX}12345678"
        data = {"request": json.dumps({"object": "v1/engine.json"})}
        metadata = {"name": request, "labels": {"scriptmodel.dev/request": "true"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        other.kubectl("create", "-f", "-", stdin=json.dumps(body))
        until("the request is answered", lambda: request in other.kubectl("get", "secrets", "-o", "name"))
        other.kubectl("delete", "scriptmodel", "thrones", "--wait=false")
        other.gone("thrones")
        assert "Traceback" not in operator.log.read_text()
    watched.check()
