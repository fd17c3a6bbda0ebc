"""Times tasks interleaved, so that a busy machine slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

Task = Callable[[], float]  # does its work and returns the seconds that it took
_REST = 0.3  # seconds after which threads that wait for more work (OpenMP's) no longer keep a core busy


def clock_for(threads: int) -> Callable[[], float]:
    """Wall-clock time; with a single thread its computing time, which is also valid on a busy machine."""
    return time.process_time if threads == 1 else time.perf_counter


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Task:
    """A task from a function."""

    def task() -> float:
        began = clock()
        work()
        return clock() - began

    return task


def seconds_of(rounds: int, *tasks: Task) -> list[float]:
    """Seconds of each task's fastest round, after one that is not counted."""
    taken: list[list[float]] = [[] for _ in tasks]
    for task in tasks:
        task()
    for _ in range(rounds):
        for task, times in zip(tasks, taken, strict=True):
            time.sleep(_REST)
            times.append(task())
    return [min(times) for times in taken]
