"""Execution of one job: waiting for its inputs, running its datums, finishing its commits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from localpach.errors import NotFoundError
from localpach.messages import FINAL, USER, changed, key, pfs, pps
from localpach.pfs import commits
from localpach.pfs.files import EMPTY_TREE, Edit, Tree
from localpach.pfs.paths import split_key
from localpach.pps import datums, jobs, specs
from localpach.pps.datums import Datum
from localpach.pps.logs import LogWriter
from localpach.pps.runner import CancelledError, DatumRunner, Shared
from localpach.state import State


@dataclass
class JobRun:
    """The execution of one job. ``tmp`` is the worker's `/tmp`; ``stopping`` tells whether the worker stops."""

    shared: Shared
    details: pps.PipelineInfo.Details
    job: pps.Job
    tmp: Path
    log: LogWriter
    stopping: Callable[[], bool]

    def __post_init__(self) -> None:
        self._model = self.shared.model
        self._root = specs.root_of(self.details)
        self._lock = threading.Lock()
        self._broken = False
        self._counts: dict[str, Any] = {"data_processed": 0, "data_skipped": 0, "data_failed": 0, "data_total": 0}
        self._failed = ""
        self._output: list[Edit] = []
        self._hashes: dict[str, str] = {}
        self._runner = DatumRunner(self.shared, self.job, self.details, self.tmp, self._cancelled)

    def run(self) -> None:
        """Run the job, whichever state an earlier run of the server has left it in."""
        try:
            self._await_inputs()
            started = time.monotonic()
            self._process()
            self._wait(lambda _: None, started + self.shared.settle - time.monotonic())
            self._end()
        except NotFoundError as error:
            self._make_unrunnable(f"unrunnable because an input was deleted: {error}")
        except CancelledError:
            self.log.write("the job was stopped or deleted")

    def _cancelled(self) -> bool:
        job = self._model.state.jobs.get(key(self.job))
        return self.stopping() or self._broken or job is None or job.state in FINAL

    def _wait(self, ready: Callable[[State], Any], seconds: float | None = None) -> Any:
        """Wait for the state. Raises CancelledError if the job is stopped first."""
        found = self._model.wait(lambda state: True if self._cancelled() else ready(state), seconds)
        if self._cancelled():
            raise CancelledError
        return found

    def _current(self, state: State) -> pps.JobInfo:
        job = state.jobs.get(key(self.job))
        if job is None or job.state in FINAL:
            raise CancelledError
        return job

    def _change(self, **fields: object) -> None:
        with self._model.change() as txn:
            txn.jobs[key(self.job)] = changed(self._current(txn), **fields)

    def _await_inputs(self) -> None:
        with self._model.change() as txn:
            job = self._current(txn)
            if job.state == pps.JOB_CREATED:
                jobs.set_state(txn, job, pps.JOB_STARTING)
            elif job.state == pps.JOB_RUNNING:  # when the server ended
                txn.jobs[key(self.job)] = changed(job, restart=job.restart + 1, **self._counts)
        failed = []
        for source in specs.repos_in(self._root):
            commit = self._wait(partial(_finished, datums.commit_of(source, self.job.id)))
            if commit.error:
                failed.append(source.name)
        if failed:
            self._make_unrunnable(f"unrunnable because the following upstream pipelines failed: {', '.join(failed)}")
            raise CancelledError
        with self._model.change() as txn:
            job = self._current(txn)
            if job.state == pps.JOB_STARTING:
                jobs.set_state(txn, job, pps.JOB_RUNNING)

    def _make_unrunnable(self, reason: str) -> None:
        with self._model.change() as txn:
            jobs.end(txn, self.shared.files, self.job, pps.JOB_UNRUNNABLE, reason)
        self.log.write(reason)

    def _process(self) -> None:
        self.log.write("the job started")
        if self.details.resource_limits.HasField("gpu") or self.details.resource_requests.HasField("gpu"):
            self.log.write("GPU limits are ignored: the command can use all GPUs of this machine")
        found = datums.of_input(self._root, self._open)
        state = self._model.state
        base = datums.find_base(state, self.shared.files, self.job.pipeline, self._commit(state))
        before, known = base or (EMPTY_TREE, {})
        self._count(data_total=len(found))
        self._run_datums([datum for datum in found if datum.id not in known], {})
        if self._failed or base is None:
            return
        hashes = {datum.id: datum.hash(self.details.salt) for datum in found}
        kept = {name: value for name, value in hashes.items() if known.get(name) == value}
        stale: dict[str, list[Edit]] = {name: [] for name in known.keys() - kept.keys()}
        for path, datum in map(split_key, before.keys):
            if datum in stale:
                stale[datum].append(Edit(path, datum, None))
        for name in stale.keys() - hashes.keys():
            self._output += stale[name]
        self._hashes |= kept
        self._count(data_skipped=len(kept))
        self._run_datums([datum for datum in found if datum.id in stale], stale)

    def _run_datums(self, todo: list[Datum], stale: dict[str, list[Edit]]) -> None:
        with ThreadPoolExecutor(specs.expected_workers(self.details)) as pool:
            for running in [pool.submit(self._run_datum, datum, stale.get(datum.id, [])) for datum in todo]:
                try:
                    running.result()
                except BaseException:
                    self._broken = True
                    self._model.wake()
                    raise

    def _run_datum(self, datum: Datum, stale: list[Edit]) -> None:
        if self._cancelled():
            raise CancelledError
        data = [pps.InputFile(path=each.path, hash=bytes.fromhex(each.digest)) for each in datum.inputs]
        output = self._runner.run(datum, self.log.for_datum(datum.id, data))
        with self._lock:
            self._output += [*stale, *(output or [])]
            if output is None:
                self._failed = self._failed or datum.id
                self._count(data_failed=self._counts["data_failed"] + 1)
            else:
                self._hashes[datum.id] = datum.hash(self.details.salt)
                self._count(data_processed=self._counts["data_processed"] + 1)

    def _count(self, **counts: int) -> None:
        self._counts |= counts
        self._change(**self._counts)

    def _end(self) -> None:
        files = self.shared.files
        with self._model.change() as txn:
            commits.change(txn, files, self._commit(txn), self._output)
            if not self._failed:
                txn.datums[key(self.job)] = files.store(self._hashes)
            state, reason = (pps.JOB_FAILURE, f"datum {self._failed} failed") if self._failed else (pps.JOB_SUCCESS, "")
            jobs.end(txn, files, self.job, state, reason)
        self.log.write("the job finished")

    def _commit(self, state: State) -> pfs.CommitInfo:
        found = jobs.commit_of(state, self._current(state).job, USER)
        if found is None:
            raise CancelledError
        return found

    def _open(self, source: pps.PFSInput) -> tuple[pfs.CommitInfo, Tree]:
        state = self._model.state
        info = commits.resolve(state, datums.commit_of(source, self.job.id))
        return info, commits.tree(state, self.shared.files, info)


def _finished(ref: pfs.Commit, state: State) -> pfs.CommitInfo | None:
    info = commits.resolve(state, ref)
    return info if info.HasField("finished") else None
