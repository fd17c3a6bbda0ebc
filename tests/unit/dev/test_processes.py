"""Programs are started, waited for and ended with all that they started."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev import processes
from dev.paths import ROOT
from dev.processes import Program, free_port, has_ended, start_time


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


@pytest.fixture
def three_ports(monkeypatch: pytest.MonkeyPatch) -> Iterator[range]:
    """Let `free_port` choose among three ports, which nobody uses."""
    reserved: list[socket.socket] = []
    first = next(port for port in range(30_000, 32_000, 3) if all(map(is_free, range(port, port + 3))))
    monkeypatch.setattr(processes, "_PORTS", range(first, first + 3))
    monkeypatch.setattr(processes, "_reserved", reserved)
    yield range(first, first + 3)
    for each in reserved:
        each.close()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_a_port_that_another_process_has_chosen_or_listens_on_is_not_chosen(three_ports: range) -> None:
    first, second, third = three_ports
    program = f"from dev import processes as p; p._PORTS = [{first}]; print(p.free_port(), flush=True); input()"
    command = [sys.executable, "-c", program]
    with (
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
        socket.create_server(("127.0.0.1", second)),
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == f"{first}\n"
        assert free_port() == third
        other.communicate("\n")
