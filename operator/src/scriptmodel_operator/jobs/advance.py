"""Carries on what was applied: jobs for new versions of the inputs, attempts at their runs, results and retries.

Each step is derived from the records, the bucket and the Jobs that exist, and is recorded before what follows from it
is done. So it may be killed between any two calls, and of two operators one is refused by the resourceVersion.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from scriptmodel_operator.engine.errors import ConflictError, EngineError, RefusedError
from scriptmodel_operator.engine.values import JobState, PipelineRef
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Listing, Records, Stored
from scriptmodel_operator.jobs.document import attempt_prefix
from scriptmodel_operator.jobs.manifest import combined
from scriptmodel_operator.jobs.planning import MayRead, Planning, Round
from scriptmodel_operator.jobs.pods import IN_QUEUE
from scriptmodel_operator.jobs.ports import Bucket
from scriptmodel_operator.jobs.records import JobRecord, PipelineRecord, RunRecord, RunState, Version
from scriptmodel_operator.jobs.runs import Attempt, AttemptState, Run
from scriptmodel_operator.jobs.store import Versions

log = logging.getLogger(__name__)


class Advance:
    """Carries on all pipelines. For one thread; blocking."""

    def __init__(
        self, records: Records, bucket: Bucket, versions: Versions, attempts: Attempts, may_read: MayRead
    ) -> None:
        self._planning = Planning(versions, may_read)
        self._records = records
        self._bucket = bucket
        self._versions = versions
        self._attempts = attempts
        self.blocked: Mapping[PipelineRef, str] = {}
        """Why a pipeline makes no progress, as of the newest call of `settle`."""

    def settle(self, listing: Listing, beat: Callable[[], None]) -> None:
        """Carry on each pipeline by one step, and put what is recorded then into the listing.

        An error of one pipeline keeps no other from its step.
        """
        now, blocked = Round(listing), dict[PipelineRef, str]()
        for ref in sorted(listing.pipelines, reverse=True):  # `train` before `generate`, which reads it
            beat()
            try:
                listing.pipelines[ref], waits = self._step(listing.pipelines[ref], now)
            except ConflictError:
                continue  # somebody else has changed it: the next poll shows how
            except Exception as error:  # people may edit records, and must not stop those of others by that
                waits = str(error) if isinstance(error, EngineError) else f"its record makes no sense: {error!r}"
                if self.blocked.get(ref) != waits:
                    log.warning("pipeline %s: %s", ref, waits, exc_info=not isinstance(error, EngineError))
            if waits:
                blocked[ref] = waits
        self.blocked = blocked

    def _step(self, stored: Stored[PipelineRecord], now: Round) -> tuple[Stored[PipelineRecord], str]:
        """Return the record after one step, and why its job waits, if that is known."""
        stored = self._records.put(stored, self._planning.with_job(stored.record, now))
        if not stored.record.has_work:
            return stored, ""
        if stored.record.ref.project not in now.attempts:
            now.attempts[stored.record.ref.project] = self._attempts.listed(stored.record.ref.project)
        stored = self._clean(stored, now)
        job = next(iter(stored.record.unfinished), None)
        return self._carry_on(stored, job, now) if job else (stored, "")

    def _clean(self, stored: Stored[PipelineRecord], now: Round) -> Stored[PipelineRecord]:
        """Stop the attempts of jobs that have ended, and those that no record has any more."""
        record, ended = stored.record, self._strangers(stored.record, now)
        for job in (job for job in record.jobs if job.state.final and any(run.state.active for run in job.runs)):
            ended += now.attempts_at(record, job).values()
            runs = (replace(run, state=RunState.STOPPED) if run.state.active else run for run in job.runs)
            record = record.with_job(replace(job, runs=tuple(runs)))
        for attempt in ended:
            self._attempts.stop(record.ref.project, attempt.name)
        return self._records.put(stored, record)

    def _strangers(self, record: PipelineRecord, now: Round) -> list[Attempt]:
        """Return the attempts that another operator, which was held up, started after somebody stopped them."""
        listed = [each for each in now.attempts[record.ref.project] if each.pipeline == record.ref.name]
        unknown = [each for each in listed if not each.state.ended and not record.knows(each.hash, each.number)]
        newest = self._records.pipeline(record.ref) if unknown else None  # a Job is recorded before it is created
        return [each for each in unknown if newest and not newest.record.knows(each.hash, each.number)]

    def _carry_on(
        self, stored: Stored[PipelineRecord], job: JobRecord, now: Round
    ) -> tuple[Stored[PipelineRecord], str]:
        """Record what became of the attempts of a job, then start more or end the job."""
        record, found = stored.record, now.attempts_at(stored.record, job)
        runs = [self._observed(record, job, run, found.get(run.folder), now) for run in job.runs]
        failed = next((run for run in runs if run.state is RunState.FAILED), None)
        if failed is None:
            runs = self._with_starts(record, runs, now)
        changed = self._job_of(record, job, runs, found)
        done = {run.folder for run in runs if run.state is RunState.DONE}
        for folder, attempt in found.items():
            if attempt.state.ended:  # whoever repeats this finds the result in the bucket, or the Job for a day
                self._attempts.end(record.ref.project, attempt.name, done=folder in done)
        stored = self._records.put(stored, record.with_job(changed))
        self._count(job.runs, changed.runs, found)
        waits = ""
        for run in changed.runs if not changed.state.final else ():
            known = found.get(run.folder)
            if run.state is RunState.STARTING:
                self._attempts.start(self._run(record, changed, run, now), run.attempt, stored.owner)
            elif run.state is RunState.RUNNING:
                self._attempts.renew(self._run(record, changed, run, now), run.attempt)
                waits = waits or (known.reason if known and known.state is AttemptState.WAITING else "")
        waits = "" if changed.queued and changed.state.waiting else waits  # its queue is reported otherwise
        return stored, waits

    def _count(self, before: Sequence[RunRecord], runs: Sequence[RunRecord], found: Mapping[str, Attempt]) -> None:
        for old, new in zip(before, runs, strict=True):
            attempt = found.get(old.folder)
            if attempt and attempt.state.ended:
                self._attempts.count(attempt.state.value)
            elif old.state is RunState.RUNNING and not attempt:  # somebody deleted its Job
                self._attempts.count(AttemptState.LOST.value)
            if new.state is RunState.STARTING and new.attempt != old.attempt:
                self._attempts.count("started")

    def _observed(
        self, record: PipelineRecord, job: JobRecord, run: RunRecord, attempt: Attempt | None, now: Round
    ) -> RunRecord:
        """Return a run after what became of its attempt, whose result is in the bucket then."""
        if not run.state.active or (attempt is None and self._is_to_start(record, run)):
            return run
        if attempt is None or attempt.state is AttemptState.LOST:  # or it is done, and its result will be found
            return replace(run, state=RunState.PENDING)
        if attempt.state in (AttemptState.WAITING, AttemptState.RUNNING):
            return replace(run, state=RunState.RUNNING)
        if attempt.state is AttemptState.SUCCEEDED:
            try:
                manifest = self._attempts.take(self._run(record, job, run, now), run.attempt)
            except RefusedError as error:
                attempt = replace(attempt, state=AttemptState.FAILED, reason=str(error))
            else:
                kept = self._versions.keep_result(record.ref.project, run.hash, run.attempt, manifest)
                return replace(run, state=RunState.DONE, manifest=kept)
        tries = run.tries + 1
        over = attempt.state is AttemptState.REFUSED or tries >= record.spec.datums.tries
        return replace(run, state=RunState.FAILED if over else RunState.PENDING, tries=tries, reason=attempt.reason)

    def _is_to_start(self, record: PipelineRecord, run: RunRecord) -> bool:
        """Return whether an attempt that is not listed was not created, rather than deleted, or done already."""
        if run.state is not RunState.STARTING:
            return False
        result = self._versions.result(record.ref.project, run.hash)
        return result is None or result.attempt != run.attempt

    def _with_starts(self, record: PipelineRecord, runs: list[RunRecord], now: Round) -> list[RunRecord]:
        """Return the runs with the attempts that are to be started, and with results of earlier jobs."""
        namespace, active = record.ref.project, sum(run.state.active for run in runs)
        found = []
        for run in runs:
            if run.state is not RunState.PENDING or active >= max(1, record.spec.datums.workers):
                found.append(run)
            elif (result := self._versions.result(namespace, run.hash)) and result.attempt > run.after:
                done = replace(run, state=RunState.DONE, reused=not run.attempt)
                found.append(replace(done, attempt=result.attempt, manifest=result.manifest))
            else:
                active += 1
                found.append(replace(run, state=RunState.STARTING, attempt=self._next(record, run, now)))
        return found

    def _next(self, record: PipelineRecord, run: RunRecord, now: Round) -> int:
        """Return the number of the next attempt: nothing of it is in the bucket, in Kubernetes, or in the record."""
        namespace = record.ref.project
        prefix = attempt_prefix(namespace, run.hash, 0).removesuffix("0/")
        stored = (key.removeprefix(prefix).partition("/")[0] for key in self._bucket.sizes(prefix))
        listed = (each.number for each in now.attempts[namespace] if each.hash == run.hash)
        recorded = (each.attempt for job in record.jobs for each in job.runs if each.hash == run.hash)
        return 1 + max(run.attempt, run.after, *listed, *recorded, *(int(each) for each in stored if each.isdecimal()))

    def _run(self, record: PipelineRecord, job: JobRecord, run: RunRecord, now: Round) -> Run:
        inputs = self._planning.read(record, job, run.folder, now)
        return Run(record.ref.project, record.spec, record.version, run.hash, inputs)

    def _job_of(
        self, record: PipelineRecord, job: JobRecord, runs: list[RunRecord], found: Mapping[str, Attempt]
    ) -> JobRecord:
        """Return the job with these runs, and its state."""
        at = datetime.now(UTC)
        runs_now = any(each.state is AttemptState.RUNNING or each.started for each in found.values())
        # Not the time of the kubelet, whose clock may be another one.
        job = replace(job, runs=tuple(runs), started=job.started or (at if runs_now else None))
        queued = bool(found) and all(each.reason.startswith(IN_QUEUE) for each in found.values())
        job = replace(job, queued=queued, released=job.released or (at if job.queued and not queued else None))
        failed = next((run for run in runs if run.state is RunState.FAILED), None)
        if failed is not None:
            trial = "" if failed.folder == "/" else f"trial {failed.folder[1:]}: "
            return job.end(JobState.FAILURE, f"{trial}{failed.reason}", at)
        if all(run.state is RunState.DONE for run in runs):
            return self._succeeded(record, job, at)
        if job.started:
            return replace(job, state=JobState.RUNNING)
        return replace(job, state=JobState.STARTING) if any(run.state.active for run in runs) else job

    def _succeeded(self, record: PipelineRecord, job: JobRecord, at: datetime) -> JobRecord:
        namespace = record.ref.project
        made_from = tuple((str(each.repo), each.version) for each in job.inputs)
        try:
            whole = combined(self._versions.load(namespace, run.manifest) for run in job.runs)
        except RefusedError as error:
            return job.end(JobState.FAILURE, str(error), at)
        whole = self._versions.compacted(namespace, replace(whole, made_from=made_from))
        self._versions.store(namespace, whole)
        output = Version(job.id, whole.id, at, whole.size, whole.content, made_from)
        job = replace(job, output=output, skipped=sum(run.reused for run in job.runs), started=job.started or at)
        return job.end(JobState.SUCCESS, "", at)
