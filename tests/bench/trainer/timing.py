"""Times of tasks that take turns, so that a busy machine slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds_of(rounds: int, *tasks: Callable[[], object]) -> list[float]:
    """Seconds of each task's fastest round, after one that is not counted."""
    taken: list[list[float]] = [[] for _ in tasks]
    for task in tasks:
        task()
    for _ in range(rounds):
        for task, times in zip(tasks, taken, strict=True):
            began = time.perf_counter()
            task()
            times.append(time.perf_counter() - began)
    return [min(times) for times in taken]
