"""The PPS calls about jobs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import grpc

from localpach.api.describe import job_info
from localpach.backend import Calls
from localpach.errors import PachError
from localpach.messages import SECOND, Empty, commit_ref, copy_fields, job_ref, pipeline_ref, pps
from localpach.pfs import commits, commitsets
from localpach.pps import inputs, jobs, pipelines
from localpach.pps.jobs import Job
from localpach.pps.states import JobState
from localpach.refs import USER, JobRef, PipelineRef
from localpach.store.database import Txn
from localpach.waiting import wait_until


class JobCalls(Calls):
    """The PPS calls about jobs."""

    def InspectJob(self, request: pps.InspectJobRequest, context: grpc.ServicerContext) -> pps.JobInfo:
        """Describe a job; with ``wait`` after it has finished."""
        if not request.HasField("job"):
            raise PachError("must specify a job")
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
        """List jobs, newest first."""
        self._reject_filter(request)
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        with self._backend.db.read() as txn:
            versions = {(each.ref, each.version) for each in pipelines.list_all(txn, only, request.history)}
            found = [job for job in jobs.list_all(txn, only) if (job.ref.pipeline, job.version) in versions]
            if request.input_commit:
                sources = {str(commit_ref(each)) for each in request.input_commit}
                found = [job for job in found if sources <= _provenance_of_set(txn, job.ref.id)]
        projects = {each.name for each in request.projects}
        selected = (job for job in _page(found, request) if not projects or job.ref.pipeline.project in projects)
        for job in itertools.islice(selected, max(0, request.number) or None):
            yield self._describe(job, details=request.details)

    def ListJobSet(self, request: pps.ListJobSetRequest, context: grpc.ServicerContext) -> Iterator[pps.JobSetInfo]:
        """List jobs by commit set, newest first."""
        self._reject_filter(request)
        if request.number < 0:
            raise PachError("number must be non-negative")
        with self._backend.db.read() as txn:
            found = jobs.list_all(txn, None)
        uuids = dict.fromkeys(job.ref.id for job in _page(found, request))
        sets = (each for uuid in uuids if (each := self._job_set(uuid, request, context)).jobs)
        yield from itertools.islice(sets, request.number or None)

    def _job_set(self, uuid: str, request: pps.ListJobSetRequest, context: grpc.ServicerContext) -> pps.JobSetInfo:
        projects = {each.name for each in request.projects}
        members = pps.InspectJobSetRequest(job_set=pps.JobSet(id=uuid), details=request.details)
        infos = self.InspectJobSet(members, context)
        selected = (info for info in infos if not projects or info.job.pipeline.project.name in projects)
        return pps.JobSetInfo(job_set=members.job_set, jobs=selected)

    def SubscribeJob(self, request: pps.SubscribeJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """Stream the unfinished and future jobs of a pipeline."""
        if not request.pipeline.name:
            raise PachError("pipeline must be specified")
        ref = pipeline_ref(request.pipeline)
        db = self._backend.db
        newest: int | None = None
        with db.notifier.subscribe(("jobs of", ref)) as changed:
            context.add_callback(changed.set)
            while context.is_active() and not db.notifier.closed:
                changed.clear()
                with db.read() as txn:
                    fresh = jobs.unfinished(txn, ref) if newest is None else jobs.created_after(txn, ref, newest)
                    last = jobs.latest(txn, ref)
                newest = max(newest or 0, 0 if last is None else last.id)
                for job in fresh:
                    yield self._describe(job, details=request.details)
                if not fresh:
                    changed.wait(30.0)

    def DeleteJob(self, request: pps.DeleteJobRequest, context: grpc.ServicerContext) -> Empty:
        """Kill and delete a job."""
        if not request.HasField("job"):
            raise PachError("job cannot be nil")
        with self._backend.db.write() as txn:
            jobs.delete(txn, self._backend.content, job_ref(request.job))
        return Empty()

    def StopJob(self, request: pps.StopJobRequest, context: grpc.ServicerContext) -> Empty:
        """Kill a job."""
        self._perform(context, stop_job=request)
        return Empty()

    def UpdateJobState(self, request: pps.UpdateJobStateRequest, context: grpc.ServicerContext) -> Empty:
        """Set the state of a job, as workers of the real server do."""
        self._perform(context, update_job_state=request)
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


def _provenance_of_set(txn: Txn, uuid: str) -> set[str]:
    """Return the provenance of a commit set as text, which is all that the real server compares."""
    members = commitsets.members(txn, uuid, with_aliases=True)
    return {str(source) for commit in members for source in commits.direct_provenance(txn, commit)}


def _page(newest_first: list[Job], request: pps.ListJobRequest | pps.ListJobSetRequest) -> Iterator[Job]:
    """Yield the jobs in the order of the request, without those before its marker."""
    marker = request.paginationMarker if request.HasField("paginationMarker") else None
    limit = marker and int(marker.seconds) * SECOND + int(marker.nanos)
    for job in reversed(newest_first) if request.reverse else newest_first:
        if limit is None or (job.created > limit if request.reverse else job.created < limit):
            yield job
