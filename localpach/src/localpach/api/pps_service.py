"""The calls about pipelines, jobs and logs."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import grpc

from localpach.api.describe import job_info
from localpach.errors import NotFoundError, PachError
from localpach.messages import SECOND, Empty, copy_fields, job_ref, nanoseconds, pipeline_ref, pps
from localpach.names import DEFAULT_PROJECT
from localpach.pps import jobs, pipelines, specs
from localpach.pps.logs import LogFilter
from localpach.pps.workers import Master, pod_name
from localpach.protocol import pps_grpc
from localpach.requests import Requests
from localpach.state import Job, Pipeline, State, VersionKey
from localpach.states import JobState

JOB_CLOCK_SKEW = 3600 * SECOND


class PpsService(pps_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, requests: Requests, master: Master) -> None:
        self._requests = requests
        self._master = master
        self._model = requests.model
        self._files = requests.files

    def CreatePipeline(self, request: pps.CreatePipelineRequest, context: grpc.ServicerContext) -> Empty:
        request.pipeline.project.name = request.pipeline.project.name or DEFAULT_PROJECT
        self._requests.perform(context, create_pipeline=request)
        return Empty()

    def InspectPipeline(self, request: pps.InspectPipelineRequest, context: grpc.ServicerContext) -> pps.PipelineInfo:
        state = self._model.state
        pipeline = pipelines.inspect(state, pipeline_ref(request.pipeline))
        info = _pipeline_info(state, pipeline)
        if not request.details:
            info.ClearField("details")
            return info
        workers = specs.expected_workers(info.details)
        info.details.workers_requested = pipeline.parallelism
        info.details.workers_available = workers if self._master.worker(pipeline) is not None else 0
        return info

    def ListPipeline(
        self, request: pps.ListPipelineRequest, context: grpc.ServicerContext
    ) -> Iterator[pps.PipelineInfo]:
        """List pipelines, newest first."""
        projects = {each.name for each in request.projects}
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        state = self._model.state
        try:
            found = list(pipelines.list_all(state, only, request.history))
        except NotFoundError as error:
            raise error.within("could not list pipeline info") from None
        return (_pipeline_info(state, each) for each in found if not projects or each.ref.project in projects)

    def DeletePipeline(self, request: pps.DeletePipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a pipeline. It is stopped first and stays stopped if it cannot be deleted, as in the real server."""
        ref = pipeline_ref(request.pipeline)
        with self._model.change() as txn:
            pipelines.stop(txn, self._files, ref)
        with self._model.change() as txn:
            pipelines.delete(txn, self._files, ref, keep_repo=request.keep_repo, force=request.force)
        return Empty()

    def StartPipeline(self, request: pps.StartPipelineRequest, context: grpc.ServicerContext) -> Empty:
        with self._model.change() as txn:
            pipelines.start(txn, pipeline_ref(request.pipeline))
        return Empty()

    def StopPipeline(self, request: pps.StopPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Stop a pipeline and kill its jobs."""
        with self._model.change() as txn:
            pipelines.stop(txn, self._files, pipeline_ref(request.pipeline))
        return Empty()

    def InspectJob(self, request: pps.InspectJobRequest, context: grpc.ServicerContext) -> pps.JobInfo:
        """Describe a job, after it has ended if the request says so."""
        ref = job_ref(request.job)
        job = jobs.get(self._model.state, ref)

        def ended(state: State) -> Job | None:
            found = state.jobs.get(ref)
            if found is None:
                raise PachError(f"job {ref.id} was deleted")
            return found if found.state.final else None

        if request.wait:
            job = self._model.wait_for(context, ended)
        return self._job_info(job, details=request.details)

    def ListJob(self, request: pps.ListJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """List jobs, newest first."""
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        projects = {each.name for each in request.projects}
        state = self._model.state
        versions = {each.key for each in pipelines.list_all(state, only, request.history)}
        found = (
            each
            for each in jobs.list_all(state, only)
            if VersionKey(each.key.pipeline, each.version) in versions
            and (not projects or each.key.pipeline.project in projects)
        )
        chosen = itertools.islice(found, max(0, request.number) or None)
        return (self._job_info(each, details=request.details) for each in chosen)

    def StopJob(self, request: pps.StopJobRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, stop_job=request)
        return Empty()

    def GetLogs(self, request: pps.GetLogsRequest, context: grpc.ServicerContext) -> Iterator[pps.LogMessage]:
        """Stream the log lines of running workers."""
        pipeline, chosen = _log_filter(self._model.state, request)
        if pipeline is None:
            raise PachError('no pods belonging to the rc "pachd" were found')
        worker = self._master.worker(pipeline)
        if worker is None:
            name = specs.kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)
            raise PachError(f'no pods belonging to the rc "{name}" were found')
        if request.HasField("since") and 0 < nanoseconds(request.since) < SECOND:
            raise PachError(
                f'PodLogOptions "{pod_name(pipeline)}" is invalid: sinceSeconds: Invalid value: 0: '
                "must be greater than 0"
            )
        return worker.log.read(chosen, context if request.follow else None)

    def _job_info(self, job: Job, *, details: bool) -> pps.JobInfo:
        info = job_info(job)
        pipeline = self._model.state.pipelines.get(VersionKey(job.key.pipeline, job.version))
        if not details or pipeline is None:
            return info
        info.details.SetInParent()
        copy_fields(pipelines.message(pipeline).details, info.details)
        for source in specs.repos_in(specs.root_of(info.details)):
            source.commit = job.key.id
        worker = self._master.worker(pipeline)
        if job.state == JobState.RUNNING and worker is not None and worker.running_job == job.key.id:
            info.details.worker_status.add(worker_id=worker.pod_name, job_id=job.key.id)
        return info


def _pipeline_info(state: State, pipeline: Pipeline) -> pps.PipelineInfo:
    info = pipelines.message(pipeline)
    for job in jobs.list_all(state, pipeline.ref)[:1]:
        info.last_job_state = int(job.state)
    return info


def _log_filter(state: State, request: Any) -> tuple[Pipeline | None, LogFilter]:
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
    if job is not None:
        try:
            found = jobs.get(state, job)
        except PachError as error:
            raise error.within(f'could not get job information for "{job.id}"') from None
        start = start or found.created - JOB_CLOCK_SKEW
    ref = job.pipeline if job is not None else given
    assert ref is not None  # noqa: S101  # one of the two was given
    try:
        pipeline = pipelines.inspect(state, ref)
    except PachError as error:
        raise error.within(f"could not get pipeline information for {ref}") from None
    return pipeline, LogFilter(pipeline=given, job=job, datum=request.datum.id, tail=request.tail, since=start)
