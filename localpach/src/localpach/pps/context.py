"""The dependencies that all workers of a server share."""

from __future__ import annotations

from dataclasses import dataclass

from localpach.pfs.content import CommitContent
from localpach.pfs.reading import Reader
from localpach.pps.execution import Workers
from localpach.store.contents import Contents
from localpach.store.database import Database


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The stores, and where commands run.

    A job stays in JOB_RUNNING for at least ``settle`` seconds, so that clients that poll observe the state.
    """

    db: Database
    contents: Contents
    content: CommitContent
    reader: Reader
    workers: Workers
    settle: float
