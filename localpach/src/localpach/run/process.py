"""The process of a job's command: starting it, reading its output, killing it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TERM_SECONDS = 10.0
MAX_LINE = 1024 * 1024


class Isolation(Enum):
    """How a job gets its `/pfs`."""

    NAMESPACE = "namespace"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its file tree.

    ``pfs`` is the folder that is mounted at `/pfs`, ``scratch`` an empty folder, ``tmp`` the worker's `/tmp`. ``store``
    is the server's root folder, which is hidden from an isolated command. ``mounts`` has further folders by the path
    at which they are mounted. ``memory`` is in bytes, 0 for no limit.
    """

    words: Sequence[str]
    variables: Mapping[str, str]
    stdin: bytes
    pfs: Path
    scratch: Path
    tmp: Path
    tmp_keeps: Sequence[str]
    store: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)
    working_dir: str = ""
    memory: int = 0


class Process:
    """A running command. ``on_line`` is called with each line of output, ``on_end`` once after its end."""

    def __init__(
        self, command: Command, isolation: Isolation, on_line: Callable[[str], None], on_end: Callable[[], None]
    ) -> None:
        self._process = supervise(_describe(command, isolation))
        self._ended = threading.Event()
        self._status = 0
        self._on_end = on_end
        readers = [
            threading.Thread(target=_read_lines, args=(stream, on_line), daemon=True)
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
        """Return the exit status as a shell does, or None while the command runs."""
        return self._status if self._ended.is_set() else None

    def kill(self) -> None:
        """Kill the command and all processes that it has started, and wait until they have ended."""
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
        assert stdin is not None  # noqa: S101  # requested above
        with contextlib.suppress(BrokenPipeError):  # a command may exit without reading its input
            stdin.write(data)
            stdin.close()


def supervise(spec: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start a supervisor. It reads its spec from a pipe, since the spec has secrets and command lines are public."""
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="utf-8") as out:  # noqa: PTH123  # a descriptor, not a path
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SUPERVISOR), str(read_end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(read_end,),
            start_new_session=True,
        )
        os.close(read_end)
        with contextlib.suppress(BrokenPipeError):
            json.dump(spec, out)
            out.flush()
    return process


def replace_mounts(text: str, command: Command) -> str:
    """Replace a leading `/pfs` or path of a mount in a word of a command by the job's folder."""
    for path, folder in {"/pfs": command.pfs, **command.mounts}.items():
        if text == path or text.startswith(f"{path}/"):
            return f"{folder}{text[len(path) :]}"
    return text


def _describe(command: Command, isolation: Isolation) -> dict[str, object]:
    isolated = isolation is Isolation.NAMESPACE
    words = list(command.words)
    variables = dict(command.variables)
    if not isolated:
        words = [replace_mounts(word, command) for word in words]
        variables = {name: replace_mounts(value, command) for name, value in variables.items()}
        variables |= {"PFS_ROOT": str(command.pfs), "TMPDIR": str(command.tmp)}
    return {
        "server": os.getpid(),
        "isolate": isolated,
        "pfs": str(command.pfs),
        "mounts": {path: str(folder) for path, folder in command.mounts.items()},
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
    directory = command.working_dir or "/"
    return directory if isolated else replace_mounts(directory, command)


def _read_lines(stream: IO[bytes], on_line: Callable[[str], None]) -> None:
    with stream:
        while line := stream.readline(MAX_LINE):
            on_line(line.rstrip(b"\n").decode(errors="replace"))
