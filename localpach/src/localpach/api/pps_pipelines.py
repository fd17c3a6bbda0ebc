"""The PPS calls about pipelines."""

from collections.abc import Iterator

import grpc

from localpach.backend import Calls
from localpach.errors import NotFoundError
from localpach.messages import Empty, pipeline_ref, pps
from localpach.names import DEFAULT_PROJECT
from localpach.pps import jobs, lifecycle, pipelines
from localpach.pps.pipelines import Pipeline
from localpach.store.database import Txn


class PipelineCalls(Calls):
    def CreatePipeline(self, request: pps.CreatePipelineRequest, context: grpc.ServicerContext) -> Empty:
        request.pipeline.project.name = request.pipeline.project.name or DEFAULT_PROJECT
        self._perform(context, create_pipeline=request)
        return Empty()

    def InspectPipeline(self, request: pps.InspectPipelineRequest, context: grpc.ServicerContext) -> pps.PipelineInfo:
        with self._backend.db.read() as txn:
            pipeline = pipelines.inspect(txn, pipeline_ref(request.pipeline))
            info = self._info(txn, pipeline)
        if not request.details:
            info.ClearField("details")
            return info
        self._add_workers(pipeline, info)
        return info

    def ListPipeline(
        self, request: pps.ListPipelineRequest, context: grpc.ServicerContext
    ) -> Iterator[pps.PipelineInfo]:
        """List pipelines, newest first."""
        projects = {each.name for each in request.projects}
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        found: list[pps.PipelineInfo] = []
        with self._backend.db.read() as txn:
            try:
                for pipeline in pipelines.list_all(txn, only, request.history):
                    if not projects or pipeline.ref.project in projects:
                        found.append(self._info(txn, pipeline))
            except NotFoundError as error:
                raise error.within("could not list pipeline info") from None
        yield from found

    def DeletePipeline(self, request: pps.DeletePipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a pipeline. It is stopped first and stays stopped if it cannot be deleted, as in the real server."""
        ref = pipeline_ref(request.pipeline)
        content = self._backend.content
        with self._backend.db.write() as txn:
            lifecycle.stop(txn, content, ref)
        with self._backend.db.write() as txn:
            lifecycle.delete(txn, content, [ref], keep_repo=request.keep_repo, force=request.force)
        return Empty()

    def StartPipeline(self, request: pps.StartPipelineRequest, context: grpc.ServicerContext) -> Empty:
        with self._backend.db.write() as txn:
            lifecycle.start(txn, pipeline_ref(request.pipeline))
        return Empty()

    def StopPipeline(self, request: pps.StopPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Stop a pipeline and kill its jobs."""
        with self._backend.db.write() as txn:
            lifecycle.stop(txn, self._backend.content, pipeline_ref(request.pipeline))
        return Empty()

    def _info(self, txn: Txn, pipeline: Pipeline) -> pps.PipelineInfo:
        info = pipeline.message()
        latest = jobs.latest(txn, pipeline.ref)
        if latest is not None:
            info.last_job_state = int(latest.state)
        return info

    def _add_workers(self, pipeline: Pipeline, info: pps.PipelineInfo) -> None:
        worker = self._backend.master.worker(pipeline)
        workers = pipelines.expected_workers(info.details)
        info.details.workers_requested = pipeline.parallelism
        info.details.workers_available = workers if worker is not None else 0
