"""Measures a job from STANDBY in pods that do nothing: localpach's, and those of the Pachyderm at PACHD_ADDRESS if set.

    make cluster
    PACHD_ADDRESS=HOST:PORT python -m dev.bench.jobs [--jobs 10]

The engines take turns on the node of `make cluster`, where the workers of that Pachyderm have to be, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from dev.cluster import network
from dev.cluster.runtime import OURS
from dev.images.project import image
from tests.contract.serving import start
from tests.node.running import Running
from tests.unit.localpach.client import Client, repo, until

WORKERS = "bench-jobs"
SECONDS = 300


class Engine:
    """A pipeline of one engine. It deletes what it created at the end."""

    def __init__(self, address: str, cluster: Running) -> None:
        self._client, self._cluster = Client(address), cluster
        self._name = f"bench-{uuid.uuid4().hex[:6]}"

    def __enter__(self) -> Engine:
        source, client = f"{self._name}-in", self._client
        client.create_repo(source)
        request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name=self._name), autoscaling=True)
        request.transform.cmd.append("true")
        request.transform.image = image("operator").tag
        request.input.pfs.repo, request.input.pfs.name, request.input.pfs.glob = source, "in", "/"
        client.pps.CreatePipeline(request)
        return self

    def job(self) -> float:
        """Return the seconds from a commit to the end of its job, whose worker has to start."""
        until(self._is_idle, SECONDS)
        started = time.monotonic()
        self._client.put(f"{self._name}-in", {"/a": uuid.uuid4().bytes})
        found = self._client.finished_job(self._name, self._client.head(self._name), SECONDS)
        assert (found.state, found.data_processed) == (pps.JOB_SUCCESS, 1), found
        return time.monotonic() - started

    def _is_idle(self) -> bool:
        request = pps.InspectPipelineRequest(pipeline=pps.Pipeline(name=self._name))
        pods = self._cluster.names("pods", "--all-namespaces", f"--selector=pipelineName={self._name}")
        return self._client.pps.InspectPipeline(request).state == pps.PIPELINE_STANDBY and not pods

    def __exit__(self, *_: object) -> None:
        self._client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=pps.Pipeline(name=self._name)))
        self._client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo(f"{self._name}-in")))


@contextmanager
def localpach(cluster: Running) -> Iterator[str]:
    """Run localpach as a process of this machine, with its workers on the node; yield its address."""
    transfer = f"{network.GATEWAY.ip}:30651"
    options = (
        *("--workers", "kubernetes", "--worker-namespace", WORKERS, "--step-image", image("operator").tag),
        *("--transfer", transfer, "--transfer-listen", transfer),
    )
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": WORKERS}})
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as folder:
        server = start(Path(folder) / "root", *options, variables={"KUBECONFIG": str(cluster.kubeconfig)})
        try:
            yield server.address
        finally:
            server.end()
            cluster.kubectl("delete", "namespace", WORKERS)


def main() -> None:
    """Print the seconds of each engine and, with two, the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10, metavar="N", help="jobs of each engine [default: 10]")
    count = parser.parse_args().jobs
    cluster = Running(OURS.root / "kubeconfig")
    with ExitStack() as stack:
        addresses = {"localpach": stack.enter_context(localpach(cluster))}
        if given := os.environ.get("PACHD_ADDRESS"):
            addresses[given] = given
        engines = {name: stack.enter_context(Engine(address, cluster)) for name, address in addresses.items()}
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(count):
            for name, engine in engines.items():
                seconds[name].append(engine.job())
                print(f"{name}: {seconds[name][-1]:.1f} s", flush=True)
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    for name, found in seconds.items():
        print(f"{name}: median {medians[name]:.1f} s, {min(found):.1f} to {max(found):.1f} s")
    if given:
        print(f"localpach takes {medians['localpach'] / medians[given]:.2f} times as long")


if __name__ == "__main__":
    main()
