"""Downloads a small and then a large archive, and prints the peak of memory in KiB after each.

python -m tests.unit.operator.memory SMALL_URL LARGE_URL
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.ingest.addresses import parse_destinations
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.values import Download, Request
from scriptmodel_operator.pachyderm.values import BranchRef, CommitInfo, RepoRef, Upload
from tests.unit.operator.fake_pachyderm import FakePachyderm

BRANCH = BranchRef(RepoRef("default", "corpus"), "master")
BLOCK = b"HAMLET: To be or not to be, that is the question.\n" * 1311
"""All files of the archives are made of it."""
MOST = 1 << 30


class Forgetful(FakePachyderm):
    """Keeps sizes only."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[str, int] = {}

    def branch_head(self, branch: BranchRef) -> CommitInfo | None:
        return CommitInfo(branch.repo, branch.name, "1", finished=True) if self.sizes else None

    def walk_files(self, _repo: RepoRef, _commit: str) -> Mapping[str, int]:
        return self.sizes

    def stream_file(self, _repo: RepoRef, _commit: str, path: str, _seconds: float) -> Iterator[bytes]:
        for _ in range(self.sizes[path] // len(BLOCK)):
            yield BLOCK

    def replace_files(self, _branch: BranchRef, files: Iterable[Upload], _gone: Sequence[str], _seconds: float) -> None:
        self.sizes = {path: sum(map(len, pieces)) for path, pieces in files}


async def main(urls: Sequence[str]) -> None:
    pachyderm, ended = Forgetful(), asyncio.Queue[Key]()
    downloads = Downloads(
        pachyderm, parse_destinations(["127.0.0.1"]), 1, ended.put_nowait, lambda _outcome, _seconds, _size: None
    )
    for url in urls:
        request = Request(url, "", (), MOST, interval=3600)
        downloads.start(url, Download(("ml", url), request, BRANCH, None))
        await ended.get()
        failure = downloads.attempt(url, request).failure
        print(failure or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sum(pachyderm.sizes.values()))
    downloads.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
