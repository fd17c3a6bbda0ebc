"""The PPS calls about datums."""

from collections.abc import Iterator

import grpc

from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import commit_message, job_ref, pps
from localpach.pps import datums, jobs
from localpach.pps.jobs import Job
from localpach.refs import META, JobRef


class DatumCalls(Calls):
    def InspectDatum(self, request: pps.InspectDatumRequest, context: grpc.ServicerContext) -> pps.DatumInfo:
        ref = job_ref(request.datum.job)
        job, records = self._datums_of(ref)
        for record in records:
            if record.id == request.datum.id:
                info = datums.message(record, ref)
                info.pfs_state.commit.CopyFrom(commit_message(ref.pipeline.repo(META), ref.id, job.branch))
                info.pfs_state.path = f"/pfs/{record.id}"
                return info
        raise PachError(f"datum {request.datum.id} not found in job {ref}")

    def ListDatum(self, request: pps.ListDatumRequest, context: grpc.ServicerContext) -> Iterator[pps.DatumInfo]:
        """List the datums of a job, optionally those in some states."""
        ref = job_ref(request.job)
        states = set(request.filter.state)
        for record in self._datums_of(ref)[1]:
            info = datums.message(record, ref)
            if not states or info.state in states:
                yield info

    def _datums_of(self, ref: JobRef) -> tuple[Job, list[datums.DatumRecord]]:
        with self._backend.db.read() as txn:
            job = jobs.get(txn, ref)
            meta = jobs.meta_commit(txn, job)
            return job, [] if meta is None else datums.of_commit(txn, meta)
