"""Programs are started, waited for and ended with all that they started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.processes import Program, StartError, has_ended, run_shown, start_time


def eventually(condition: Callable[[], bool], within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def shell(script: str, tmp_path: Path, grace: float = 5.0) -> Program:
    return Program("script", ["sh", "-c", script], tmp_path / "log", grace=grace)


def test_stop_ends_the_program_and_its_children(tmp_path: Path) -> None:
    program = shell("sleep 100 & echo $! > child; wait", tmp_path)
    program.cwd = tmp_path
    program.start()
    program.wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip() != "")
    child = int((tmp_path / "child").read_text())
    started = start_time(child)
    program.stop()
    assert not program.running
    assert eventually(lambda: has_ended(child, started))


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace_time(tmp_path: Path) -> None:
    program = shell("trap '' TERM; echo up; while :; do sleep 0.05; done", tmp_path, grace=0.3)
    program.start()
    program.wait_until(lambda: "up" in program.tail())
    program.stop()
    assert not program.running


def test_a_program_that_ends_at_once_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    program = shell("echo no such luck; exit 3", tmp_path)
    program.start()
    with pytest.raises(StartError, match="no such luck"):
        program.wait_until(lambda: False)


def test_a_program_that_never_gets_ready_is_reported(tmp_path: Path) -> None:
    program = shell("sleep 100", tmp_path)
    with program:
        program.start()
        with pytest.raises(StartError, match=r"not ready in 0 s; its log is .*/log"):
            program.wait_until(lambda: False, within=0.2)
    assert not program.running


def test_run_shown_passes_lines_on_and_keeps_them(tmp_path: Path) -> None:
    shown: list[str] = []
    status = run_shown(["sh", "-c", "echo out; echo err >&2; exit 7"], tmp_path / "log", tmp_path, shown.append)
    assert status == 7
    assert shown == ["out", "err"]
    assert (tmp_path / "log").read_text() == "out\nerr\n"


def test_run_shown_ends_the_command_when_interrupted(tmp_path: Path) -> None:
    pids: list[int] = []

    def interrupt(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_shown(["sh", "-c", "echo $$; sleep 100"], tmp_path / "log", tmp_path, interrupt)
    assert eventually(lambda: has_ended(pids[0], "any"))


def test_a_process_is_distinguished_from_a_later_one_with_the_same_pid() -> None:
    assert not has_ended(os.getpid(), start_time(os.getpid()))
    assert has_ended(os.getpid(), "0")
