"""The worker of a pipeline."""

import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.config import Settings
from localpach.pps.master import Master
from localpach.pps.worker import Worker
from localpach.refs import PipelineRef
from localpach.server import Server
from tests.unit.localpach.client import Client, until


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


def test_a_pipeline_that_is_stopped_and_started_at_once_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proceed, refresh = threading.Event(), Master._refresh
    monkeypatch.setattr(Master, "_refresh", lambda master: refresh(master) if proceed.wait(60) else None)
    train = pps.Pipeline(name="train")
    with Server(Settings(tmp_path / "root", f"unix:{tmp_path}/socket", settle=0.0, fsync=False)) as server:
        client = Client(server.address)

        def state() -> int:
            return int(client.pps.InspectPipeline(pps.InspectPipelineRequest(pipeline=train)).state)

        proceed.set()
        client.create_repo("corpus")
        client.create_pipeline("train", ["true"], "corpus")
        until(lambda: state() == pps.PIPELINE_RUNNING)
        proceed.clear()
        client.pps.StopPipeline(pps.StopPipelineRequest(pipeline=train))
        client.pps.StartPipeline(pps.StartPipelineRequest(pipeline=train))
        assert state() == pps.PIPELINE_PAUSED
        proceed.set()
        until(lambda: state() == pps.PIPELINE_RUNNING, 20)
        client.channel.close()
