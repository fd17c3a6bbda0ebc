"""The worker of a pipeline, without a server."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from localpach.pps.worker import Worker
from localpach.refs import PipelineRef


def test_a_worker_continues_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localpach.pps.worker.RESTART_SECONDS", 0.0)
    pipeline = SimpleNamespace(ref=PipelineRef("train", "default"), version=1)
    worker = Worker(SimpleNamespace(), SimpleNamespace(), pipeline, tmp_path)
    attempts: list[int] = []

    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(worker, "_start_and_serve", fail_once)
    worker.run()
    assert len(attempts) == 2
