"""Execution of one job: waiting for its inputs, running its datums, finishing its commits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from localpach.errors import NotFoundError, PachError
from localpach.messages import duration, nanoseconds, pps
from localpach.pfs import commits
from localpach.pfs.files import Changes, Tree
from localpach.pps import datums, jobs, pipelines, specs
from localpach.pps.datums import Datum
from localpach.pps.logs import LogWriter
from localpach.pps.runner import CancelledError, DatumRunner, Outcome, Shared
from localpach.refs import USER, CommitRef
from localpach.state import Commit, Job, Pipeline, State
from localpach.states import JobState

PROCESSES = 32
"""Commands of one job that run at the same time, at most."""
_TIMES = ("download_time", "process_time", "upload_time")


class JobRun:
    """The execution of one job. ``tmp`` is the worker's `/tmp`; ``stopping`` tells whether the worker stops."""

    def __init__(
        self, shared: Shared, pipeline: Pipeline, job: Job, tmp: Path, log: LogWriter, stopping: Callable[[], bool]
    ) -> None:
        self._shared = shared
        self._model = shared.model
        self._files = shared.files
        self._ref = job.key
        self._details = pipelines.message(pipeline).details
        self._root = specs.root_of(self._details)
        self._log = log
        self._stopping = stopping
        self._lock = threading.Lock()
        self._broken = False
        self._counts: dict[str, Any] = {"processed": 0, "skipped": 0, "failed": 0, "total": 0}
        self._stats = pps.ProcessStats()
        self._failed = ""
        self._outputs: list[Changes] = []
        self._hashes: dict[str, str] = {}
        self._runner = DatumRunner(shared, job.key, self._details, tmp, self._cancelled)

    def run(self) -> None:
        """Run the job, whichever state an earlier run of the server has left it in."""
        try:
            self._start()
            self._await_inputs()
            started = time.monotonic()
            self._process()
            self._wait(lambda _: None, started + self._shared.settle - time.monotonic())
            self._end()
        except NotFoundError as error:
            self._make_unrunnable(f"unrunnable because an input was deleted: {error}")
        except CancelledError:
            self._log.system("the job was stopped or deleted")

    def _cancelled(self) -> bool:
        job = self._model.state.jobs.get(self._ref)
        return self._stopping() or self._broken or job is None or job.state.final

    def _wait(self, ready: Callable[[State], Any], seconds: float | None = None) -> Any:
        """Wait for the state. Raises CancelledError if the job is stopped first."""
        found = self._model.wait(lambda state: True if self._cancelled() else ready(state), seconds)
        if self._cancelled():
            raise CancelledError
        return found

    def _current(self, state: State) -> Job:
        job = state.jobs.get(self._ref)
        if job is None or job.state.final:
            raise CancelledError
        return job

    def _start(self) -> None:
        with self._model.change() as txn:
            job = self._current(txn)
            if job.state == JobState.CREATED:
                jobs.set_state(txn, job, JobState.STARTING)
            elif job.state == JobState.RUNNING:  # when the server ended
                restarted = replace(job, restart=job.restart + 1, stats=b"")
                txn.jobs[self._ref] = replace(restarted, processed=0, skipped=0, failed=0, total=0)

    def _await_inputs(self) -> None:
        failed = []
        for source in specs.repos_in(self._root):
            ref = CommitRef(specs.repo_of(source), self._ref.id)
            commit = self._wait(partial(_finished, ref))
            if commit.error:
                failed.append(source.name)
        if failed:
            self._make_unrunnable(f"unrunnable because the following upstream pipelines failed: {', '.join(failed)}")
            raise CancelledError
        with self._model.change() as txn:
            job = self._current(txn)
            if job.state == JobState.STARTING:
                jobs.set_state(txn, job, JobState.RUNNING)

    def _make_unrunnable(self, reason: str) -> None:
        with self._model.change() as txn:
            job = txn.jobs.get(self._ref)
            if job is not None and not job.state.final:
                jobs.end(txn, self._files, job, JobState.UNRUNNABLE, reason)
        self._log.system(reason)

    def _process(self) -> None:
        self._log.system("the job started")
        if self._details.resource_limits.HasField("gpu") or self._details.resource_requests.HasField("gpu"):
            self._log.system("GPU limits are ignored: the command can use all GPUs of this machine")
        try:
            found = datums.of_input(self._root, self._ref.id, self._open)
        except NotFoundError:
            raise
        except PachError as error:
            # The real server retries forever, so the job stays in JOB_RUNNING.
            self._log.system(f"cannot list the datums of the job, waiting until it is stopped: {error}")
            self._wait(lambda _: None)
        state = self._model.state
        base = datums.find_base(state, self._files, self._ref.pipeline, self._commit(state))
        known = {} if base is None else base.hashes
        self._count(total=len(found))
        self._run_datums([datum for datum in found if datum.id not in known], {})
        if self._failed or base is None:
            return
        kept = {}
        if self._details.reprocess_spec != specs.EVERY_JOB:
            hashes = {datum.id: datum.hash(self._details.salt) for datum in found}
            kept = {name: value for name, value in hashes.items() if known.get(name) == value}
        stale = {name: base.paths(name) for name in known.keys() - kept.keys()}
        for name in stale.keys() - {datum.id for datum in found}:
            self._outputs.append(_deletions(stale[name], name))
        self._hashes |= kept
        self._count(skipped=len(kept))
        self._run_datums([datum for datum in found if datum.id in stale], stale)

    def _run_datums(self, todo: list[Datum], stale: dict[str, list[str]]) -> None:
        if not todo:
            return
        for name in _TIMES:
            getattr(self._stats, name).SetInParent()
        with ThreadPoolExecutor(min(specs.expected_workers(self._details), PROCESSES)) as pool:
            for running in [pool.submit(self._run_datum, datum, stale.get(datum.id, [])) for datum in todo]:
                try:
                    running.result()
                except BaseException:
                    self._broken = True
                    self._model.wake()
                    raise

    def _run_datum(self, datum: Datum, stale: list[str]) -> None:
        if self._cancelled():
            raise CancelledError
        data = tuple((each.path, each.digest) for each in datum.inputs)
        outcome = self._runner.run(datum, self._log.for_datum(datum.id, data))
        with self._lock:
            self._add(datum, outcome, stale)

    def _add(self, datum: Datum, outcome: Outcome, stale: list[str]) -> None:
        self._outputs += [_deletions(stale, datum.id), outcome.output]
        for name in _TIMES:
            both = nanoseconds(getattr(self._stats, name)) + nanoseconds(getattr(outcome.stats, name))
            getattr(self._stats, name).CopyFrom(duration(both))
        self._stats.download_bytes += outcome.stats.download_bytes
        self._stats.upload_bytes += outcome.stats.upload_bytes
        if outcome.success:
            self._hashes[datum.id] = datum.hash(self._details.salt)
            self._count(processed=self._counts["processed"] + 1)
        else:
            self._failed = self._failed or datum.id
            self._count(failed=self._counts["failed"] + 1)

    def _count(self, **changed: int) -> None:
        self._counts |= changed
        with self._model.change() as txn:
            job = self._current(txn)
            txn.jobs[self._ref] = replace(job, **self._counts, stats=self._stats.SerializeToString())

    def _end(self) -> None:
        with self._model.change() as txn:
            job = self._current(txn)
            for changes in self._outputs:
                commits.change(txn, self._files, self._commit(txn), changes)
            if self._failed:
                jobs.end(txn, self._files, job, JobState.FAILURE, f"datum {self._failed} failed")
            else:
                job = replace(job, datums=self._files.store(self._hashes))
                jobs.end(txn, self._files, job, JobState.SUCCESS)
        self._log.system("the job finished")

    def _commit(self, state: State) -> Commit:
        found = jobs.commit_of(state, self._current(state), USER)
        if found is None:
            raise CancelledError
        return found

    def _open(self, ref: CommitRef) -> tuple[Commit, Tree]:
        state = self._model.state
        commit = commits.resolve(state, ref)
        return commit, commits.tree(state, self._files, commit)


def _deletions(paths: list[str], datum: str) -> Changes:
    found = Changes()
    for path in paths:
        found.delete(path, datum)
    return found


def _finished(ref: CommitRef, state: State) -> Commit | None:
    commit = commits.resolve(state, ref)
    return commit if commit.finished else None
