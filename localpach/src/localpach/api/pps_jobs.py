"""The PPS calls about jobs, datums and logs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import grpc

from localpach.api.describe import job_info
from localpach.api.serving import active_transaction
from localpach.errors import NotFoundError, PachError, UnimplementedError
from localpach.messages import (
    Empty,
    commit_message,
    commit_ref,
    job_ref,
    nanoseconds,
    pipeline_ref,
    pps,
)
from localpach.messages import transaction as tx
from localpach.pfs import commits, commitsets
from localpach.pfs.commits import Commit
from localpach.pfs.listing import Tree
from localpach.pps import datums, inputs, jobs, pipelines
from localpach.pps.jobs import Job
from localpach.pps.logs import Wanted
from localpach.pps.master import pod_name
from localpach.pps.states import DatumState, JobState
from localpach.pps.validation import kubernetes_name
from localpach.refs import META, USER, CommitRef, JobRef, PipelineRef
from localpach.service import Service
from localpach.store.database import Txn
from localpach.waiting import wait_until

SECOND = 1_000_000_000
JOB_CLOCK_SKEW = 3600 * SECOND
# What of a pipeline's details is shown in those of its jobs.
_COPIED = [
    "transform",
    "parallelism_spec",
    "resource_requests",
    "resource_limits",
    "sidecar_resource_limits",
    "sidecar_resource_requests",
    "input",
    "salt",
    "datum_set_spec",
    "datum_timeout",
    "job_timeout",
    "datum_tries",
    "scheduling_spec",
    "pod_spec",
    "pod_patch",
]


class JobCalls:
    """Jobs, datums and logs."""

    _service: Service

    def InspectJob(self, request: pps.InspectJobRequest, context: grpc.ServicerContext) -> pps.JobInfo:
        """A job; with ``wait`` once it is over."""
        if not request.HasField("job"):
            raise PachError("must specify a job")
        ref = job_ref(request.job)
        with self._service.db.read() as txn:
            job = jobs.get(txn, ref)
        if request.wait:
            job = self._when_over(ref, context)
        return self._described(job, details=request.details)

    def InspectJobSet(self, request: pps.InspectJobSetRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """The jobs of a commit set, upstream first; with ``wait`` each once its commit is finished."""
        uuid = request.job_set.id
        with self._service.db.read() as txn:
            members = commitsets.members(txn, uuid, with_aliases=True)
            rest = [job.ref for job in jobs.with_id(txn, uuid)] if not members else []
        for commit in members:
            if request.wait and commit.finished is None:
                self._service.reader.wait_finished(commit, context)
            if commit.repo.type == USER:
                rest.append(JobRef(PipelineRef(commit.repo.name, commit.repo.project), uuid))
        for ref in rest:
            with self._service.db.read() as txn:
                job = jobs.find(txn, ref)
            if job is not None:
                yield self._described(job, details=request.details)

    def ListJob(self, request: pps.ListJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """Jobs, newest first."""
        if request.jqFilter:
            raise UnimplementedError("localpach has no jq filters: filter the answer instead")
        only = pipeline_ref(request.pipeline) if request.HasField("pipeline") else None
        with self._service.db.read() as txn:
            versions = {(each.ref, each.version) for each in pipelines.listed(txn, only, request.history)}
            found = [job for job in jobs.listed(txn, only) if (job.ref.pipeline, job.version) in versions]
            if request.input_commit:
                sources = {str(commit_ref(each)) for each in request.input_commit}
                found = [job for job in found if sources <= _sources_of_set(txn, job.ref.id)]
        projects = {each.name for each in request.projects}
        border = request.paginationMarker if request.HasField("paginationMarker") else None
        sent = 0
        for job in reversed(found) if request.reverse else found:
            if request.number and sent == request.number:
                return
            if projects and job.ref.pipeline.project not in projects:
                continue
            if border is not None and not _is_past(job, border, reverse=request.reverse):
                continue
            sent += 1
            yield self._described(job, details=request.details)

    def ListJobSet(self, request: pps.ListJobSetRequest, context: grpc.ServicerContext) -> Iterator[pps.JobSetInfo]:
        """Jobs by commit set, newest first."""
        if request.jqFilter:
            raise UnimplementedError("localpach has no jq filters: filter the answer instead")
        if request.number < 0:
            raise PachError("number must be non-negative")
        with self._service.db.read() as txn:
            found = jobs.listed(txn, None)
        projects = {each.name for each in request.projects}
        border = request.paginationMarker if request.HasField("paginationMarker") else None
        seen: set[str] = set()
        sent = 0
        for job in reversed(found) if request.reverse else found:
            if request.number and sent == request.number:
                return
            if job.ref.id in seen:
                continue
            seen.add(job.ref.id)
            if border is not None and not _is_past(job, border, reverse=request.reverse):
                continue
            members = pps.InspectJobSetRequest(job_set=pps.JobSet(id=job.ref.id), details=request.details)
            infos = [
                info
                for info in self.InspectJobSet(members, context)
                if not projects or info.job.pipeline.project.name in projects
            ]
            if infos:
                sent += 1
                yield pps.JobSetInfo(job_set=pps.JobSet(id=job.ref.id), jobs=infos)

    def SubscribeJob(self, request: pps.SubscribeJobRequest, context: grpc.ServicerContext) -> Iterator[pps.JobInfo]:
        """The unfinished jobs of a pipeline and those to come."""
        if not request.pipeline.name:
            raise PachError("pipeline must be specified")
        ref = pipeline_ref(request.pipeline)
        db = self._service.db
        seen: set[int] = set()
        with db.changes.watching(("jobs of", ref)) as changed:
            context.add_callback(changed.set)
            while context.is_active() and not db.changes.closed:
                changed.clear()
                with db.read() as txn:
                    fresh = [job for job in jobs.unfinished(txn, ref) if job.id not in seen]
                for job in fresh:
                    seen.add(job.id)
                    yield self._described(job, details=request.details)
                if not fresh:
                    changed.wait(30.0)

    def RestartDatum(self, request: pps.RestartDatumRequest, context: grpc.ServicerContext) -> Empty:
        """Refused for every job that exists."""
        if not request.HasField("job"):
            raise PachError("must specify a job")
        with self._service.db.read() as txn:
            jobs.get(txn, job_ref(request.job))
        raise UnimplementedError("localpach cannot restart one datum: stop the job and start the pipeline again")

    def DeleteJob(self, request: pps.DeleteJobRequest, context: grpc.ServicerContext) -> Empty:
        """Kill a job and forget it."""
        if not request.HasField("job"):
            raise PachError("job cannot be nil")
        with self._service.db.write() as txn:
            jobs.delete(txn, self._service.content, job_ref(request.job))
        return Empty()

    def StopJob(self, request: pps.StopJobRequest, context: grpc.ServicerContext) -> Empty:
        """Kill a job."""
        self._service.perform(active_transaction(context), tx.TransactionRequest(stop_job=request))
        return Empty()

    def UpdateJobState(self, request: pps.UpdateJobStateRequest, context: grpc.ServicerContext) -> Empty:
        """Give a job another state, as workers of the real server do."""
        self._service.perform(active_transaction(context), tx.TransactionRequest(update_job_state=request))
        return Empty()

    def InspectDatum(self, request: pps.InspectDatumRequest, context: grpc.ServicerContext) -> pps.DatumInfo:
        """A datum of a job."""
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
        """The datums of a job, or those that an input has."""
        if request.HasField("job") and request.HasField("input"):
            raise PachError("cannot specify both job and input")
        if request.number == 0 and request.reverse:
            raise PachError("number must be > 0 when reverse is set")
        if request.HasField("input"):
            infos = self._datums_of_input(request.input, context)
        else:
            ref = job_ref(request.job)
            infos = [datums.message(record, ref) for record in self._datums_of(ref)[1]]
        wanted = set(request.filter.state)
        infos = [info for info in infos if not wanted or info.state in wanted]
        marker = request.paginationMarker
        if request.reverse:
            before = (info for info in infos if not marker or info.datum.id < marker)
            yield from reversed(deque(before, maxlen=request.number))
            return
        after = [info for info in infos if not marker or info.datum.id > marker]
        yield from after[: request.number] if request.number else after

    def GetLogs(self, request: pps.GetLogsRequest, context: grpc.ServicerContext) -> Iterator[pps.LogMessage]:
        """The lines that live workers have logged."""
        if request.use_loki_backend:
            raise PachError("loki not configured, is it running in the same namespace as pachd?")
        pipeline, wanted = self._wanted_lines(request)
        if pipeline is None:
            raise PachError('no pods belonging to the rc "pachd" were found')
        name = kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)
        if not self._service.logs.is_open(pipeline.id):
            raise PachError(f'no pods belonging to the rc "{name}" were found')
        if request.HasField("since") and 0 < nanoseconds(request.since) < SECOND:
            raise PachError(
                f'PodLogOptions "{pod_name(pipeline)}" is invalid: sinceSeconds: Invalid value: 0: '
                "must be greater than 0"
            )
        if request.follow:
            yield from self._service.logs.follow(pipeline.id, wanted, context)
        else:
            yield from self._service.logs.read(pipeline.id, wanted)

    def _wanted_lines(self, request: Any) -> tuple[pipelines.Pipeline | None, Wanted]:
        has_job, has_pipeline = request.HasField("job"), request.HasField("pipeline")
        if not has_job and not has_pipeline:
            if request.data_filters or request.HasField("datum"):
                raise PachError("must specify the Job or Pipeline that the datum is from to get logs for it")
            return None, Wanted()
        if has_job and not request.job.pipeline.name:
            raise PachError("pipeline must be specified for the given job")
        given = pipeline_ref(request.pipeline) if has_pipeline else None
        job = job_ref(request.job) if has_job else None
        if job is not None and given is not None and job.pipeline != given:
            raise PachError("job is from the wrong pipeline")
        since = nanoseconds(request.since) if request.HasField("since") else 0
        start = time.time_ns() - since if since else 0
        with self._service.db.read() as txn:
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
        return pipeline, Wanted(
            pipeline=given,
            job=job,
            datum=request.datum.id,
            data_filters=tuple(request.data_filters),
            master=request.master,
            tail=request.tail,
            since=start,
        )

    def _when_over(self, ref: JobRef, context: grpc.ServicerContext) -> Job:
        def over(txn: Txn) -> Job | None:
            job = jobs.find(txn, ref)
            if job is None:
                raise PachError(f"job {ref.id} was deleted")
            return job if job.state.final else None

        return wait_until(self._service.db, context, ("job", ref), over)

    def _described(self, job: Job, *, details: bool) -> pps.JobInfo:
        info = job_info(job)
        if not details:
            return info
        with self._service.db.read() as txn:
            pipeline = pipelines.get_version(txn, job.ref.pipeline, job.version)
        given = pipeline.message().details
        info.details.SetInParent()
        for field, value in given.ListFields():
            if field.name in _COPIED:
                target = getattr(info.details, field.name)
                if field.message_type is not None:
                    target.CopyFrom(value)
                else:
                    setattr(info.details, field.name, value)
        for node in inputs.visit(info.details.input if info.details.HasField("input") else None):
            if node.HasField("pfs"):
                node.pfs.commit = job.ref.id
        worker = self._service.master.worker(pipeline)
        if job.state == JobState.RUNNING and worker is not None and worker.running_job == job.ref.id:
            info.details.worker_status.add(worker_id=worker.name_of_pod, job_id=job.ref.id)
        return info

    def _datums_of(self, ref: JobRef) -> tuple[Job, list[datums.DatumRecord]]:
        with self._service.db.read() as txn:
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
            opened = self._service.reader.open(ref, context)
            if opened.commit is None:
                raise NotFoundError(f"commit {ref} not found")
            return opened.commit, opened.tree

        infos = []
        for datum in datums.of_input(root, "", opener):
            info = pps.DatumInfo(state=int(DatumState.UNKNOWN))
            info.datum.id = datum.id
            for each in datum.inputs:
                info.data.add().ParseFromString(each.info)
            infos.append(info)
        return infos


def _sources_of_set(txn: Txn, uuid: str) -> set[str]:
    """What the commits of a set are made from, as text: the real server compares no more than that of a commit."""
    members = commitsets.members(txn, uuid, with_aliases=True)
    return {str(source) for commit in members for source in commits.direct_provenance(txn, commit)}


def _is_past(job: Job, border: Any, *, reverse: bool) -> bool:
    limit = int(border.seconds) * SECOND + int(border.nanos)
    return job.created > limit if reverse else job.created < limit
