"""A full disk is reported as such, in one line, and ends with it."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from localpach.config import Settings
from localpach.pps import runner, worker
from localpach.server import Server
from localpach.store.disk import FULL
from tests.unit.localpach.client import Client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server in this process."""
    with Server(Settings(tmp_path / "root", listen=f"unix:{tmp_path}/socket", settle=0, fsync=False)) as running:
        yield running


def limit(server: Server, more: int) -> None:
    """Let the metadata grow by some pages only."""
    pages = server.db._connection.execute("PRAGMA page_count").fetchone()[0]
    server.db._connection.execute(f"PRAGMA max_page_count = {pages + more}")


def test_a_call_is_refused_in_one_line_and_works_once_there_is_space(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(server.address)
    client.create_repo("corpus")
    many = {f"/{number}": b"x" for number in range(1000)}
    limit(server, 0)
    with pytest.raises(Exception, match="RESOURCE_EXHAUSTED") as refused:
        client.put("corpus", many)
    assert refused.value.details() == FULL  # type: ignore[attr-defined]  # an error of gRPC
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info) == (f"error in /pfs_v2.API/ModifyFile: {FULL}", None)
    limit(server, 1000)
    client.put("corpus", many)
    assert len(client.paths("corpus")) == len(many)


def test_a_job_that_fills_the_disk_fails_with_that_reason(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write_input(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runner, "write_input", write_input)
    monkeypatch.setattr(worker, "FIRST_BACKOFF_SECONDS", 0)
    client = Client(server.address)
    client.create_repo("corpus")
    client.put("corpus", {"/a": b"a"})
    info = client.finished_job("train", client.create_pipeline("train", ["true"], "corpus"))
    assert (info.state, info.reason) == (pps.JOB_FAILURE, f"5 attempts failed: {FULL}")
    assert [record.exc_info for record in caplog.records] == [None] * 5
