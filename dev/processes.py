"""Start long-running programs, wait until they are ready, and end them with their children."""

import errno
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self


class StartError(Exception):
    """A program did not become ready; the message names its log and shows its last lines."""

    def __init__(self, what: str, log: Path | None = None) -> None:
        super().__init__(f"{what}; its log is {log}:\n{tail(log)}" if log else what)
        self.what = what
        self.log = log


_PORTS = range(20_000, 30_000)
"""Below the ports that Linux gives, unless configured otherwise, to clients and to servers that name none."""
_reserved: list[socket.socket] = []


def free_port(host: str = "127.0.0.1") -> int:
    """Return a free TCP port of this machine that no other call returns while this process runs.

    A program may start to listen long after its port is chosen. Until then nobody else is to get that port, so it is
    not one of those that the kernel gives away, and an abstract socket, which ends with this process, reserves it.
    Raises StartError if no port is left.
    """
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0scriptmodel-port-{port}")
            with socket.socket() as probe:
                probe.bind((host, port))
        except OSError as error:
            reservation.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            _reserved.append(reservation)
            return port
    raise StartError(f"no port of {_PORTS[0]} to {_PORTS[-1]} is free")


@dataclass
class Program:
    """One program in a process group of its own, its output in a log file.

    It has its own session, so that Ctrl-C in the terminal reaches only us and we decide what ends when.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    grace: float = 10.0
    on_start: Callable[[], None] | None = None
    """Called after each start."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, which is the id of its process group too."""
        if self._process is None:
            raise StartError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; its output is appended to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.env},
                cwd=self.cwd,
                start_new_session=True,
            )
        if self.on_start:
            self.on_start()

    def wait_until(self, ready: Callable[[], bool], within: float = 60.0) -> None:
        """Poll `ready` until it is true; StartError after `within` seconds or when the program has ended."""
        deadline = time.monotonic() + within
        while not ready():
            if not self.running:
                raise StartError(f"{self.name} ended at once", self.log)
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready in {within:.0f} s", self.log)
            time.sleep(0.1)

    def tail(self, lines: int = 12) -> str:
        """Return the last lines of its log, indented."""
        return tail(self.log, lines)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """End it and what it started: SIGTERM, after the grace time SIGKILL."""
        if self._process is None:
            return
        stop_group(self._process.pid, self.grace, self._reaped)

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash would, and wait for that."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _reaped(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented; empty without it."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def stop_group(pid: int, grace: float, ended: Callable[[], bool]) -> None:
    """End the process group of `pid`: SIGTERM, then SIGKILL for the rest after `grace` seconds."""
    _signal_group(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_group(pid, signal.SIGKILL)
    while not ended():
        time.sleep(0.05)


def start_time(pid: int) -> str:
    """Return when a process was started, in clock ticks since boot: with the pid it identifies one process.

    Raises OSError if no such process exists, or if it has ended and was not reaped.
    """
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if state == "Z":
        raise ProcessLookupError(f"process {pid} has ended")
    return fields[18]


def noted(programs: Iterable[Program]) -> list[dict[str, Any]]:
    """Return what identifies the programs that run, for a later process to end them."""
    found = []
    for program in programs:
        with suppress(StartError, OSError):  # it does not run, or has just ended
            found.append({"name": program.name, "pid": program.pid, "started": start_time(program.pid)})
    return found


def is_alive(program: Mapping[str, Any]) -> bool:
    """Return whether a noted program still runs."""
    return not has_ended(program["pid"], program["started"])


def end(program: Mapping[str, Any]) -> None:
    """End a noted program."""
    if is_alive(program):
        stop_group(program["pid"], 20.0, lambda: not is_alive(program))


def has_ended(pid: int, started: str) -> bool:
    """Return whether the process that `start_time` identifies is gone."""
    try:
        return start_time(pid) != started
    except OSError:
        return True


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_on_signals() -> None:
    """Raise KeyboardInterrupt on SIGINT, SystemExit on SIGTERM and SIGHUP; ignore all signals after the first."""
    for each in _SIGNALS:
        if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN:  # nohup has it ignored
            signal.signal(each, _terminated)


def _terminated(number: int, _frame: object) -> NoReturn:
    for each in _SIGNALS:  # a second one, such as that of the closing terminal, would leave half of it running
        signal.signal(each, lambda _number, _frame: None)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
