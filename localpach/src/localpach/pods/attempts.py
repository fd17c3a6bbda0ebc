"""Attempts at datums: one row and one Job of Kubernetes each. A restarted server resumes from the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localpach.pps.jobs import Job
from localpach.pps.states import FINAL_JOB_STATES
from localpach.store.database import Txn

_COLUMNS = "id, job, datum, try, name, token, counted, reason, ended"
_FROM = f"SELECT {_COLUMNS} FROM attempts"
_FINAL = ", ".join(map(str, FINAL_JOB_STATES))


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a datum. ``number`` counts from 1, ``name`` is that of its Job, ``token`` a digest.

    ``counted`` says that it failed and used up a try; its ``reason`` says why.
    """

    id: int
    job: int
    datum: str
    number: int
    name: str
    token: bytes
    counted: bool
    reason: str
    ended: bool


def create(txn: Txn, job: Job, datum: str, number: int, name: str, token: bytes) -> Attempt:
    """Store a new attempt, before its Job is created."""
    txn.db.execute(
        "INSERT INTO attempts (job, datum, try, name, token) VALUES (?, ?, ?, ?, ?)",
        (job.id, datum, number, name, token),
    )
    return of_datum(txn, job, datum)[-1]


def of_datum(txn: Txn, job: Job, datum: str) -> list[Attempt]:
    """Return the attempts at a datum of a job, oldest first."""
    return txn.all(_from_row, f"{_FROM} WHERE job = ? AND datum = ? ORDER BY id", job.id, datum)


def end(txn: Txn, attempt: Attempt, reason: str = "", *, counted: bool) -> None:
    """Record that an attempt has ended; its Job can be deleted."""
    txn.db.execute("UPDATE attempts SET ended = 1, counted = ?, reason = ? WHERE id = ?", (counted, reason, attempt.id))
    txn.changed_keys.add("attempts")


def is_open(txn: Txn, token: bytes) -> bool:
    """Return whether a token belongs to an attempt that has not ended."""
    found = txn.row(
        f"SELECT 1 FROM attempts JOIN jobs ON jobs.id = attempts.job"
        f" WHERE token = ? AND NOT ended AND state NOT IN ({_FINAL})",
        token,
    )
    return found is not None


def open_names(txn: Txn) -> set[str]:
    """Return the names of the Jobs whose attempts have not ended and whose jobs are unfinished."""
    rows = txn.rows(
        f"SELECT name FROM attempts JOIN jobs ON jobs.id = attempts.job WHERE NOT ended AND state NOT IN ({_FINAL})"
    )
    return {name for (name,) in rows}


def forget_finished(txn: Txn) -> None:
    """Delete the attempts of jobs that have finished or were deleted."""
    txn.db.execute(
        f"DELETE FROM attempts WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = job AND state NOT IN ({_FINAL}))"
    )


def _from_row(row: tuple[Any, ...]) -> Attempt:
    number, job, datum, attempt, name, token, counted, reason, ended = row
    return Attempt(number, job, datum, attempt, name, token, bool(counted), reason, bool(ended))
