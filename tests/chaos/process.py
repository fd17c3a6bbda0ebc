"""The operator as a process that starts at once: forked from one that has imported everything already.

It is the real operator, run by its own command line. Only its patience is shorter, all of it by the same factor.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from scriptmodel_operator import app, cli
from scriptmodel_operator.kube import client
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.reconcile import queue

FASTER = 3

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])
_deadline = PachydermGateway._deadline


def start(arguments: list[str], log: Path) -> BaseProcess:
    """`scriptmodel-operator` with these arguments, its output appended to `log`."""
    process = _context.Process(target=_run, args=(arguments, log), daemon=True)
    process.start()
    return process


def _run(arguments: list[str], log: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    PachydermGateway._deadline = lambda self, what, seconds: _deadline(self, what, seconds / FASTER)  # type: ignore[method-assign]  # see above
    client.REQUEST_SECONDS /= FASTER
    queue.FIRST_RETRY_SECONDS /= FASTER
    queue.LONGEST_RETRY_SECONDS /= FASTER
    app._WAIT_FOR_CRD_SECONDS /= FASTER
    cli.main(arguments)
