"""A localpach for tests: a process at a socket in its root, or a command that ends by itself, in the test's process."""

import gc
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from click.testing import CliRunner

from localpach.cli import main

START_SECONDS = 120.0
END_SECONDS = 120.0
MAX_MESSAGE = 20 * 1024 * 1024
READY = re.compile(r"localpach \S+ is ready on (\S+)")


@dataclass
class Localpach:
    """A running server."""

    address: str
    root: Path
    process: subprocess.Popen[str]

    @property
    def host(self) -> str:
        """Return the host part of the address, as python_pachyderm takes it; "unix" for a socket."""
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> str:
        """Return the port part of the address; the path of a socket."""
        return self.address.rpartition(":")[2]

    def channel(self) -> grpc.Channel:
        """Open a channel to the server."""
        return open_channel(self.address)

    def log(self) -> str:
        """Return the log."""
        return self.root.with_suffix(".log").read_text()

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Stop the server with SIGTERM; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # so that the log has what each thread does
            self.process.wait()
            raise AssertionError(f"localpach did not end: {self.log()}") from None


def localpach(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself, where its imports cost nothing: they take most of its time."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        done = CliRunner().invoke(main, arguments)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        logging.getLogger("localpach").setLevel(logging.NOTSET)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    ended = subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)
    del done
    gc.collect()  # the frames of its error hold what the end of a process would release, such as the lock of the root
    return ended


def open_channel(address: str) -> grpc.Channel:
    """Open a channel with the message size limit of real clients."""
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    return grpc.insecure_channel(address, options)


def start(
    root: Path, *arguments: str, variables: dict[str, str] | None = None, wrapper: tuple[str, ...] = ()
) -> Localpach:
    """Start a server with a root folder and wait until it is ready."""
    log = root.with_suffix(".log")
    with log.open("a") as errors:
        process = subprocess.Popen(
            [
                *wrapper,
                sys.executable,
                "-m",
                "localpach.cli",
                "serve",
                "--root",
                str(root),
                "--listen",
                f"unix:{root}/socket",
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONFAULTHANDLER": "1"} | (variables or {}),
            start_new_session=True,
        )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.append(process.stdout.readline() if process.stdout else ""))
    reader.start()
    reader.join(START_SECONDS)
    found = READY.match(lines[0]) if lines else None
    if found is None:
        process.kill()
        status = process.wait()
        raise AssertionError(f"localpach did not start (status {status}): {lines} {log.read_text()}")
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return Localpach(found[1], root, process)


@contextmanager
def serving(root: Path, *arguments: str, variables: dict[str, str] | None = None) -> Iterator[Localpach]:
    """Run a server while the block runs."""
    server = start(root, *arguments, variables=variables)
    try:
        yield server
    finally:
        server.end()
