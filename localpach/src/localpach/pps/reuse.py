"""Results of earlier jobs that a job can reuse, so that only new and changed datums are processed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from localpach.pfs import commits
from localpach.pfs.commits import Commit
from localpach.pfs.content import CommitContent
from localpach.pfs.paths import split_key
from localpach.pps import datums, jobs
from localpach.pps.datums import DatumRecord
from localpach.refs import SPEC, JobRef, PipelineRef
from localpach.store.database import Txn


@dataclass(frozen=True, slots=True)
class Base:
    """The newest earlier job whose results can be reused: its output commit, and its datums by id."""

    output: Commit | None = None
    records: dict[str, DatumRecord] = field(default_factory=dict)


def find_base(txn: Txn, pipeline: PipelineRef, meta: Commit, output: Commit) -> Base:
    """Find the base of the job that fills ``meta`` and ``output``; an empty one if there is no such job."""
    parent = output.parent
    while parent is not None:
        earlier = commits.get(txn, parent)
        sources = commits.direct_provenance(txn, earlier)
        if sources and all(source.repo.type == SPEC for source in sources):
            break  # of a version without input: it deleted the output of all jobs before
        earlier_meta = commits.find(txn, meta.repo, earlier.uuid)
        has_job = jobs.find(txn, JobRef(pipeline, earlier.uuid)) is not None
        if has_job and not earlier.error and earlier_meta is not None and not earlier_meta.error:
            return Base(earlier, {record.id: record for record in datums.of_commit(txn, earlier_meta)})
        parent = earlier.parent
    return Base()


def paths_by_datum(txn: Txn, content: CommitContent, commit: Commit, ids: Iterable[str]) -> dict[str, list[str]]:
    """List the output files of some datums in a commit, by datum id."""
    selected = set(ids)
    found: dict[str, list[str]] = {}
    if not selected:
        return found
    for key in content.snapshot(txn, commit).keys:
        path, datum = split_key(key)
        if datum in selected:
            found.setdefault(datum, []).append(path)
    return found
