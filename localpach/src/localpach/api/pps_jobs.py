"""The PPS calls about jobs."""

import itertools
from collections.abc import Iterator

import grpc

from localpach.api.describe import job_info
from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import Empty, copy_fields, job_ref, pipeline_ref, pps
from localpach.pfs import commitsets
from localpach.pps import inputs, jobs, pipelines
from localpach.pps.jobs import Job
from localpach.pps.states import JobState
from localpach.refs import USER, JobRef, PipelineRef
from localpach.store.database import Txn
from localpach.waiting import wait_until


class JobCalls(Calls):
    def InspectJob(self, request: pps.InspectJobRequest, context: grpc.ServicerContext) -> pps.JobInfo:
        ref = job_ref(request.job)
        with self._backend.db.read() as txn:
            job = jobs.get(txn, ref)
        if request.wait:
            job = self._wait_finished(ref, context)
        return self._describe(job, details=request.details)

    def InspectJobSet(self, request: pps.InspectJobSetRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """Stream the jobs of a commit set in topological order; with ``wait`` each after its commit is finished."""
        uuid = request.job_set.id
        with self._backend.db.read() as txn:
            members = commitsets.members(txn, uuid, with_aliases=True)
            refs = [job.ref for job in jobs.with_id(txn, uuid)] if not members else []
        for commit in members:
            if request.wait and commit.finished is None:
                self._backend.reader.wait_finished(commit, context)
            if commit.repo.type == USER:
                refs.append(JobRef(PipelineRef(commit.repo.name, commit.repo.project), uuid))
        for ref in refs:
            with self._backend.db.read() as txn:
                job = jobs.find(txn, ref)
            if job is not None:
                yield self._describe(job, details=request.details)

    def ListJob(self, request: pps.ListJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        with self._backend.db.read() as txn:
            versions = {(each.ref, each.version) for each in pipelines.list_all(txn, only, request.history)}
            found = [job for job in jobs.list_all(txn, only) if (job.ref.pipeline, job.version) in versions]
        projects = {each.name for each in request.projects}
        selected = (job for job in found if not projects or job.ref.pipeline.project in projects)
        for job in itertools.islice(selected, max(0, request.number) or None):
            yield self._describe(job, details=request.details)

    def ListJobSet(self, request: pps.ListJobSetRequest, context: grpc.ServicerContext) -> Iterator[pps.JobSetInfo]:
        """List jobs by commit set, newest first."""
        with self._backend.db.read() as txn:
            found = jobs.list_all(txn, None)
        uuids = dict.fromkeys(job.ref.id for job in found)
        sets = (each for uuid in uuids if (each := self._job_set(uuid, request, context)).jobs)
        yield from itertools.islice(sets, max(0, request.number) or None)

    def _job_set(self, uuid: str, request: pps.ListJobSetRequest, context: grpc.ServicerContext) -> pps.JobSetInfo:
        projects = {each.name for each in request.projects}
        members = pps.InspectJobSetRequest(job_set=pps.JobSet(id=uuid), details=request.details)
        infos = self.InspectJobSet(members, context)
        selected = (info for info in infos if not projects or info.job.pipeline.project.name in projects)
        return pps.JobSetInfo(job_set=members.job_set, jobs=selected)

    def DeleteJob(self, request: pps.DeleteJobRequest, context: grpc.ServicerContext) -> Empty:
        """Kill and delete a job."""
        with self._backend.db.write() as txn:
            jobs.delete(txn, self._backend.content, job_ref(request.job))
        return Empty()

    def StopJob(self, request: pps.StopJobRequest, context: grpc.ServicerContext) -> Empty:
        self._perform(context, stop_job=request)
        return Empty()

    def _wait_finished(self, ref: JobRef, context: grpc.ServicerContext) -> Job:
        def finished(txn: Txn) -> Job | None:
            job = jobs.find(txn, ref)
            if job is None:
                raise PachError(f"job {ref.id} was deleted")
            return job if job.state.final else None

        return wait_until(self._backend.db, context, ("job", ref), finished)

    def _describe(self, job: Job, *, details: bool) -> pps.JobInfo:
        info = job_info(job)
        if not details:
            return info
        with self._backend.db.read() as txn:
            pipeline = pipelines.get_version(txn, job.ref.pipeline, job.version)
        info.details.SetInParent()
        copy_fields(pipeline.message().details, info.details)
        for node in inputs.visit(info.details.input if info.details.HasField("input") else None):
            if node.HasField("pfs"):
                node.pfs.commit = job.ref.id
        worker = self._backend.master.worker(pipeline)
        if job.state == JobState.RUNNING and worker is not None and worker.running_job == job.ref.id:
            info.details.worker_status.add(worker_id=worker.pod_name, job_id=job.ref.id)
        return info
