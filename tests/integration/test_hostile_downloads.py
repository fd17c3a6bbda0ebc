"""A download that hangs ends with the operator, and an object that older rules admitted can still be changed."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from dev.stack import Localpach, Operator
from tests.integration.cluster import Cluster, manifest
from tests.integration.test_corpus_by_url import by_url, until
from tests.integration.texts import play
from tests.unit.operator.archives import tar_gz_of
from tests.web import WebServer, content

CRD = Path("manifests/crd.yaml")
SIX_STARS = 6 * "**/a/"


def pause_reader(pid: int) -> list[int]:
    """Pause a process that reads an archive for an operator and return its id; [] if none runs or it has just ended."""
    with suppress(OSError):  # a thread or a reader that ends meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if b"scriptmodel_operator.ingest.reader" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(child, signal.SIGSTOP)
                    while (state := state_of(child)) != "T":
                        if state == "Z":
                            raise ProcessLookupError
                    return [child]
    return []


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_an_operator_ends_at_once_although_a_reader_of_an_archive_hangs(
    cluster: Cluster,
    localpach: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    tmp_path: Path,
) -> None:
    options = ["--poll-interval=0.5", f"--namespace={cluster.namespace}", "--allow-download=127.0.0.1"]
    archive = tar_gz_of({f"plays/{number}.txt": play().encode() for number in range(200)})
    with WebServer() as server, Operator(tmp_path, operator_kubeconfig, localpach.address, options=options) as operator:
        server.answers["/plays"] = content(archive)
        cluster.apply("hanging", by_url(server.url("/plays"), include=["*.txt"]))
        hanging: list[int] = []
        until(lambda: bool(hanging.extend(pause_reader(operator.pid)) or hanging), within=60)
        started = time.monotonic()
        operator.stop()
        assert time.monotonic() - started < operator.grace
        until(lambda: not Path(f"/proc/{hanging[0]}").exists())


def test_an_object_of_older_rules_can_still_be_changed(cluster: Cluster, shared_operator_paused: None) -> None:
    """The API server checks only what a change touches (validation ratcheting)."""
    spec = by_url("http://127.0.0.1:1/plays", include=[SIX_STARS])
    assert "at most 4 times" in cluster.refusal("older", spec)
    definition = json.loads(cluster.kubectl("get", "crd", "scriptmodels.scriptmodel.dev", "-o", "json"))
    properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del properties["corpus"]["properties"]["http"]["properties"]["include"]["items"]["x-kubernetes-validations"]
    del definition["metadata"]["resourceVersion"]
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps(definition))
    try:
        until(
            lambda: (
                "created" in cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifest("older", spec)), check=False)
            )
        )
    finally:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    newer = json.dumps(manifest("newer", spec))
    # A dry run: until the server uses the definition that it has just accepted, it would create the object.
    dry = ("apply", "--dry-run=server", "-f", "-")
    until(lambda: "at most 4 times" in cluster.kubectl(*dry, stdin=newer, check=False))
    cluster.kubectl("patch", "scriptmodel", "older", "--type=merge", "-p", '{"spec":{"generation":{"words":40}}}')
    assert cluster.get("older")["spec"]["generation"]["words"] == 40
    with pytest.raises(Exception, match="at most 4 times"):
        cluster.kubectl(
            *("patch", "scriptmodel", "older", "--type=merge", "-p"),
            json.dumps({"spec": {"corpus": {"http": {"include": [SIX_STARS + "*"]}}}}),
        )
    cluster.kubectl("delete", "scriptmodel", "older")
