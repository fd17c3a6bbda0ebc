"""The dependencies that all workers of a server share."""

from __future__ import annotations

from dataclasses import dataclass

from localpach.pfs.content import CommitContent
from localpach.pfs.reading import Reader
from localpach.pps.runner import Machine
from localpach.store.database import Database


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The stores and the machine that workers use.

    A job stays in JOB_RUNNING for at least ``settle`` seconds, so that clients that poll observe the state.
    """

    db: Database
    content: CommitContent
    reader: Reader
    machine: Machine
    settle: float
