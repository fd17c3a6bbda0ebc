"""Log files: incomplete lines and a full disk."""

import logging
from pathlib import Path

import pytest

from localpach.pps.logs import LogFilter, Logs, Writer
from localpach.refs import JobRef, PipelineRef


def writer(logs: Logs) -> Writer:
    """Return a writer to the log of version 1."""
    return Writer(logs, 1, "worker", JobRef(PipelineRef("train", "default"), "1" * 32))


def messages(logs: Logs) -> list[str]:
    """Return the messages of version 1."""
    return [line.message for line in logs.read(1, LogFilter())]


@pytest.mark.parametrize("truncated", [b'{"ts": 1, "mess', b'{"ts": 1, "message": "\xc3'])
def test_an_incomplete_line_is_skipped(tmp_path: Path, truncated: bytes) -> None:
    (tmp_path / "1.jsonl").write_bytes(truncated)
    logs = Logs(tmp_path)
    logs.open(1)
    writer(logs).user("after")
    assert messages(logs) == ["after"]


def test_a_full_disk_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1.jsonl").symlink_to("/dev/full")
    logs = Logs(tmp_path)
    logs.open(1)
    with caplog.at_level(logging.WARNING, "localpach"):
        writer(logs).user("one")
        writer(logs).user("two")
    logs.discard(1)
    assert [record.getMessage() for record in caplog.records] == [
        f"cannot write {tmp_path}/1.jsonl, dropping lines: No space left on device"
    ]
