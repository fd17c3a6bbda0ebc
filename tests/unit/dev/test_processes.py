"""Programs are started, waited for and ended with all that they started."""

import time
from collections.abc import Callable
from pathlib import Path

from dev.processes import Program, has_ended, start_time


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
