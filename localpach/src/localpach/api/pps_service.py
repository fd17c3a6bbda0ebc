"""The calls about pipelines, jobs and logs."""

import itertools
from collections.abc import Iterator

import grpc

from localpach.errors import PachError
from localpach.messages import FINAL, Empty, changed, key, pps, shown
from localpach.pps import jobs, pipelines, specs
from localpach.pps.workers import Master
from localpach.protocol import pps_grpc
from localpach.requests import Requests, performed
from localpach.state import State, owned


class PpsService(pps_grpc.APIServicer):  # type: ignore[misc]  # generated without types
    CreatePipeline = performed("create_pipeline")
    StopJob = performed("stop_job")

    def __init__(self, requests: Requests, master: Master) -> None:
        self.requests = requests
        self._master = master
        self._model = requests.model
        self._files = requests.files

    def InspectPipeline(self, request: pps.InspectPipelineRequest, context: grpc.ServicerContext) -> pps.PipelineInfo:
        info = _pipeline_info(self._model.state, pipelines.inspect(self._model.state, request.pipeline))
        return info if request.details else changed(info, details=None)

    def ListPipeline(
        self, request: pps.ListPipelineRequest, context: grpc.ServicerContext
    ) -> Iterator[pps.PipelineInfo]:
        """List pipelines, newest first."""
        projects = {each.name for each in request.projects}
        only = request.pipeline if request.HasField("pipeline") else None
        state = self._model.state
        found = pipelines.list_all(state, only, request.history, "could not list pipeline info: ")
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
        if request.wait:
            job = self._model.wait_for(context, "jobs", key(job.job), lambda each: each.state in FINAL)
        return job

    def ListJob(self, request: pps.ListJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """List jobs, newest first."""
        only = request.pipeline if request.HasField("pipeline") else None
        projects = {each.name for each in request.projects}
        state = self._model.state
        listed = pipelines.list_all(state, only, request.history)
        versions = {f"{key(each.pipeline)}@{each.version}" for each in listed}
        found = (
            each
            for each in owned(state.jobs, None if only is None else key(only))
            if f"{key(each.job.pipeline)}@{each.pipeline_version}" in versions
            and (not projects or each.job.pipeline.project.name in projects)
        )
        return itertools.islice(found, max(0, request.number) or None)

    def GetLogs(self, request: pps.GetLogsRequest, context: grpc.ServicerContext) -> Iterator[pps.LogMessage]:
        """Stream the log lines of the running workers of a pipeline, or those of one job."""
        state = self._model.state
        ref = request.job.pipeline if request.HasField("job") else request.pipeline
        if request.HasField("job"):
            jobs.get(state, request.job, f'could not get job information for "{request.job.id}": ')
        pipeline = pipelines.inspect(state, ref, f"could not get pipeline information for {shown(ref)}: ")
        worker = self._master.worker(pipeline)
        if worker is None:
            name = specs.kubernetes_name(pipeline.pipeline, pipeline.version)
            raise PachError(f'no pods belonging to the rc "{name}" were found')
        return worker.log.read(request.job.id, context if request.follow else None)


def _pipeline_info(state: State, pipeline: pps.PipelineInfo) -> pps.PipelineInfo:
    newest = owned(state.jobs, key(pipeline.pipeline))[:1]
    return changed(pipeline, last_job_state=newest[0].state) if newest else changed(pipeline)
