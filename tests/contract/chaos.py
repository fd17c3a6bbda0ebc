"""Kills a localpach repeatedly while several clients write, and checks its data after each kill.

A writer records the acknowledged writes. After each kill the server is restarted. All acknowledged data must exist,
byte for byte, and nothing may be partial: a commit has all files of its call or does not exist, a branch and its
downstream branches agree, and each job belongs to a commit.
"""

import hashlib
import itertools
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import Localpach, start
from tests.unit.localpach.client import Client, commit

FILES_A_COMMIT = 5
# Each commit of a repo with a pipeline makes a job, and all of them run in the end.
COMMITS_WITH_JOBS = 3
LARGE = 100_000


@dataclass
class Writer:
    """A client that writes to its own repo."""

    name: str
    random: random.Random
    commits: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    unacknowledged: dict[str, str] = field(default_factory=dict)
    serial: int = 0
    with_jobs: bool = False
    seen: dict[str, dict[str, pfs.CommitInfo]] = field(default_factory=dict)
    """The commits of its repos that earlier checks have seen."""

    def run(self, address: str, stopped: threading.Event) -> None:
        """Write until the server dies."""
        client = Client(address)
        try:
            for _ in range(COMMITS_WITH_JOBS) if self.with_jobs else itertools.count():
                if stopped.is_set():
                    return
                self._write(client)
            stopped.wait()
        except (grpc.RpcError, ConnectionError, ValueError):
            return  # so gRPC, python-pachyderm and a channel that was closed under a call report the kill
        finally:
            client.channel.close()

    def _write(self, client: Client) -> None:
        self.serial += 1
        files = {}
        for number in range(FILES_A_COMMIT):
            size = LARGE if self.random.random() < 0.2 else self.random.randrange(1, 2000)
            files[f"/{self.serial}/{number}"] = self.random.randbytes(size)
        self.unacknowledged = {path: digest(content) for path, content in files.items()}
        known = client.put(self.name, files)
        self.commits.append(known)
        self.files |= self.unacknowledged
        self.unacknowledged = {}

    def check(self, client: Client) -> None:
        """Check that all acknowledged writes exist, and that an unacknowledged one exists completely or not at all."""
        request = pfs.WalkFileRequest(file=pfs.File(commit=commit(self.name), path="/"))
        seen = {info.file.path for info in client.pfs.WalkFile(request) if info.file_type == pfs.FILE}
        extra = seen - self.files.keys()
        assert self.files.keys() <= seen, f"{self.name} has lost {sorted(self.files.keys() - seen)}"
        assert extra in (set(), set(self.unacknowledged)), f"{self.name} has a half-made commit: {sorted(extra)}"
        if extra:
            self.files |= self.unacknowledged
            self.commits.append(client.head(self.name))
        self.unacknowledged = {}
        for path in self.random.sample(sorted(self.files), min(20, len(self.files))):
            assert digest(client.read(self.name, path)) == self.files[path], f"{self.name} has other bytes in {path}"
        assert set(self.commits) <= set(self.history(client, self.name)), f"{self.name} has lost a commit"

    def history(self, client: Client, name: str) -> dict[str, pfs.CommitInfo]:
        """Return the commits of a repo by id, from the head of master back; of those seen before it reads a sample."""
        found = self.seen.setdefault(name, {})
        uuid = client.head(name)
        again = self.random.sample(sorted(found), min(20, len(found)))
        while uuid and uuid not in found:
            found[uuid] = client.pfs.InspectCommit(pfs.InspectCommitRequest(commit=commit(name, uuid)))
            uuid = found[uuid].parent_commit.id
        for each in again:
            info = client.pfs.InspectCommit(pfs.InspectCommitRequest(commit=commit(name, each)))
            assert info.parent_commit == found[each].parent_commit, f"{name}@{each} has another parent"
        return found


def digest(content: bytes) -> str:
    """Return the digest of a content."""
    return hashlib.sha256(content).hexdigest()


def check_whole(client: Client, writers: list[Writer]) -> None:
    """Check the invariants of the store after a start."""
    for writer in writers:
        writer.check(client)
        if not writer.with_jobs:
            continue
        head = client.head(writer.name)
        pipeline = f"{writer.name}-copy"
        below = client.head(pipeline)
        infos = writer.history(client, pipeline)
        jobs = {info.job.id for info in client.pps.ListJob(pps.ListJobRequest(pipeline=pps.Pipeline(name=pipeline)))}
        assert infos.keys() == jobs, f"{pipeline} has commits without jobs, or jobs without"
        sources = {source.id for source in infos[below].direct_provenance}
        assert head in sources, f"{pipeline} is not made from the head of {writer.name}"


def torture(root: Path, kills: int, seed: int, *, writers: int = 4) -> None:
    """Kill a server ``kills`` times. Raises AssertionError with what was lost."""
    rng = random.Random(seed)
    writer_list = [
        Writer(f"repo-{number}", random.Random(rng.random()), with_jobs=number == 0) for number in range(writers)
    ]
    server = start(root, "--settle", "0")
    client = Client(server.address)
    for writer in writer_list:
        client.create_repo(writer.name)
        client.put(writer.name, {"/0/0": b"first"})
        writer.files["/0/0"] = digest(b"first")
        if writer.with_jobs:
            client.create_pipeline(f"{writer.name}-copy", ["sh", "-c", "ls /pfs/in > /pfs/out/names"], writer.name)
    try:
        for number in range(1, kills + 1):
            server = _once(server, writer_list, rng)
            print(f"kill {number}: {acknowledged(writer_list)} commits, all intact", flush=True)
        _await_last_job(Client(server.address), f"{writer_list[0].name}-copy")
    finally:
        server.kill()


def acknowledged(writers: list[Writer]) -> int:
    return sum(len(writer.commits) for writer in writers)


def _once(server: Localpach, writer_list: list[Writer], rng: random.Random) -> Localpach:
    stopped = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(server.address, stopped)) for writer in writer_list]
    for thread in threads:
        thread.start()
    target = acknowledged(writer_list) + rng.randrange(40)
    while acknowledged(writer_list) < target:  # after so many commits, whatever each writer does just then
        time.sleep(0.001)
    server.kill()
    stopped.set()
    for thread in threads:
        thread.join()
    again = start(server.root, "--settle", "0")
    client = Client(again.address)
    try:
        check_whole(client, writer_list)
    except BaseException:
        again.kill()
        raise
    finally:
        client.channel.close()
    return again


def _await_last_job(client: Client, pipeline: str) -> None:
    """Wait for all jobs, oldest first, since there can be hundreds."""
    found = list(client.pps.ListJob(pps.ListJobRequest(pipeline=pps.Pipeline(name=pipeline))))
    for each in reversed(found):
        info = client.finished_job(pipeline, each.job.id, seconds=120)
    assert info.state == pps.JOB_SUCCESS, f"the last job of {pipeline} stopped as {info}"
