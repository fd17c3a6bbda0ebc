"""Pipelines: their rows, one for each version."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localpach.errors import NotFoundError, PachError
from localpach.messages import pps
from localpach.names import parse_ancestry
from localpach.pfs import commits
from localpach.pps.states import PipelineState
from localpach.refs import SPEC, CommitRef, PipelineRef
from localpach.store.database import Txn

_MOST_WORKERS = (1 << 31) - 1
"""More cannot be meant, and SQLite keeps no number of 64 bits without a sign."""
_COLUMNS = "id, project, name, version, spec_commit, state, reason, stopped, parallelism, info"
_FROM = f"SELECT {_COLUMNS} FROM pipelines"
_NAMED = f"{_FROM} WHERE project = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One version of a pipeline. ``info`` is its serialized PipelineInfo, which never changes."""

    id: int
    ref: PipelineRef
    version: int
    spec_commit: str
    state: PipelineState
    reason: str
    stopped: bool
    parallelism: int
    info: bytes

    def message(self) -> pps.PipelineInfo:
        message = pps.PipelineInfo.FromString(self.info)
        message.state = int(self.state)
        message.reason = self.reason
        message.stopped = self.stopped
        message.parallelism = self.parallelism
        return message


def find_latest(txn: Txn, ref: PipelineRef) -> Pipeline | None:
    """Return the current version of a pipeline, or None if it does not exist."""
    return txn.first(_from_row, f"{_NAMED} ORDER BY id DESC LIMIT 1", *ref.columns)


def inspect(txn: Txn, ref: PipelineRef) -> Pipeline:
    """Return the version that a name selects, which can have an ancestry suffix. Raises NotFoundError."""
    name, back = parse_ancestry(ref.name)
    if back < 0:
        raise PachError("cannot inspect future pipelines")
    ref = PipelineRef(name, ref.project)
    try:
        head = commits.resolve(txn, CommitRef(ref.repo(SPEC), branch="master"))
    except PachError as error:
        raise error.within(f'pipeline was not inspected: couldn\'t find up to date spec for pipeline "{ref}"') from None
    current = at_spec_commit(txn, ref, head.uuid)
    if current is None:
        raise NotFoundError(f'pipeline "{ref}" not found')
    if not back:
        return current
    version = current.version - back
    if version < 1:
        raise PachError(f'pipeline "{ref}" has only {current.version} versions, not enough to find ancestor {back}')
    return get_version(txn, ref, version)


def at_spec_commit(txn: Txn, ref: PipelineRef, spec_commit: str) -> Pipeline | None:
    return txn.first(_from_row, f"{_NAMED} AND spec_commit = ?", *ref.columns, spec_commit)


def get_version(txn: Txn, ref: PipelineRef, version: int) -> Pipeline:
    found = txn.first(_from_row, f"{_NAMED} AND version = ?", *ref.columns, version)
    if found is None:
        raise NotFoundError(f'pipeline "{ref}" version {version} not found')
    return found


def list_all(txn: Txn, only: PipelineRef | None, history: int) -> Iterator[Pipeline]:
    """Yield pipelines, newest first, with ``history`` older versions of each (-1: all)."""
    oldest: dict[PipelineRef, int] = {}
    for row in txn.rows(f"{_FROM} ORDER BY id DESC"):
        pipeline = _from_row(row)
        if only is not None and pipeline.ref != only:
            continue
        if pipeline.ref not in oldest:
            oldest[pipeline.ref] = 1 if history < 0 else max(1, pipeline.version - history)
        if pipeline.version >= oldest[pipeline.ref]:
            yield pipeline
    if only is not None and not oldest:
        raise NotFoundError(f'pipeline "{only}" not found')


def current(txn: Txn) -> list[Pipeline]:
    """Return the current version of every pipeline, newest first."""
    return list(list_all(txn, None, 0))


def set_state(txn: Txn, pipeline: Pipeline, state: PipelineState, reason: str = "") -> None:
    txn.db.execute("UPDATE pipelines SET state = ?, reason = ? WHERE id = ?", (state, reason, pipeline.id))


def set_parallelism(txn: Txn, pipeline: Pipeline, workers: int) -> None:
    txn.db.execute("UPDATE pipelines SET parallelism = ? WHERE id = ?", (workers, pipeline.id))


def expected_workers(details: pps.PipelineInfo.Details) -> int:
    return min(int(details.parallelism_spec.constant), _MOST_WORKERS) or 1


def _from_row(row: tuple[Any, ...]) -> Pipeline:
    number, project, name, version, spec_commit, state, reason, stopped, parallelism, info = row
    return Pipeline(
        number,
        PipelineRef(name, project),
        version,
        spec_commit,
        PipelineState(state),
        reason,
        bool(stopped),
        parallelism,
        info,
    )
