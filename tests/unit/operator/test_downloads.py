"""From URLs to a commit: what is fetched and when, that equal files make no commit, and that no failure changes any."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from scriptmodel_operator.api.corpus import CorpusBucket, CorpusDownload, CorpusHttp, CorpusSecret
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import BranchRef, RepoInfo, RepoRef
from scriptmodel_operator.ingest import downloads as module
from scriptmodel_operator.ingest.downloads import Download, Downloads, DownloadState
from scriptmodel_operator.ingest.fetch import SourceError
from tests.unit.operator.fake_pachyderm import FakePachyderm

UID, KEY = "uid-1", ("ml", "thrones")
BRANCH = BranchRef(RepoRef("default", "corpus"), "master")
HAMLET, LEAR = "https://example.com/plays/hamlet.txt?token=canary", "http://127.0.0.1:8000/lear.txt"
TEXTS = {HAMLET: b"HAMLET: To be or not to be.\n", LEAR: b"LEAR: Nothing will come of nothing.\n"}
BOTH = CorpusHttp(urls=[HAMLET, LEAR], interval="1h")
FILES = {"/hamlet.txt": TEXTS[HAMLET], "/lear.txt": TEXTS[LEAR]}
DEADLINE = 60
MISSING = RefusedError("fetching", f'error retrieving content from "{HAMLET}": 404 Not Found', "UNKNOWN")
SILENT = UnavailableError("fetching", "Deadline Exceeded", "DEADLINE_EXCEEDED")


@dataclass
class World:
    """One object and a Pachyderm that fetches. `known` is the download record that the status would have."""

    pachyderm: FakePachyderm
    downloads: Downloads
    ended: asyncio.Queue[Key]
    known: SourceStatus | None = None
    request: CorpusDownload = BOTH

    def start(self, requested: str = "") -> None:
        attempt = self.downloads.attempt(UID, self.request)
        self.downloads.start(
            UID, Download(KEY, self.request, BRANCH, self.known, requested, self.pachyderm.engine_id, attempt)
        )

    async def attempt(self, requested: str = "") -> DownloadState:
        """Start an attempt and wait until it has ended."""
        self.start(requested)
        async with asyncio.timeout(DEADLINE):
            assert await self.ended.get() == KEY
        found = self.downloads.attempt(UID, self.request)
        self.known = found.record or self.known
        return found

    @property
    def files(self) -> dict[str, bytes]:
        return self.pachyderm.files[BRANCH.repo, self.pachyderm.heads[BRANCH]]

    @property
    def commits(self) -> int:
        return len(self.pachyderm.calls)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    pachyderm = FakePachyderm(web=dict(TEXTS))
    pachyderm.repos[BRANCH.repo] = RepoInfo(BRANCH.repo)
    ended = asyncio.Queue[Key]()
    downloads = Downloads(pachyderm, 600.0, ended.put_nowait)
    try:
        yield World(pachyderm, downloads, ended)
    finally:
        downloads.close()


async def test_equal_files_make_no_commit_but_a_changed_and_a_removed_one_do() -> None:
    async with world() as made:
        first = await made.attempt()
        again = await made.attempt("check")
        assert again.record is not None
        assert first.record is not None
        assert again.record.commit == first.record.commit
        assert (made.commits, len(made.pachyderm.fetched)) == (1, 4)
        made.pachyderm.web[LEAR] = b"LEAR: Howl, howl, howl!\n"
        await made.attempt("changed")
        assert (made.files, made.commits) == ({**FILES, "/lear.txt": b"LEAR: Howl, howl, howl!\n"}, 2)
        made.request = CorpusHttp(urls=[HAMLET], interval="1h")
        await made.attempt()
        assert (set(made.files), made.commits) == ({"/hamlet.txt"}, 3)


async def test_the_listing_of_a_bucket_is_recorded_and_a_known_one_is_only_a_check() -> None:
    async with world() as made:
        made.request = CorpusBucket(url="s3://plays/shaw", secret_ref=CorpusSecret(name="plays"))
        made.pachyderm.listing = "first"
        first = (await made.attempt()).record
        assert first
        assert (first.commit, first.listing) == (made.pachyderm.heads[BRANCH], "first")
        again = (await made.attempt("check")).record
        assert again
        assert again.last_check_time
        assert again == first.model_copy(update={"last_check_time": again.last_check_time})
        assert [known for _url, _secret, known in made.pachyderm.listed] == ["", "first"]
        made.request = CorpusBucket(url="s3://plays/other", secret_ref=CorpusSecret(name="plays"))
        await made.attempt()
        assert made.pachyderm.listed[-1] == ("s3://plays/other", "plays", ""), "its listing is not that of the other"
        assert made.commits == 1


async def test_after_a_restart_without_status_the_commit_is_recognised() -> None:
    async with world() as made:
        first = await made.attempt()
        made.downloads.forget(UID)
        made.known = None
        second = await made.attempt()
        assert first.record is not None
        assert second.record is not None
        assert second.record.commit == first.record.commit
        assert made.commits == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["branch_head", "walk_files", "replace_files", "fetch_file"])
async def test_a_call_that_fails_before_or_after_it_took_effect_makes_no_second_commit(
    call: str, *, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.0)
    async with world() as made:
        real, failed = getattr(made.pachyderm, call), threading.Event()

        def broken(*args: Any, **kwargs: Any) -> Any:
            if failed.is_set():
                return real(*args, **kwargs)
            failed.set()
            if after:
                with suppress(NotFoundError):
                    real(*args, **kwargs)
            raise UnavailableError(call, "injected")

        monkeypatch.setattr(made.pachyderm, call, broken)
        first = await made.attempt()
        assert isinstance(first.failure, UnavailableError)
        second = await made.attempt()
        assert second.failure is None
        assert (made.files, made.commits) == (FILES, 1)


async def test_nothing_is_put_into_a_commit_that_somebody_left_open() -> None:
    async with world() as made:
        made.pachyderm.leaves_open = True
        made.pachyderm.put(BRANCH, {})
        failure = (await made.attempt()).failure
        assert isinstance(failure, SourceError)
        assert failure.reason is Reason.WAITING_FOR_CORPUS_COMMIT
        assert "pachctl finish commit corpus@master" in str(failure)
        assert made.commits == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (MISSING, "404 Not Found"),
        (SILENT, "it was not complete after 600 s (--download-timeout)"),
        (RefusedError("fetching", "unexpected EOF", "UNKNOWN"), "unexpected EOF"),
        (RefusedError("fetching", f'Get "{HAMLET}": dial tcp: no such host', "UNKNOWN"), "dial tcp: no such host"),
        (
            RefusedError("fetching", 'Get "https://b.example.com/hamlet?signature=canary": i/o timeout', "UNKNOWN"),
            'Get "https://b.example.com/hamlet": i/o timeout',
        ),
    ],
)
async def test_a_file_that_cannot_be_fetched_leaves_the_corpus_and_is_named(answer: EngineError, words: str) -> None:
    async with world() as made:
        first = await made.attempt()
        made.pachyderm.web |= {HAMLET: answer, LEAR: b"LEAR: Howl, howl, howl!\n"}
        failed = await made.attempt("check")
        assert (failed.failures, failed.record) == (1, first.record)
        assert isinstance(failed.failure, SourceError)
        assert failed.failure.reason is Reason.DOWNLOAD_FAILED
        assert str(failed.failure).startswith(
            f"localpach could not fetch https://example.com/plays/hamlet.txt: {words}. Check"
        )
        assert failed.failure.urls == {"https://example.com/plays/hamlet.txt": words}
        assert (made.files, made.commits) == (FILES, 1)
        made.pachyderm.web[HAMLET] = TEXTS[HAMLET]
        assert (await made.attempt("again")).failure is None


async def test_files_without_bytes_replace_nothing() -> None:
    async with world() as made:
        made.pachyderm.web |= {HAMLET: b"", LEAR: b""}
        failure = (await made.attempt()).failure
        assert isinstance(failure, SourceError)
        assert (failure.reason, made.commits) == (Reason.CORPUS_EMPTY, 0)


async def test_the_urls_are_checked_after_the_interval_or_on_request() -> None:
    async with world() as made:
        await made.attempt()
        assert 3500 < (made.downloads.due_in(UID) or 0) <= 3600
        made.start()
        assert made.downloads.in_progress(UID) is False
        await made.attempt(requested="2026-01-01")
        made.start(requested="2026-01-01")
        assert made.downloads.in_progress(UID) is False, "handled"
        made.request = made.request.model_copy(update={"interval": "10m"})
        made.start()
        assert 500 < (made.downloads.due_in(UID) or 0) <= 600, "a shorter interval counts at once"


@pytest.mark.parametrize("end", [lambda made: made.downloads.forget(UID), lambda made: made.downloads.close()])
async def test_a_download_that_hangs_ends_with_its_object_and_with_the_operator(end: Callable[[World], None]) -> None:
    ended, hanging = threading.Event(), threading.Event()

    def hangs(cancelled: Callable[[], bool]) -> EngineError:
        hanging.set()
        while not cancelled():
            time.sleep(0.01)
        ended.set()
        return UnavailableError("fetching", "Cancelled", "CANCELLED")

    async with world() as made:
        made.pachyderm.web[LEAR] = hangs
        made.start()
        assert await asyncio.to_thread(hanging.wait, DEADLINE)
        end(made)
        assert await asyncio.to_thread(ended.wait, DEADLINE)
        assert made.commits == 0
        assert made.ended.empty()
