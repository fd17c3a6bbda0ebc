"""`make cold-start` counts starts, keeps the machine busy during them, and stops everything that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dev.processes import has_ended, start_time
from dev.stack import coldstart
from dev.stack.coldstart import Round, measure

CORE = frozenset([min(os.sched_getaffinity(0))])


@pytest.fixture(autouse=True)
def page_cache_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coldstart, "drop_page_cache", lambda: "page cache left alone")


def children() -> dict[int, str]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid): start_time(int(pid)) for pid in found}


def test_a_start_has_only_its_cores_and_they_are_busy_meanwhile(tmp_path: Path) -> None:
    before, seen = os.sched_getaffinity(0), {}
    of_other_tests = children()

    def start(_folder: Path) -> None:
        assert os.sched_getaffinity(0) == CORE
        seen.update({pid: started for pid, started in children().items() if pid not in of_other_tests})
        assert [os.sched_getaffinity(pid) for pid in seen] == [CORE]

    one = Round("busy", CORE, busy=True, seconds=[])
    measure(one, 1, time.monotonic() + 60, tmp_path, start)
    assert one.failed == 0
    assert os.sched_getaffinity(0) == before
    assert len(seen) == 1
    assert all(has_ended(pid, started) for pid, started in seen.items())


def test_nothing_starts_after_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = Round("busy", CORE, busy=True, seconds=[])
    measure(one, 10, time.monotonic() - 1, tmp_path, lambda _folder: pytest.fail("started"))
    assert str(one) == "busy: 0 of 0 accepted"
    assert "10 starts are left out" in capsys.readouterr().out


@pytest.mark.parametrize("parent_is_gone", [False, True])
def test_the_work_ends_automatically(parent_is_gone: bool) -> None:
    """At its deadline, and where its parent is gone."""
    parent, deadline = (1, time.monotonic() + 600) if parent_is_gone else (os.getpid(), 0.0)
    command = [sys.executable, "-c", coldstart._SPIN, str(parent), str(deadline)]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
