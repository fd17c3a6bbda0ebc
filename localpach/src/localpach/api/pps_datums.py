"""The PPS calls about datums."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import grpc

from localpach.backend import Calls
from localpach.errors import PachError, UnimplementedError
from localpach.messages import Empty, commit_message, job_ref, pps
from localpach.pfs.commits import Commit
from localpach.pfs.listing import Tree
from localpach.pps import datums, inputs, jobs
from localpach.pps.jobs import Job
from localpach.pps.states import DatumState
from localpach.refs import META, CommitRef, JobRef


class DatumCalls(Calls):
    """The PPS calls about datums."""

    def RestartDatum(self, request: pps.RestartDatumRequest, context: grpc.ServicerContext) -> Empty:
        """Raise UnimplementedError if the job exists."""
        if not request.HasField("job"):
            raise PachError("must specify a job")
        with self._backend.db.read() as txn:
            jobs.get(txn, job_ref(request.job))
        raise UnimplementedError("localpach does not support restarting a datum: stop the job and restart the pipeline")

    def InspectDatum(self, request: pps.InspectDatumRequest, context: grpc.ServicerContext) -> pps.DatumInfo:
        """Describe a datum of a job."""
        if not request.datum.id:
            raise PachError("must specify a datum")
        if not request.datum.HasField("job"):
            raise PachError("must specify a job")
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
        """List the datums of a job, or those of an input."""
        if request.HasField("job") and request.HasField("input"):
            raise PachError("cannot specify both job and input")
        if request.number == 0 and request.reverse:
            raise PachError("number must be > 0 when reverse is set")
        if request.HasField("input"):
            infos = self._datums_of_input(request.input, context)
        else:
            ref = job_ref(request.job)
            infos = [datums.message(record, ref) for record in self._datums_of(ref)[1]]
        states = set(request.filter.state)
        infos = [info for info in infos if not states or info.state in states]
        marker = request.paginationMarker
        if request.reverse:
            before = (info for info in infos if not marker or info.datum.id < marker)
            yield from reversed(deque(before, maxlen=request.number))
            return
        after = [info for info in infos if not marker or info.datum.id > marker]
        yield from after[: request.number] if request.number else after

    def _datums_of(self, ref: JobRef) -> tuple[Job, list[datums.DatumRecord]]:
        with self._backend.db.read() as txn:
            job = jobs.get(txn, ref)
            meta = jobs.meta_commit(txn, job)
            return job, [] if meta is None else datums.of_commit(txn, meta)

    def _datums_of_input(self, root: pps.Input, context: grpc.ServicerContext) -> list[pps.DatumInfo]:
        inputs.set_defaults("", root)
        for node in inputs.visit(root):
            if node.HasField("cron"):
                raise PachError(
                    "can't list datums with a cron input, there will be no datums until the pipeline is created"
                )
            if node.HasField("pfs"):
                node.pfs.project = node.pfs.project or "default"

        def opener(ref: CommitRef) -> tuple[Commit, Tree]:
            return self._backend.reader.open_commit(ref, context)

        infos = []
        for datum in datums.of_input(root, "", opener):
            info = pps.DatumInfo(state=int(DatumState.UNKNOWN))
            info.datum.id = datum.id
            for each in datum.inputs:
                info.data.add().ParseFromString(each.info)
            infos.append(info)
        return infos
