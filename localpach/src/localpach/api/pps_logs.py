"""The PPS calls about logs."""

import time
from collections.abc import Iterator
from typing import Any

import grpc

from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import SECOND, job_ref, nanoseconds, pipeline_ref, pps
from localpach.pps import jobs, pipelines
from localpach.pps.logs import LogFilter
from localpach.pps.validation import kubernetes_name
from localpach.pps.worker import pod_name

JOB_CLOCK_SKEW = 3600 * SECOND


class LogCalls(Calls):
    def GetLogs(self, request: pps.GetLogsRequest, context: grpc.ServicerContext) -> Iterator[pps.LogMessage]:
        """Stream the log lines of running workers."""
        pipeline, log_filter = self._log_filter(request)
        if pipeline is None:
            raise PachError('no pods belonging to the rc "pachd" were found')
        name = kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)
        if not self._backend.logs.is_open(pipeline.id):
            raise PachError(f'no pods belonging to the rc "{name}" were found')
        if request.HasField("since") and 0 < nanoseconds(request.since) < SECOND:
            raise PachError(
                f'PodLogOptions "{pod_name(pipeline)}" is invalid: sinceSeconds: Invalid value: 0: '
                "must be greater than 0"
            )
        if request.follow:
            yield from self._backend.logs.follow(pipeline.id, log_filter, context)
        else:
            yield from self._backend.logs.read(pipeline.id, log_filter)

    def _log_filter(self, request: Any) -> tuple[pipelines.Pipeline | None, LogFilter]:
        has_job, has_pipeline = request.HasField("job"), request.HasField("pipeline")
        if not has_job and not has_pipeline:
            if request.HasField("datum"):
                raise PachError("must specify the Job or Pipeline that the datum is from to get logs for it")
            return None, LogFilter()
        if has_job and not request.job.pipeline.name:
            raise PachError("pipeline must be specified for the given job")
        given = pipeline_ref(request.pipeline) if has_pipeline else None
        job = job_ref(request.job) if has_job else None
        if job is not None and given is not None and job.pipeline != given:
            raise PachError("job is from the wrong pipeline")
        since = nanoseconds(request.since) if request.HasField("since") else 0
        start = time.time_ns() - since if since else 0
        with self._backend.db.read() as txn:
            if job is not None:
                try:
                    found = jobs.get(txn, job)
                except PachError as error:
                    raise error.within(f'could not get job information for "{job.id}"') from None
                start = start or found.created - JOB_CLOCK_SKEW
            ref = job.pipeline if job is not None else given
            assert ref is not None  # noqa: S101  # one of the two was given
            try:
                pipeline = pipelines.inspect(txn, ref)
            except PachError as error:
                raise error.within(f"could not get pipeline information for {ref}") from None
        return pipeline, LogFilter(pipeline=given, job=job, datum=request.datum.id, tail=request.tail, since=start)
