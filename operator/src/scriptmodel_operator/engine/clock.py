"""Measures time on pachd's clock, so that a deadline never compares the clocks of two machines.

Times in Pachyderm are pachd's. How old one is when the operator first sees it is the difference to pachd's own time
now, which is measured; how much older it gets is what the operator's monotonic clock then shows. So neither a wrong
clock on either side, nor one that is set while the operator runs, nor a restart of the operator changes a duration.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from scriptmodel_operator.engine.errors import EngineError

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 60.0
SKEW_SECONDS = 30.0
"""A larger difference between the clocks of operator and pachd is logged as a warning, once."""
_JUMP_SECONDS = 5.0
_REMEMBERED = 65536

log = logging.getLogger(__name__)


class EngineClock:
    """Thread-safe. `server_time` reads the time of pachd, blocks, and may raise EngineError.

    `measured` receives the seconds by which pachd's clock is ahead of the operator's, each time it is measured.
    """

    def __init__(
        self,
        server_time: Callable[[], datetime],
        measured: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._server_time = server_time
        self._on_measured = measured
        self._monotonic = monotonic
        self._wall = wall
        self._measuring = threading.Lock()
        self._lock = threading.Lock()
        self._seen: OrderedDict[datetime, tuple[float, float]] = OrderedDict()
        """When a time of pachd was first seen (monotonic seconds), and how old it was then (seconds)."""
        self._offset: float | None = None
        """pachd's time, as seconds since 1970, minus the monotonic clock."""
        self._measured = 0.0
        self._due = -float("inf")
        self._warned = False

    @property
    def due(self) -> bool:
        return self._monotonic() >= self._due

    def now(self) -> datetime:
        """Return the time on pachd's clock; on the operator's own while pachd's was never measured."""
        with self._lock:
            if self._offset is None:
                return self._wall()
            return datetime.fromtimestamp(self._offset + self._monotonic(), UTC)

    def elapsed(self, since: datetime) -> timedelta:
        """Return how much time has passed since a time of pachd, at least zero.

        While pachd's clock was never measured, time counts from when the operator first saw `since`.
        """
        with self._lock:
            now = self._monotonic()
            if since not in self._seen:
                age = 0.0 if self._offset is None else max(0.0, self._offset + now - since.timestamp())
                self._seen[since] = now, age
                if len(self._seen) > _REMEMBERED:
                    self._seen.popitem(last=False)
            self._seen.move_to_end(since)
            at, age = self._seen[since]
            return timedelta(seconds=age + now - at)

    def measure_if_due(self) -> None:
        """Measure if due, once for all threads that call it at a time. Blocks."""
        with self._measuring:
            if self.due:
                self._measure()

    def measure(self) -> None:
        """Measure now, as before an action that cannot be undone. Blocks."""
        with self._measuring:
            self._measure()

    def _measure(self) -> None:
        """Measure; the previous measurement stays if pachd does not answer, which its other callers report."""
        before, started = self._monotonic(), self._wall()
        try:
            server = self._server_time()
        except EngineError as error:
            log.debug("cannot read pachd's clock: %s", error)
            self._due = self._monotonic() + RETRY_SECONDS
            return
        after = self._monotonic()
        took = after - before
        with self._lock:
            offset = server.timestamp() - (before + took / 2)
            jump = 0.0 if self._offset is None else offset - self._offset
            if abs(jump) > _JUMP_SECONDS + took:
                self._forget_ages_since(self._measured)
                log.warning("pachd's clock was set by %+.0f s; durations are counted on without it", jump)
            self._offset, self._measured, self._due = offset, after, after + INTERVAL_SECONDS
            skew = (server - started).total_seconds() - took / 2
        self._on_measured(skew)
        self._warn(skew)

    def _forget_ages_since(self, measured: float) -> None:
        """Reset the ages of times first seen after a measurement: either clock may have determined them."""
        for since, (at, _age) in self._seen.items():
            if at > measured:
                self._seen[since] = at, 0.0

    def _warn(self, skew: float) -> None:
        wrong = abs(skew) > SKEW_SECONDS
        if wrong and not self._warned:
            ahead = "ahead of" if skew > 0 else "behind"
            log.warning(
                "pachd's clock is %.0f s %s the operator's: synchronise the clocks of their nodes. "
                "Deadlines are not affected; times in the status of objects are",
                abs(skew),
                ahead,
            )
        self._warned = wrong
