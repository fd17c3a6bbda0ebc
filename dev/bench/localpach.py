"""Measures the speed of localpach, and of the server at PACHD_ADDRESS if set.

    python -m dev.bench.localpach [--scale 0.1]

PACHD_IMAGE names an image that the server can pull and that has `sh`; without it the server takes its default.

The last figure of the first column is the limit set by protobuf: for how many small files a second the messages can be
written and read, in this process, without a server.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from tests.contract.serving import serving
from tests.unit.localpach.client import Client, commit, job, modifications, pfs_input, repo

MIB = 1024 * 1024
PIECE = 4 * MIB


@dataclass(frozen=True)
class Sizes:
    """The sizes of the measurements."""

    commits: int
    clients: int
    small_files: int
    large_bytes: int
    pipelines: int
    jobs: int


def sizes(scale: float) -> Sizes:
    """The full measure at scale 1: 10,000 small files and one of 1 GiB."""
    return Sizes(
        commits=max(20, int(500 * scale)),
        clients=64,
        small_files=max(100, int(10_000 * scale)),
        large_bytes=max(PIECE, int(1024 * MIB * scale) // PIECE * PIECE),
        pipelines=max(2, int(12 * scale)),
        jobs=max(2, int(10 * scale)),
    )


class Bench:
    """The measurements of one server. It deletes what it created at the end."""

    def __init__(self, address: str, given: Sizes) -> None:
        self._address = address
        self._given = given
        self._client = Client(address)
        self._suffix = uuid.uuid4().hex[:6]
        self._repos: list[str] = []
        self._pipelines: list[str] = []

    def run(self) -> dict[str, str]:
        """All figures, by name."""
        figures: dict[str, str] = {}
        try:
            for name, measure in (
                ("commits/s, one client", self.commits),
                (f"commits/s, {self._given.clients} clients", self.commits_of_many),
                (f"files/s, {self._given.small_files} small ones in a commit, put", self.small_files),
                ("files/s, small ones, list", self.list_files),
                ("files/s, small ones, get as tar", self.get_small_files),
                (f"MB/s, one file of {self._given.large_bytes // MIB} MiB, put", self.put_large),
                ("MB/s, the same, get", self.get_large),
                ("pipeline creations/s", self.create_pipelines),
                ("ms from commit to job start", self.job_start),
            ):
                figures[name] = measure()
        finally:
            self._clean()
        return figures

    def commits(self) -> str:
        """Commits of one small file, one after another."""
        name = self._repo("commits")
        count = self._given.commits
        return rate(count, timed(lambda: [self._put(name, {f"/{number}": b"x"}) for number in range(count)]))

    def commits_of_many(self) -> str:
        """The same from many clients at once, each in a repo of its own."""
        names = [self._repo(f"many{number}") for number in range(self._given.clients)]
        count = max(1, self._given.commits // self._given.clients)

        def work(name: str) -> None:
            client = Client(self._address)
            for number in range(count):
                client.pfs.ModifyFile(modifications(name, {f"/{number}": b"x"}))
            client.channel.close()

        with ThreadPoolExecutor(self._given.clients) as pool:
            return rate(count * len(names), timed(lambda: list(pool.map(work, names))))

    def small_files(self) -> str:
        """Many files in one commit."""
        files = small_contents(self._given.small_files)
        return rate(len(files), timed(lambda: self._put(self._repo("small"), files)))

    def list_files(self) -> str:
        """The infos of these files."""
        request = pfs.WalkFileRequest(file=pfs.File(commit=commit(self._name("small")), path="/"))
        return rate(self._given.small_files, timed(lambda: sum(1 for _ in self._client.pfs.WalkFile(request))))

    def get_small_files(self) -> str:
        """The bytes of these files."""
        request = pfs.GetFileRequest(file=pfs.File(commit=commit(self._name("small")), path="/"))
        return rate(self._given.small_files, timed(lambda: drain(self._client.pfs.GetFileTAR(request))))

    def put_large(self) -> str:
        """One large file."""
        name = self._repo("large")
        pieces = self._given.large_bytes // PIECE
        seconds = timed(lambda: self._client.pfs.ModifyFile(large_stream(name, pieces)))
        return f"{self._given.large_bytes / 1e6 / seconds:.0f}"

    def get_large(self) -> str:
        """The same file back."""
        request = pfs.GetFileRequest(file=pfs.File(commit=commit(self._name("large")), path="/large"))
        seconds = timed(lambda: drain(self._client.pfs.GetFile(request)))
        return f"{self._given.large_bytes / 1e6 / seconds:.0f}"

    def create_pipelines(self) -> str:
        """Pipelines on an empty repo."""
        source = self._repo("source")
        names = [self._name(f"p{number}") for number in range(self._given.pipelines)]
        self._pipelines += names
        seconds = timed(lambda: [self._pipeline(name, source) for name in names])
        for name in names:
            self._client.pps.StopPipeline(pps.StopPipelineRequest(pipeline=pps.Pipeline(name=name)))
        return rate(len(names), seconds)

    def job_start(self) -> str:
        """Measure the time from the answer to a put until its job runs, in the middle of several."""
        source, name = self._repo("starts"), self._name("starter")
        self._pipelines.append(name)
        self._pipeline(name, source)
        self._client.finished_job(name, self._client.head(name), seconds=300)
        found = []
        for number in range(self._given.jobs):
            self._put(source, {f"/{number}": b"x"})
            put = time.time()
            head = self._client.head(name)
            info = self._client.finished_job(name, head, seconds=300)
            found.append(1000 * (info.started.seconds + info.started.nanos / 1e9 - put))
        return f"{sorted(found)[len(found) // 2]:.0f}"

    def _name(self, base: str) -> str:
        return f"bench-{self._suffix}-{base}"

    def _repo(self, base: str) -> str:
        name = self._name(base)
        self._client.create_repo(name)
        self._repos.append(name)
        return name

    def _put(self, name: str, files: dict[str, bytes]) -> None:
        self._client.pfs.ModifyFile(modifications(name, files))

    def _pipeline(self, name: str, source: str) -> None:
        request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name=name), input=pfs_input(source, "/"))
        request.transform.cmd.extend(["sh", "-c", "true"])
        request.transform.image = os.environ.get("PACHD_IMAGE", "")
        self._client.pps.CreatePipeline(request)

    def _clean(self) -> None:
        for name in self._pipelines:
            self._client.pps.DeletePipeline(pps.DeletePipelineRequest(pipeline=job(name, "").pipeline))
        for name in self._repos:
            self._client.pfs.DeleteRepo(pfs.DeleteRepoRequest(repo=repo(name)))


def protobuf_bound(count: int) -> str:
    """Write and read the messages of small files, as client and server do, and nothing else."""
    files = small_contents(count)

    def work() -> None:
        for message in modifications("corpus", files):
            pfs.ModifyFileRequest.FromString(message.SerializeToString())

    return rate(count, timed(work))


def small_contents(count: int) -> dict[str, bytes]:
    """Small files in a hundred folders."""
    return {f"/{number % 100}/{number}.txt": f"small file number {number}\n".encode() for number in range(count)}


def large_stream(name: str, pieces: int) -> Iterator[pfs.ModifyFileRequest]:
    """One file in pieces that differ."""
    yield pfs.ModifyFileRequest(set_commit=commit(name))
    block = os.urandom(PIECE - 8)
    for number in range(pieces):
        added = pfs.AddFile(path="/large")
        added.raw.value = number.to_bytes(8, "big") + block
        yield pfs.ModifyFileRequest(add_file=added)


def drain(stream: Iterator[object]) -> None:
    """Read a stream to its end."""
    for _ in stream:
        pass


def timed(work: Callable[[], object]) -> float:
    """Return the duration of a call in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rate(count: int, seconds: float) -> str:
    """So many a second."""
    return f"{count / seconds:.1f}" if count < 10 * seconds else f"{count / seconds:.0f}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the full measure")
    given = sizes(parser.parse_args().scale)
    with tempfile.TemporaryDirectory(prefix="localpach-bench-") as folder, serving(Path(folder) / "root") as server:
        columns = {"localpach": Bench(server.address, given).run()}
    columns["localpach"]["files/s, protobuf's own bound of put"] = protobuf_bound(given.small_files)
    if address := os.environ.get("PACHD_ADDRESS"):
        columns[address] = Bench(address, given).run()
    width = max(map(len, columns["localpach"]))
    print(" " * width, *(f"{name:>16}" for name in columns))
    for name in columns["localpach"]:
        print(f"{name:<{width}}", *(f"{figures.get(name, '-'):>16}" for figures in columns.values()))


if __name__ == "__main__":
    main()
