"""Starting a command of a job, reading what it says, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TERM_SECONDS = 10.0
MAX_LINE = 1024 * 1024


class Isolation(Enum):
    """How a job finds its files."""

    NAMESPACE = "namespace"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run, and where.

    ``pfs`` is the folder that becomes `/pfs`, ``scratch`` an empty one, ``tmp`` the worker's `/tmp`,
    ``store`` the server's own, which the command does not see where it is isolated;
    ``memory`` in bytes, 0 for no limit.
    """

    words: Sequence[str]
    variables: Mapping[str, str]
    stdin: bytes
    pfs: Path
    scratch: Path
    tmp: Path
    tmp_keeps: Sequence[str]
    store: Path
    working_dir: str = ""
    memory: int = 0


class Process:
    """A running command. Its lines go to ``say`` as they come, ``on_end`` is called once it is over."""

    def __init__(
        self, command: Command, isolation: Isolation, say: Callable[[str], None], on_end: Callable[[], None]
    ) -> None:
        self._process = supervise(_describe(command, isolation))
        self._ended = threading.Event()
        self._status = 0
        self._on_end = on_end
        readers = [
            threading.Thread(target=_read_lines, args=(stream, say), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
            if stream is not None
        ]
        for thread in (
            *readers,
            threading.Thread(target=self._feed, args=(command.stdin,), daemon=True),
            threading.Thread(target=self._await_end, args=(readers,), daemon=True),
        ):
            thread.start()

    @property
    def status(self) -> int | None:
        """The exit status as a shell gives it, or None while the command runs."""
        return self._status if self._ended.is_set() else None

    def kill(self) -> None:
        """Kill the command and everything that it has started, and wait until it is gone."""
        self._process.send_signal(signal.SIGTERM)
        if not self._ended.wait(TERM_SECONDS):
            self._process.kill()
            self._ended.wait()

    def _await_end(self, readers: list[threading.Thread]) -> None:
        self._status = self._process.wait()
        for reader in readers:
            reader.join()
        self._ended.set()
        self._on_end()

    def _feed(self, data: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101  # asked for above
        with contextlib.suppress(BrokenPipeError):  # a command need not read what it is given
            stdin.write(data)
            stdin.close()


def supervise(orders: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start a supervisor. It is told what to do through a pipe: orders hold secrets, and command lines can be seen."""
    orders_end, our_end = os.pipe()
    with open(our_end, "w", encoding="utf-8") as out:  # noqa: PTH123  # a descriptor, not a path
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), str(orders_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(orders_end,),
            start_new_session=True,
        )
        os.close(orders_end)
        with contextlib.suppress(BrokenPipeError):
            json.dump(orders, out)
            out.flush()
    return process


def replace_pfs(text: str, pfs: Path) -> str:
    """A word of a command with a leading `/pfs` replaced by the folder that stands for it."""
    return f"{pfs}{text[4:]}" if text == "/pfs" or text.startswith("/pfs/") else text


def _describe(command: Command, isolation: Isolation) -> dict[str, object]:
    isolated = isolation is Isolation.NAMESPACE
    words = list(command.words)
    variables = dict(command.variables)
    if not isolated:
        words = [replace_pfs(word, command.pfs) for word in words]
        variables = {name: replace_pfs(value, command.pfs) for name, value in variables.items()}
        variables |= {"PFS_ROOT": str(command.pfs), "TMPDIR": str(command.tmp)}
    return {
        "server": os.getpid(),
        "isolate": isolated,
        "pfs": str(command.pfs),
        "root": str(command.scratch),
        "tmp": str(command.tmp) if isolated else "",
        "tmp_keeps": list(command.tmp_keeps),
        "store": str(command.store.absolute()),
        "cmd": words,
        "env": variables,
        "cwd": _directory(command, isolated),
        "memory": command.memory,
    }


def _directory(command: Command, isolated: bool) -> str:
    wanted = command.working_dir or "/"
    return wanted if isolated else replace_pfs(wanted, command.pfs)


def _read_lines(stream: IO[bytes], say: Callable[[str], None]) -> None:
    with stream:
        while line := stream.readline(MAX_LINE):
            say(line.rstrip(b"\n").decode(errors="replace"))
