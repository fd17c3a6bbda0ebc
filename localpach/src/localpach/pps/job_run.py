"""Execution of one job: waiting for its inputs, running its datums, finishing its commits."""

import time
from collections.abc import Iterable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from localpach.errors import DataLossError, JobFinishedError, NotFoundError, PachError
from localpach.messages import duration, nanoseconds, pps
from localpach.pfs import commits
from localpach.pfs.commits import Commit
from localpach.pfs.filesets import Changes
from localpach.pfs.listing import Tree
from localpach.pps import datums, inputs, jobs
from localpach.pps.datums import Datum, DatumInput, DatumRecord
from localpach.pps.execution import Cancellation, CancelledError, Outcome, WorkerContext
from localpach.pps.jobs import Counts, Job
from localpach.pps.logs import Writer
from localpach.pps.pipelines import Pipeline, expected_workers
from localpach.pps.reuse import Base, find_base, paths_by_datum
from localpach.pps.runner import DatumRunner
from localpach.pps.states import DatumState, JobState
from localpach.pps.validation import EVERY_JOB
from localpach.refs import CommitRef, RepoRef
from localpach.store.database import Txn


class JobRun:
    """The execution of one job. ``tmp`` is the worker's `/tmp`."""

    def __init__(self, shared: WorkerContext, pipeline: Pipeline, job: Job, tmp: Path, log: Writer) -> None:
        self._shared = shared
        self._job = job
        self._details = pipeline.message().details
        self._log = log
        self._counts = Counts()
        self._stats = pps.ProcessStats()
        self._failed: list[str] = []
        self.cancelled = Cancellation()
        self._runner = DatumRunner(shared.machine, job.ref, self._details, tmp, self.cancelled)

    def run(self) -> None:
        """Run the job, whichever state an earlier run of the server has left it in."""
        try:
            self._run_to_end()
        except (JobFinishedError, CancelledError):
            self._log.system("the job was stopped or deleted")

    def _run_to_end(self) -> None:
        try:
            self._start()
            self._await_inputs()
            self._process_and_end()
        except (NotFoundError, DataLossError) as error:
            with self._shared.db.write() as txn:
                job = self._current_job(txn)  # CancelledError if it was deleted together with its input
                cause = "was deleted" if isinstance(error, NotFoundError) else "is damaged"
                reason = f"unrunnable because an input {cause}: {error}"
                jobs.end(txn, self._shared.content, job, JobState.UNRUNNABLE, reason)
            self._log.system(reason)

    def _start(self) -> None:
        with self._shared.db.write() as txn:
            job = self._current_job(txn)
            if job.state == JobState.CREATED:
                jobs.set_state(txn, job, JobState.STARTING)
            elif job.state in (JobState.RUNNING, JobState.FINISHING):
                jobs.restart(txn, job)
                for commit in (jobs.output_commit(txn, job), jobs.meta_commit(txn, job)):
                    if commit is not None and commit.finishing is None:
                        self._shared.content.clear(txn, commit)
                        txn.db.execute("DELETE FROM datums WHERE commit_id = ?", (commit.id,))

    def _await_inputs(self) -> None:
        failed: list[str] = []
        for node in inputs.visit(self._input()):
            if node.HasField("pfs"):
                repo = RepoRef(node.pfs.project, node.pfs.repo, node.pfs.repo_type)
                commit = self._await_commit(CommitRef(repo, self._job.ref.id))
                if commit.error:
                    failed.append(node.pfs.name)
        with self._shared.db.write() as txn:
            job = self._current_job(txn)
            if failed:
                names = ", ".join(failed)
                reason = f"unrunnable because the following upstream pipelines failed: {names}"
                jobs.end(txn, self._shared.content, job, JobState.UNRUNNABLE, reason)
                self._log.system(reason)
            elif job.state == JobState.STARTING:
                jobs.set_state(txn, job, JobState.RUNNING)
        if failed:
            raise CancelledError

    def _await_commit(self, ref: CommitRef) -> Commit:
        while True:
            with self._shared.db.read() as txn:
                self._current_job(txn)
                commit = commits.resolve(txn, ref)
            if commit.finished is not None:
                return commit
            with self._shared.db.notifier.subscribe(("commit", commit.id)) as changed:
                self.cancelled.subscribe(changed)
                with self._shared.db.read() as txn:
                    ready = commits.resolve(txn, ref).finished is not None
                if not ready:
                    changed.wait(5.0)
                self.cancelled.unsubscribe(changed)
            self.cancelled.check()

    def _process_and_end(self) -> None:
        started = time.monotonic()
        self._process()
        self.cancelled.wait(started + self._shared.settle - time.monotonic())
        self._end()

    def _process(self) -> None:
        self._log.system("the job started")
        if self._details.resource_limits.HasField("gpu") or self._details.resource_requests.HasField("gpu"):
            self._log.system("GPU limits are ignored: the command can use all GPUs of this machine")
        try:
            found = datums.of_input(self._input(), self._job.ref.id, self._open)
        except DataLossError:
            raise
        except PachError as error:
            # The real server retries forever, so the job stays in JOB_RUNNING.
            self._log.system(f"cannot list the datums of the job, waiting until it is stopped: {error}")
            while not self.cancelled.wait(60.0):
                pass
            raise CancelledError from None
        with self._shared.db.read() as txn:
            meta, output = self._commits(txn)
            base = find_base(txn, self._job.ref.pipeline, meta, output)
        new = [datum for datum in found if datum.id not in base.records]
        known = [datum for datum in found if datum.id in base.records]
        self._set_counts(replace(self._counts, total=len(found)))
        self._run_datums(new, {})
        if self._failed:
            return
        self._process_known(known, base, base.records.keys() - {datum.id for datum in found})

    def _process_known(self, known: list[Datum], base: Base, removed: Set[str]) -> None:
        salt = self._details.salt
        every = self._details.reprocess_spec == EVERY_JOB
        before = base.records
        skipped = [
            before[datum.id]
            for datum in known
            if not every and before[datum.id].hash == datum.hash(salt) and before[datum.id].state == DatumState.SUCCESS
        ]
        kept = {record.id for record in skipped}
        reprocessed = [datum for datum in known if datum.id not in kept]
        stale: dict[str, list[str]] = {}
        if base.output is not None:
            with self._shared.db.read() as txn:
                stale = paths_by_datum(txn, self._shared.content, base.output, before.keys() - kept)
        with self._shared.db.write() as txn:
            meta, output = self._commits(txn)
            for record in skipped:
                datums.save(txn, meta, record)
            removal = Changes()
            for name in removed:
                for path in stale.get(name, ()):
                    removal.delete(path, name)
            self._shared.content.add(txn, output, removal)
            self._set_counts_in(txn, replace(self._counts, skipped=len(skipped)))
        self._run_datums(reprocessed, stale)

    def _run_datums(self, todo: list[Datum], stale: dict[str, list[str]]) -> None:
        if not todo:
            return
        for field in ("download_time", "process_time", "upload_time"):
            getattr(self._stats, field).SetInParent()
        with ThreadPoolExecutor(max_workers=expected_workers(self._details)) as pool:
            for outcome in [pool.submit(self._run_datum, datum, stale) for datum in todo]:
                try:
                    outcome.result()
                except BaseException:
                    self.cancelled.set()
                    raise

    def _run_datum(self, datum: Datum, stale: dict[str, list[str]]) -> None:
        self.cancelled.check()
        data = tuple((each.path, each.hash.hex()) for each in datum.inputs)
        log = self._log.for_datum(datum.id, data)
        with self._shared.contents.session() as session:
            outcome = self._runner.run(datum, session, self._tree, log)
            session.flush()
            with self._shared.db.write() as txn:
                self._store_result(txn, datum, outcome, stale.get(datum.id, ()))

    def _store_result(self, txn: Txn, datum: Datum, outcome: Outcome, stale: Iterable[str]) -> None:
        meta, output = self._commits(txn)
        changes = Changes()
        for path in stale:
            changes.delete(path, datum.id)
        self._shared.content.add(txn, output, changes.then(outcome.output))
        record = DatumRecord(
            id=datum.id,
            hash=datum.hash(self._details.salt),
            job=self._job.ref.id,
            state=outcome.state,
            reason=outcome.reason,
            stats=outcome.stats.SerializeToString(),
            inputs=tuple(each.info for each in datum.inputs),
        )
        datums.save(txn, meta, record)
        _add_stats(self._stats, outcome.stats)
        counts = self._counts
        if outcome.state == DatumState.SUCCESS:
            counts = replace(counts, processed=counts.processed + 1)
        else:
            counts = replace(counts, failed=counts.failed + 1)
            self._failed.append(datum.id)
        self._set_counts_in(txn, counts)

    def _end(self) -> None:
        with self._shared.db.write() as txn:
            job = self._current_job(txn)
            if self._failed:
                jobs.end(txn, self._shared.content, job, JobState.FAILURE, f"datum {self._failed[0]} failed")
            else:
                jobs.end(txn, self._shared.content, job, JobState.FINISHING)
        self._log.system("the job finished")

    def _set_counts(self, counts: Counts) -> None:
        with self._shared.db.write() as txn:
            self._set_counts_in(txn, counts)

    def _set_counts_in(self, txn: Txn, counts: Counts) -> None:
        jobs.set_counts(txn, self._current_job(txn), counts, self._stats)
        self._counts = counts

    def _current_job(self, txn: Txn) -> Job:
        job = jobs.find(txn, self._job.ref)
        if job is None or job.id != self._job.id or job.state.final:
            raise CancelledError
        return job

    def _commits(self, txn: Txn) -> tuple[Commit, Commit]:
        job = self._current_job(txn)
        meta, output = jobs.meta_commit(txn, job), jobs.output_commit(txn, job)
        if meta is None or output is None:
            raise CancelledError
        return meta, output

    def _input(self) -> pps.Input | None:
        return self._details.input if self._details.HasField("input") else None

    def _open(self, ref: CommitRef) -> tuple[Commit, Tree]:
        return self._shared.reader.open_commit(ref, None)

    def _tree(self, each: DatumInput) -> Tree:
        repo = next(
            RepoRef(node.pfs.project, node.pfs.repo, node.pfs.repo_type)
            for node in inputs.visit(self._input())
            if node.HasField("pfs") and node.pfs.name == each.name
        )
        return self._open(CommitRef(repo, each.commit))[1]


def _add_stats(total: pps.ProcessStats, more: pps.ProcessStats) -> None:
    for field in ("download_time", "process_time", "upload_time"):
        both = nanoseconds(getattr(total, field)) + nanoseconds(getattr(more, field))
        getattr(total, field).CopyFrom(duration(both))
    total.download_bytes += more.download_bytes
    total.upload_bytes += more.upload_bytes
