"""Concurrent downloads: limits, fairness between namespaces, and cancelled downloads."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scriptmodel_operator.ingest import package
from scriptmodel_operator.ingest.values import Download
from tests.unit.operator.archives import PLAYS, tar_of
from tests.unit.operator.test_downloads import BRANCH, DEADLINE, KEY, UID, world
from tests.web import Handler, content, status


async def test_one_slow_server_delays_no_other_object() -> None:
    async with world(slots=4) as made:
        made.server.answers["/slow"] = lambda handler: handler.stopping.wait(DEADLINE) and None
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        slow = replace(made.request, url=made.server.url("/slow"))
        made.downloads.start("slow", Download(("ml", "slow"), slow, BRANCH, None))
        assert (await made.attempt()).failure is None


async def test_only_so_many_are_downloaded_at_a_time() -> None:
    async with world(slots=2) as made:
        at_once, most, lock = 0, 0, threading.Lock()

        def counted(handler: Handler) -> None:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            handler.stopping.wait(0.05)
            with lock:
                at_once -= 1
            status(500)(handler)

        made.server.answers["/corpus"] = counted
        for number in range(8):
            made.downloads.start(str(number), Download((f"ml-{number % 2}", str(number)), made.request, BRANCH, None))
        async with asyncio.timeout(DEADLINE):
            assert {(await made.ended.get())[1] for _ in range(8)} == {str(number) for number in range(8)}
        assert most <= 2


async def test_a_cancelled_download_frees_its_slot_immediately_and_requeues_nobody() -> None:
    async with world(slots=1) as made:
        begun = threading.Event()

        def drips(handler: Handler) -> None:
            handler.start(200, {"Content-Length": "100000"})
            begun.set()
            while not handler.stopping.wait(0.05):
                handler.write(b"x")

        made.server.answers["/slow"] = drips
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        slow = replace(made.request, url=made.server.url("/slow"))
        made.downloads.start("slow", Download(("ml", "slow"), slow, BRANCH, None))
        await asyncio.to_thread(begun.wait, DEADLINE)
        made.downloads.forget("slow")
        assert (await made.attempt()).failure is None
        assert made.ended.empty()
        assert made.downloads.due_in("slow") is None


async def test_a_file_of_a_cancelled_download_is_not_committed() -> None:
    async with world() as made:
        begun, go = threading.Event(), threading.Event()

        def waits(call: str) -> None:
            begun.set()
            go.wait(DEADLINE)

        made.pachyderm.fault = waits
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, None))
        task = made.downloads._entries[UID].task
        await asyncio.to_thread(begun.wait, DEADLINE)
        made.downloads.forget(UID)
        go.set()
        assert task is not None
        async with asyncio.timeout(DEADLINE):
            await task
        assert made.pachyderm.calls == []
        assert made.ended.empty()
        assert made.downloads.due_in(UID) is None


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A reader that never ends, as an attack on a parser would have it; the file exists once it runs."""
    running = tmp_path / "running"
    code = f"from pathlib import Path; Path({str(running)!r}).touch()\nwhile True: pass"
    monkeypatch.setattr(package, "READER", (sys.executable, "-I", "-c", code))
    return running


async def until(exists: Path) -> None:
    async with asyncio.timeout(DEADLINE):
        while not exists.exists():
            await asyncio.sleep(0.01)


async def test_an_archive_that_is_read_for_ever_holds_no_slot_once_its_object_is_gone(endless: Path) -> None:
    async with world(slots=1) as made:
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, None))
        task = made.downloads._entries[UID].task
        await until(endless)
        made.downloads.forget(UID)
        assert task is not None
        async with asyncio.timeout(DEADLINE):
            await task


async def test_the_end_of_the_process_waits_for_no_archive(endless: Path) -> None:
    async with world(slots=1) as made:
        made.server.answers["/corpus"] = content(tar_of(PLAYS))
        made.downloads.start(UID, Download(KEY, made.request, BRANCH, None))
        await until(endless)
        made.downloads.close()
        await asyncio.wait_for(asyncio.to_thread(made.downloads._pool.shutdown), DEADLINE)
