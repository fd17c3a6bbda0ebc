"""From an address to a commit: the requests, the commit, and that nothing is committed twice or in part."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest import downloads as module
from scriptmodel_operator.ingest.addresses import parse_destinations
from scriptmodel_operator.ingest.downloads import Downloads
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.fetch import Timeouts
from scriptmodel_operator.ingest.values import Attempt, Download, DownloadRecord, Request
from scriptmodel_operator.pachyderm.errors import NotFoundError, UnavailableError
from scriptmodel_operator.pachyderm.values import BranchRef, RepoInfo, RepoRef, Upload
from tests.unit.operator.archives import PLAYS, tar_gz_of, tar_of, zip_of
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.web import WebServer, content, status, tagged

UID, KEY = "uid-1", ("ml", "thrones")
BRANCH = BranchRef(RepoRef("default", "corpus"), "master")
TAKEN = {f"/{name}": text for name, text in PLAYS.items()}
DEADLINE = 60


@dataclass
class World:
    """One object, a web server and a Pachyderm. `known` is the download record that the status would have."""

    server: WebServer
    pachyderm: FakePachyderm
    downloads: Downloads
    figures: list[str]
    ended: asyncio.Queue[Key]
    known: DownloadRecord | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> Request:
        usual = {"sha256": "", "include": (), "most_bytes": 1 << 20, "interval": 3600.0}
        return Request(url=self.server.url("/corpus"), **{**usual, **self.options})

    async def attempt(self, requested: str = "") -> Attempt:
        """Begun and ended."""
        self.downloads.start(UID, Download(KEY, self.request, BRANCH, self.known, requested))
        async with asyncio.timeout(DEADLINE):
            assert await self.ended.get() == KEY
        found = self.downloads.attempt(UID, self.request)
        self.known = found.record or self.known
        return found

    async def refused(self) -> SourceError:
        found = await self.attempt()
        assert isinstance(found.failure, SourceError)
        assert self.pachyderm.calls == [], "nothing is committed"
        return found.failure

    @property
    def files(self) -> dict[str, bytes]:
        return self.pachyderm.files[BRANCH.repo, self.pachyderm.heads[BRANCH]]

    @property
    def commits(self) -> int:
        return self.pachyderm.calls.count("put corpus")


@asynccontextmanager
async def world(slots: int = 2, **options: Any) -> AsyncIterator[World]:
    pachyderm, figures = FakePachyderm(), list[str]()
    pachyderm.repos[BRANCH.repo] = RepoInfo(BRANCH.repo)
    destinations = parse_destinations(["127.0.0.1"])
    with WebServer() as server:

        def observed(outcome: str, _seconds: float, _size: int) -> None:
            figures.append(outcome)

        ended = asyncio.Queue[Key]()
        downloads = Downloads(pachyderm, destinations, slots, ended.put_nowait, observed, Timeouts(silence=DEADLINE))
        made = World(server, pachyderm, downloads, figures, ended, options=options)
        try:
            yield made
        finally:
            downloads.close()


@pytest.mark.parametrize("make", [tar_of, tar_gz_of, zip_of])
async def test_an_archive_becomes_one_commit(make: Callable[[dict[str, bytes]], bytes]) -> None:
    async with world() as made:
        packed = make(PLAYS)
        made.server.answers["/corpus"] = tagged(packed)
        found = await made.attempt()
        assert found.failure is None
        assert found.record is not None
        assert found.record.commit == made.pachyderm.heads[BRANCH]
        assert found.record.sha256 == hashlib.sha256(packed).hexdigest()
        assert made.files == TAKEN
        assert (made.commits, made.figures) == (1, ["committed"])


async def test_unchanged_data_is_not_even_sent_again_where_the_server_knows_conditional_requests() -> None:
    async with world(interval=0.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        first = await made.attempt()
        again = await made.attempt()
        assert again == first
        assert made.server.conditions[1] == first.record.validators.etag  # type: ignore[union-attr]  # it is there
        assert (made.commits, made.figures) == (1, ["committed", "unchanged"])


async def test_equal_bytes_from_a_server_that_knows_nothing_of_them_are_not_committed_again() -> None:
    async with world(interval=0.0) as made:
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        await made.attempt()
        await made.attempt()
        assert (made.commits, made.figures) == (1, ["committed", "unchanged"])


async def test_the_same_files_in_a_new_archive_are_not_committed_again() -> None:
    async with world(interval=0.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        first = await made.attempt()
        made.server.answers["/corpus"] = tagged(zip_of(PLAYS))
        second = await made.attempt()
        assert made.commits == 1
        assert first.record is not None
        assert second.record is not None
        assert first.record.commit == second.record.commit
        assert first.record.sha256 != second.record.sha256


async def test_a_changed_archive_is_one_more_commit_that_has_its_files_and_no_others() -> None:
    async with world(interval=0.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        await made.attempt()
        made.server.answers["/corpus"] = tagged(tar_of({"macbeth.txt": b"MACBETH: Is this a dagger?\n"}))
        found = await made.attempt()
        assert found.failure is None
        assert set(made.files) == {"/macbeth.txt"}
        assert made.commits == 2


async def test_after_a_restart_without_status_the_commit_is_recognised() -> None:
    """Killed between the commit and the status: nothing is known of what was committed."""
    async with world() as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        first = await made.attempt()
        made.downloads.forget(UID)
        made.known = None
        second = await made.attempt()
        assert second.record == first.record
        assert (made.commits, made.figures) == (1, ["committed", "unchanged"])


async def test_a_foreign_commit_is_replaced() -> None:
    async with world() as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        await made.attempt()
        made.pachyderm.put(BRANCH, {**TAKEN, "/readme.md": b"# Plots\n"})
        made.downloads.forget(UID)
        made.known = None
        await made.attempt()
        assert made.files == TAKEN
        assert made.commits == 2


async def test_a_foreign_commit_is_replaced_before_the_interval_has_passed() -> None:
    async with world(interval=1000.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        await made.attempt()
        made.pachyderm.put(BRANCH, {**TAKEN, "/readme.md": b"# Plots\n"})
        made.known = None
        await made.attempt()
        assert made.files == TAKEN
        made.pachyderm.put(BRANCH, {})
        made.server.answers["/corpus"] = status(500)
        made.known = None
        await made.attempt()
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, None))
        assert len(made.server.requested) == 3, "a server that fails is given a pause"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["branch_head", "walk_files", "replace_files", "stream_file"])
async def test_a_call_that_fails_before_or_after_it_took_effect_makes_no_second_commit(
    call: str, *, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.0)
    async with world() as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
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
        assert made.files == TAKEN
        assert made.commits == 1


async def test_an_upload_that_breaks_off_leaves_no_process_that_reads_the_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, readers = subprocess.Popen, list[subprocess.Popen[bytes]]()

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        readers.append(started(*args, **kwargs))
        return readers[-1]

    def broken(_branch: BranchRef, files: Iterable[Upload], *_args: Any) -> None:
        _path, pieces = next(iter(files))
        next(iter(pieces))
        raise UnavailableError("replace_files", "injected")

    monkeypatch.setattr(subprocess, "Popen", start)
    async with world() as made:
        monkeypatch.setattr(made.pachyderm, "replace_files", broken)
        made.server.answers["/corpus"] = tagged(tar_of({f"{number}.txt": bytes(300_000) for number in range(3)}))
        found = await made.attempt()
        assert isinstance(found.failure, UnavailableError)
        assert [reader.poll() is not None for reader in readers] == [True, True], "of the manifest and of the upload"


async def test_a_commit_that_the_server_is_still_finishing_is_waited_for() -> None:
    async with world() as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        made.pachyderm.finishes_at_once = False
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, None))
        async with asyncio.timeout(DEADLINE):
            while BRANCH not in made.pachyderm.heads:
                await asyncio.sleep(0.01)
            assert made.ended.empty()
            made.pachyderm.finish(BRANCH)
            await made.ended.get()
        assert made.downloads.attempt(UID, made.request).failure is None
        assert made.commits == 1


async def test_a_commit_that_pachyderm_could_not_finish_is_ignored() -> None:
    async with world() as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        broken = made.pachyderm.put(BRANCH, TAKEN)
        key = BRANCH.repo, broken
        made.pachyderm.commits[key] = replace(made.pachyderm.commits[key], error="path collision")
        found = await made.attempt()
        assert found.failure is None
        assert made.pachyderm.heads[BRANCH] != broken
        assert (made.files, made.commits) == (TAKEN, 1)


@pytest.mark.parametrize(
    ("body", "options", "reason", "words"),
    [
        (tar_of(PLAYS), {"include": ("*.pdf",)}, Reason.CORPUS_EMPTY, "no file in it matches"),
        (tar_of({}), {}, Reason.CORPUS_EMPTY, "it has no bytes"),
        (b"", {}, Reason.CORPUS_EMPTY, "it has no bytes"),
        (tar_of({"../up": b"x"}), {}, Reason.CORPUS_INVALID, "leads outside"),
        (tar_gz_of({"a.txt": bytes(900_000), "b.txt": bytes(900_000)}), {}, Reason.CORPUS_TOO_LARGE, "when unpacked"),
        (bytes(2 << 20), {}, Reason.CORPUS_TOO_LARGE, "more than 1 MiB"),
        (tar_of(PLAYS), {"sha256": "0" * 64}, Reason.DIGEST_MISMATCH, "find out which is right"),
    ],
)
async def test_a_refused_file_is_reported_and_not_committed(
    body: bytes, options: dict[str, Any], reason: Reason, words: str
) -> None:
    async with world(**options) as made:
        made.server.answers["/corpus"] = content(body)
        failure = await made.refused()
        assert (failure.reason, words in str(failure)) == (reason, True)
        assert made.figures == [reason.value]


async def test_no_space_for_a_download_is_reported_and_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with world() as made:
        monkeypatch.setattr(module.tempfile, "TemporaryFile", full)
        failure = await made.refused()
        assert (failure.reason, failure.passing) == (Reason.RETRYING, True)
        assert "No space left on device" in str(failure)


async def test_a_digest_that_fits_is_taken() -> None:
    packed = tar_of(PLAYS)
    async with world(sha256=hashlib.sha256(packed).hexdigest()) as made:
        made.server.answers["/corpus"] = content(packed)
        assert (await made.attempt()).failure is None
        assert made.request.settled_by(made.known)


async def test_a_failure_is_reported_until_a_success_and_the_previous_corpus_stays() -> None:
    async with world(interval=0.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        first = await made.attempt()
        made.server.answers["/corpus"] = status(503)
        failed = await made.attempt()
        assert (failed.failures, failed.record) == (1, first.record)
        assert (await made.attempt("now")).failures == 2
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        assert await made.attempt("again") == first
        assert made.files == TAKEN


async def test_the_server_is_polled_after_the_interval_or_on_request() -> None:
    async with world(interval=1000.0) as made:
        made.server.answers["/corpus"] = tagged(tar_of(PLAYS))
        await made.attempt()
        assert 900 < (made.downloads.due_in(UID) or 0) <= 1000
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, made.known))
        assert made.server.requested == ["/corpus"], "not due yet"
        await made.attempt(requested="2026-01-01")
        assert made.server.requested == ["/corpus"] * 2
        made.options["interval"] = 0.0
        await made.attempt(requested="2026-01-01")
        assert made.server.requested == ["/corpus"] * 3, "a shorter interval counts at once"


async def test_failures_of_a_server_are_tried_again_with_growing_pauses_and_a_bad_file_after_the_interval() -> None:
    async with world(interval=1e6) as made:
        made.server.answers["/corpus"] = status(500)
        for number in range(4):
            started = time.monotonic()
            await made.attempt(requested=str(number))
            pause = made.downloads.due_in(UID) or 0
            assert 2.5 * 2**number <= pause + time.monotonic() - started
            assert pause <= 5 * 2**number
        made.server.answers["/corpus"] = status(503, {"Retry-After": "3000"})
        await made.attempt(requested="later")
        assert 2900 < (made.downloads.due_in(UID) or 0) <= 3000
        made.server.answers["/corpus"] = content(b"%PDF")
        await made.attempt(requested="bad")
        assert (made.downloads.due_in(UID) or 0) > 9e5


async def test_a_changed_request_is_sent_immediately_and_does_not_report_the_previous_failure() -> None:
    async with world() as made:
        made.server.answers["/corpus"] = status(404)
        await made.attempt()
        made.options["include"] = ("*.txt",)
        assert made.downloads.attempt(UID, made.request) == Attempt()
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        assert (await made.attempt()).failure is None
        assert set(made.files) == {"/plays/hamlet.txt"}
