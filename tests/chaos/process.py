"""The operator as a process that starts immediately: a fork of one that has imported everything.

It is the real operator, run by its own command line. Only its timeouts are shorter, all by the same factor.
"""

import asyncio
import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from scriptmodel_operator import app, cli
from scriptmodel_operator.controller import queue
from scriptmodel_operator.kube import client, events
from scriptmodel_operator.pachyderm.adapter import PachydermGateway

FASTER = 3

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])
_deadline = PachydermGateway._deadline


def start(arguments: list[str], log: Path) -> BaseProcess:
    """`scriptmodel-operator` with these arguments, its output appended to `log`."""
    process = _context.Process(target=_run, args=(arguments, log), daemon=True)
    process.start()
    return process


@dataclass
class Operator:
    """Started again after a kill; what else ends it, ends the case."""

    arguments: list[str]
    log: Path
    _process: BaseProcess | None = None
    _killed: bool = False
    died: str = ""

    def start(self) -> None:
        self._process = start(self.arguments, self.log)
        asyncio.get_running_loop().add_reader(self._process.sentinel, self._ended)

    def kill(self) -> None:
        if self._process is not None:
            self._killed = True
            self._process.kill()

    def _ended(self) -> None:
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        if self._killed:
            self._killed = False
            self.start()
        else:
            self.died = f"the operator ended by itself with exit status {self._process.exitcode}"

    def stop(self) -> None:
        if self._process is not None:
            if not self.died:
                asyncio.get_running_loop().remove_reader(self._process.sentinel)
            self._process.kill()
            self._process.join()


def _run(arguments: list[str], log: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    PachydermGateway._deadline = lambda self, what, seconds: _deadline(self, what, seconds / FASTER)  # type: ignore[method-assign]  # see above
    client.REQUEST_SECONDS /= FASTER
    queue.FIRST_RETRY_SECONDS /= FASTER
    queue.MAX_RETRY_SECONDS /= FASTER
    events.FIRST_RETRY_SECONDS /= FASTER
    app._RETRY_SECONDS /= FASTER
    cli.main(arguments)
