"""Kills localpach at random moments of a job whose commands run in pods: each command runs once, and nothing is lost.

    python -m tests.chaos.pods --kills 40 --seed 7

localpach is a process that uses an API server of this one, whose Jobs run as processes, too. They outlive localpach.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes.client.exceptions import ApiException
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from dev.processes import free_port
from tests.contract.serving import start
from tests.unit.localpach.client import Client, sh
from tests.unit.localpach.pods import Cluster, Object

DATUMS = 4
KILLS_OF_A_JOB = 4
LONGEST_LIFE_SECONDS = 2.5


class Api(BaseHTTPRequestHandler):
    """The calls of `localpach.pods.api` over HTTP."""

    cluster: Cluster

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _handle(self) -> None:
        found = urlsplit(self.path)
        _, _, below = found.path.partition(f"/namespaces/{Cluster.namespace}/")
        kind, _, name = below.partition("/")
        query = {key: values[0] for key, values in parse_qs(found.query).items()}
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        with suppress(BrokenPipeError, ConnectionResetError):  # localpach was killed
            try:
                answer = self._answer(kind, name, query, body)
            except ApiException as error:
                self.send_response(error.status)
                self.end_headers()
                return
            self.send_response(200)
            self.end_headers()
            for each in answer:
                self.wfile.write(each)
                self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names of the base class

    def _answer(self, kind: str, name: str, query: dict[str, str], body: Object) -> Iterable[bytes]:
        cluster, given = self.cluster, self.command
        if name.endswith("/log"):
            pod = name.removesuffix("/log")
            return (line + b"\n" for line in cluster.follow_log(pod, query["container"], query.get("sinceTime", "")))
        if query.get("watch"):
            changes = cluster.watch(kind, "", query["resourceVersion"])
            return (json.dumps(change).encode() + b"\n" for change in changes)
        result: Any = {}
        match given, kind:
            case "POST", "jobs" if body["metadata"]["name"] in cluster.objects["jobs"]:
                raise ApiException(status=409)
            case "POST", "jobs":
                result = cluster.create_job(body)
            case (("POST" | "PUT"), "secrets"):
                cluster.create_secret(body)
            case "PATCH", "jobs":
                cluster.start_job(name)
            case "DELETE", "jobs":
                cluster.delete_job(name)
            case "GET", "jobs" if name:
                result = cluster.objects["jobs"][name]
            case "GET", ("jobs" | "pods"):
                result = cluster.list_objects(kind, "")
        return [json.dumps(result).encode()]


@contextmanager
def serving(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """Serve the API; yield its kubeconfig."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Api,), {"cluster": cluster}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = folder / "kubeconfig"
    named = {"name": "here"}
    config.write_text(
        yaml.safe_dump(
            {
                "clusters": [named | {"cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                "users": [named | {"user": {}}],
                "contexts": [named | {"context": {"cluster": "here", "user": "here"}}],
                "current-context": "here",
            }
        )
    )
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()


def torture(folder: Path, kills: int, chance: random.Random) -> None:
    """Kill localpach so often during one job. Raises AssertionError if something was lost or repeated."""
    cluster, ran, port = Cluster(), folder / "ran", free_port()
    address = f"127.0.0.1:{port}"
    options = [
        *("--workers", "kubernetes", "--worker-namespace", Cluster.namespace, "--step-image", "localpach"),
        *("--transfer", address, "--transfer-listen", address, "--settle", "0"),
    ]
    with serving(cluster, folder) as config:
        variables = {"KUBECONFIG": str(config)}
        server = start(folder / "root", *options, variables=variables)
        client = Client(server.address)
        client.create_repo("in")
        client.put("in", {f"/{number}": b"%d" % number for number in range(DATUMS)})
        source = pps.Input(pfs=pps.PFSInput(repo="in", name="in", glob="/*"))
        script = sh(f"echo $in >>{ran}; sleep {chance.uniform(0, 1.5):.2f}; cp $in /pfs/out/; echo done $in")
        job = client.create_pipeline("train", script, source, parallelism_spec=pps.ParallelismSpec(constant=2))
        for _ in range(kills):
            time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
            client.channel.close()
            server.kill()
            server = start(folder / "root", *options, variables=variables)
            client = Client(server.address)
        try:
            info = client.finished_job("train", job, seconds=120)
            assert info.state == pps.JOB_SUCCESS, info.reason
            assert info.data_processed == DATUMS, f"{info.data_processed} datums were processed"
            paths = [f"/{number}" for number in range(DATUMS)]
            assert client.paths("train", job) == paths, "outputs were lost"
            assert [client.read("train", path, job) for path in paths] == [path[1:].encode() for path in paths]
            commands = sorted(ran.read_text().split())
            assert len(set(commands)) == len(commands) == DATUMS, f"commands were repeated: {commands}"
        finally:
            client.channel.close()
            server.kill()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    for number in range(-(-given.kills // KILLS_OF_A_JOB)):
        folder = Path(tempfile.mkdtemp(prefix="localpach-pods-"))
        try:
            torture(folder, KILLS_OF_A_JOB, random.Random(f"{given.seed}/{number}"))
        except AssertionError as error:
            print(f"seed {given.seed}, job {number}: {error}; the store is kept in {folder}", file=sys.stderr)
            return 1
        shutil.rmtree(folder)
        print(f"job {number}: {KILLS_OF_A_JOB} kills, each of {DATUMS} commands ran once", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
