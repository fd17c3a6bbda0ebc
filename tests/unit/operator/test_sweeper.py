"""The sweeper deletes the operator's own open transactions. Without objects only it logs an unavailable Pachyderm."""

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.controller import sweeper as module
from scriptmodel_operator.controller.sweeper import sweep
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.engine.values import OpenTransaction
from tests.unit.operator.fake_pachyderm import FakePachyderm


async def test_an_unavailable_pachyderm_and_its_return_are_each_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=module.__name__)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    pachyderm, calls, requested, answered = FakePachyderm(now=datetime.now(UTC)), Calls(1), 0, asyncio.Event()
    loop = asyncio.get_running_loop()

    def list_transactions() -> list[OpenTransaction]:
        nonlocal requested
        requested += 1
        if requested < 4:
            raise UnavailableError("listing transactions", "connection refused")
        loop.call_soon_threadsafe(answered.set)
        return []

    monkeypatch.setattr(pachyderm, "list_transactions", list_transactions)
    task = asyncio.create_task(sweep(pachyderm, calls, lambda _: True))
    async with asyncio.timeout(30):
        await answered.wait()
        while len(caplog.messages) < 2:
            await asyncio.sleep(0)
    task.cancel()
    calls.close()
    assert caplog.messages == [
        "the engine does not answer, retrying: listing transactions: connection refused",
        "the engine answers",
    ]


async def test_only_transactions_with_our_pipelines_alone_are_deleted_and_the_log_names_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    owner = Owner("cluster-1", "ml", "thrones", "1")
    ours, theirs = Mark(owner).annotations(), Mark(replace(owner, namespace="films")).annotations()
    found = [
        OpenTransaction("ours", (ours, ours)),
        OpenTransaction("theirs", (theirs,)),
        OpenTransaction("unmarked", ({},)),
        OpenTransaction("mixed", (ours, {})),
        OpenTransaction("with more", (ours,), others=1),
        OpenTransaction("a repo", others=1),
        OpenTransaction("empty"),
    ]
    pachyderm, calls = FakePachyderm(transactions={each.id: each for each in found}), Calls(1)
    task = asyncio.create_task(sweep(pachyderm, calls, owner.__eq__))
    async with asyncio.timeout(30):
        while not caplog.messages:
            await asyncio.sleep(0.01)
    task.cancel()
    calls.close()
    assert list(pachyderm.transactions) == [each.id for each in found[1:]]
    assert [text for text in caplog.messages if "deleted" in text] == [
        "deleted the open transaction ours with pipelines of ml/thrones: the operator that filled it was killed"
    ]
