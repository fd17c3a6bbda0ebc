"""The calls about pipelines, jobs and logs."""

import itertools
from collections.abc import Iterator

import grpc

from localpach.errors import NotFoundError, PachError
from localpach.messages import FINAL, Empty, changed, copy_fields, key, pps, shown
from localpach.pps import jobs, pipelines, specs
from localpach.pps.workers import Master
from localpach.protocol import pps_grpc
from localpach.requests import Requests
from localpach.state import State


class PpsService(pps_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    def __init__(self, requests: Requests, master: Master) -> None:
        self._requests = requests
        self._master = master
        self._model = requests.model
        self._files = requests.files

    def CreatePipeline(self, request: pps.CreatePipelineRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, create_pipeline=request)
        return Empty()

    def InspectPipeline(self, request: pps.InspectPipelineRequest, context: grpc.ServicerContext) -> pps.PipelineInfo:
        state = self._model.state
        pipeline = pipelines.inspect(state, request.pipeline)
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
        only = request.pipeline if request.HasField("pipeline") else None
        state = self._model.state
        try:
            found = list(pipelines.list_all(state, only, request.history))
        except NotFoundError as error:
            raise error.within("could not list pipeline info") from None
        return (_pipeline_info(state, each) for each in found if not projects or each.pipeline.project.name in projects)

    def DeletePipeline(self, request: pps.DeletePipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a pipeline. It is stopped first and stays stopped if it cannot be deleted, as in the real server."""
        ref = request.pipeline
        with self._model.change() as txn:
            pipelines.stop(txn, self._files, ref)
        with self._model.change() as txn:
            pipelines.delete(txn, self._files, ref, keep_repo=request.keep_repo, force=request.force)
        return Empty()

    def StartPipeline(self, request: pps.StartPipelineRequest, context: grpc.ServicerContext) -> Empty:
        with self._model.change() as txn:
            pipelines.start(txn, request.pipeline)
        return Empty()

    def StopPipeline(self, request: pps.StopPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Stop a pipeline and kill its jobs."""
        with self._model.change() as txn:
            pipelines.stop(txn, self._files, request.pipeline)
        return Empty()

    def InspectJob(self, request: pps.InspectJobRequest, context: grpc.ServicerContext) -> pps.JobInfo:
        """Describe a job, after it has ended if the request says so."""
        job = jobs.get(self._model.state, request.job)

        def ended(state: State) -> pps.JobInfo | None:
            found = state.jobs.get(key(request.job))
            if found is None:
                raise PachError(f"job {request.job.id} was deleted")
            return found if found.state in FINAL else None

        if request.wait:
            job = self._model.wait_for(context, ended)
        return self._job_info(job, details=request.details)

    def ListJob(self, request: pps.ListJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """List jobs, newest first."""
        only = request.pipeline if request.HasField("pipeline") else None
        projects = {each.name for each in request.projects}
        state = self._model.state
        listed = pipelines.list_all(state, only, request.history)
        versions = {f"{key(each.pipeline)}@{each.version}" for each in listed}
        found = (
            each
            for each in jobs.list_all(state, only)
            if _version_key(each) in versions and (not projects or each.job.pipeline.project.name in projects)
        )
        chosen = itertools.islice(found, max(0, request.number) or None)
        return (self._job_info(each, details=request.details) for each in chosen)

    def StopJob(self, request: pps.StopJobRequest, context: grpc.ServicerContext) -> Empty:
        self._requests.perform(context, stop_job=request)
        return Empty()

    def GetLogs(self, request: pps.GetLogsRequest, context: grpc.ServicerContext) -> Iterator[pps.LogMessage]:
        """Stream the log lines of running workers."""
        pipeline = _logged(self._model.state, request)
        worker = None if pipeline is None else self._master.worker(pipeline)
        if worker is None:
            name = "pachd" if pipeline is None else specs.kubernetes_name(pipeline.pipeline, pipeline.version)
            raise PachError(f'no pods belonging to the rc "{name}" were found')
        return worker.log.read(request.job.id, context if request.follow else None)

    def _job_info(self, job: pps.JobInfo, *, details: bool) -> pps.JobInfo:
        pipeline = self._model.state.pipelines.get(_version_key(job))
        if not details or pipeline is None:
            return job
        info = changed(job, details=pps.JobInfo.Details())
        copy_fields(pipeline.details, info.details)
        for source in specs.repos_in(specs.root_of(info.details)):
            source.commit = job.job.id
        worker = self._master.worker(pipeline)
        if job.state == pps.JOB_RUNNING and worker is not None and worker.running_job == job.job.id:
            info.details.worker_status.add(worker_id=worker.pod_name, job_id=job.job.id)
        return info


def _version_key(job: pps.JobInfo) -> str:
    return f"{key(job.job.pipeline)}@{job.pipeline_version}"


def _pipeline_info(state: State, pipeline: pps.PipelineInfo) -> pps.PipelineInfo:
    newest = jobs.list_all(state, pipeline.pipeline)[:1]
    return changed(pipeline, last_job_state=newest[0].state) if newest else changed(pipeline)


def _logged(state: State, request: pps.GetLogsRequest) -> pps.PipelineInfo | None:
    """Return the pipeline whose log is requested; None if none is named."""
    has_job, has_pipeline = request.HasField("job"), request.HasField("pipeline")
    if not has_job and not has_pipeline:
        return None
    ref = request.job.pipeline if has_job else request.pipeline
    if not ref.name:
        raise PachError("pipeline must be specified for the given job")
    if has_job and has_pipeline and key(ref) != key(request.pipeline):
        raise PachError("job is from the wrong pipeline")
    if has_job:
        try:
            jobs.get(state, request.job)
        except PachError as error:
            raise error.within(f'could not get job information for "{request.job.id}"') from None
    try:
        return pipelines.inspect(state, ref)
    except PachError as error:
        raise error.within(f"could not get pipeline information for {shown(ref)}") from None
