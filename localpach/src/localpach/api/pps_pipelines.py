"""The PPS calls about pipelines and secrets."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from localpach.backend import Calls
from localpach.errors import NotFoundError, PachError
from localpach.messages import Empty, pipeline_message, pipeline_ref, pps, timestamp
from localpach.names import DEFAULT_PROJECT
from localpach.pfs import commits
from localpach.pps import jobs, lifecycle, pipelines, secrets
from localpach.pps.pipelines import Pipeline
from localpach.refs import SPEC, CommitRef, PipelineRef
from localpach.store.database import Txn

NO_PIPELINE = "request.Pipeline cannot be nil"


class PipelineCalls(Calls):
    """The PPS calls about pipelines and secrets."""

    def CreatePipeline(self, request: pps.CreatePipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Create or update a pipeline."""
        if not request.HasField("pipeline"):
            raise PachError(NO_PIPELINE)
        request.pipeline.project.name = request.pipeline.project.name or DEFAULT_PROJECT
        self._backend.check_new_pipeline(request)
        self._perform(context, create_pipeline=request)
        return Empty()

    def InspectPipeline(self, request: pps.InspectPipelineRequest, context: grpc.ServicerContext) -> pps.PipelineInfo:
        """Describe a pipeline."""
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
        self._reject_filter(request)
        projects = {each.name for each in request.projects}
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        found: list[pps.PipelineInfo] = []
        with self._backend.db.read() as txn:
            try:
                for pipeline in pipelines.list_all(txn, only, request.history):
                    if not projects or pipeline.ref.project in projects:
                        shown = self._as_of(txn, pipeline, request.commit_set.id)
                        if shown is not None:
                            found.append(shown)
            except NotFoundError as error:
                raise error.within("could not list pipeline info") from None
        yield from found

    def DeletePipeline(self, request: pps.DeletePipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a pipeline. It is stopped first and stays stopped if it cannot be deleted, as in the real server."""
        if request.all:
            self._delete_all(keep_repo=request.keep_repo, force=request.force, projects=None)
            return Empty()
        if not request.HasField("pipeline"):
            raise PachError(NO_PIPELINE)
        ref = pipeline_ref(request.pipeline)
        content = self._backend.content
        with self._backend.db.write() as txn:
            lifecycle.stop(txn, content, ref)
        with self._backend.db.write() as txn:
            lifecycle.delete(txn, content, [ref], keep_repo=request.keep_repo, force=request.force)
        return Empty()

    def DeletePipelines(
        self, request: pps.DeletePipelinesRequest, context: grpc.ServicerContext
    ) -> pps.DeletePipelinesResponse:
        """Delete all pipelines, or those of some projects, together."""
        projects = None if request.all else {each.name for each in request.projects}
        deleted = self._delete_all(keep_repo=request.keep_repo, force=request.force, projects=projects)
        return pps.DeletePipelinesResponse(pipelines=[pipeline_message(ref) for ref in deleted])

    def StartPipeline(self, request: pps.StartPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Start a stopped pipeline."""
        if not request.HasField("pipeline"):
            raise PachError(NO_PIPELINE)
        with self._backend.db.write() as txn:
            lifecycle.start(txn, pipeline_ref(request.pipeline))
        return Empty()

    def StopPipeline(self, request: pps.StopPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Stop a pipeline and kill its jobs."""
        if not request.HasField("pipeline"):
            raise PachError(NO_PIPELINE)
        with self._backend.db.write() as txn:
            lifecycle.stop(txn, self._backend.content, pipeline_ref(request.pipeline))
        return Empty()

    def RunPipeline(self, request: pps.RunPipelineRequest, context: grpc.ServicerContext) -> Empty:
        """Raise the error of the real server, which does not implement this call either."""
        raise PachError("unimplemented")

    def RunCron(self, request: pps.RunCronRequest, context: grpc.ServicerContext) -> Empty:
        """Raise PachError, since no pipeline here has a cron input."""
        with self._backend.db.read() as txn:
            pipelines.inspect(txn, pipeline_ref(request.pipeline))
        raise PachError("pipeline doesn't have a cron input")

    def DeleteAll(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """Delete all pipelines and secrets."""
        self._delete_all(keep_repo=False, force=True, projects=None)
        with self._backend.db.write() as txn:
            secrets.delete_all(txn)
        return Empty()

    def CreateSecret(self, request: pps.CreateSecretRequest, context: grpc.ServicerContext) -> Empty:
        """Create a secret."""
        with self._backend.db.write() as txn:
            secrets.create(txn, request.file)
        return Empty()

    def InspectSecret(self, request: pps.InspectSecretRequest, context: grpc.ServicerContext) -> pps.SecretInfo:
        """Describe a secret without its data."""
        with self._backend.db.read() as txn:
            return _secret_info(secrets.inspect(txn, request.secret.name))

    def ListSecret(self, request: Empty, context: grpc.ServicerContext) -> pps.SecretInfos:
        """List all secrets without their data."""
        with self._backend.db.read() as txn:
            return pps.SecretInfos(secret_info=[_secret_info(each) for each in secrets.list_all(txn)])

    def DeleteSecret(self, request: pps.DeleteSecretRequest, context: grpc.ServicerContext) -> Empty:
        """Delete a secret."""
        with self._backend.db.write() as txn:
            secrets.delete(txn, request.secret.name)
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

    def _as_of(self, txn: Txn, pipeline: Pipeline, commit_set: str) -> pps.PipelineInfo | None:
        if not commit_set:
            return self._info(txn, pipeline)
        try:
            spec = commits.resolve(txn, CommitRef(pipeline.ref.repo(SPEC), commit_set))
        except NotFoundError:
            return None
        version = pipelines.at_spec_commit(txn, pipeline.ref, spec.uuid)
        if version is None:
            return None
        info = version.message()
        for job in jobs.list_all(txn, pipeline.ref):
            if job.version <= version.version:
                info.last_job_state = int(job.state)
                break
        return info

    def _delete_all(self, *, keep_repo: bool, force: bool, projects: set[str] | None) -> list[PipelineRef]:
        backend = self._backend
        with backend.db.read() as txn:
            refs = [each.ref for each in pipelines.current(txn) if projects is None or each.ref.project in projects]
        for ref in refs:
            with backend.db.write() as txn:
                lifecycle.stop(txn, backend.content, ref)
        with backend.db.write() as txn:
            lifecycle.delete(txn, backend.content, refs, keep_repo=keep_repo, force=force)
        return refs


def _secret_info(secret: secrets.Secret) -> pps.SecretInfo:
    info = pps.SecretInfo(type=secret.type, creation_timestamp=timestamp(secret.created))
    info.secret.name = secret.name
    return info
