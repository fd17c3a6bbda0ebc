"""The remaining time in which this process may act, by which every client limits its requests."""

import math


class Leadership:
    """The permission to change the cluster and the engine; unlimited in a process without leader election."""

    def lease_remaining(self) -> float:
        """Return the seconds for which this process may still act; 0 or less when it may not. Thread-safe."""
        return math.inf


UNLIMITED = Leadership()


class Ending(Leadership):
    """A leadership that also ends with `end`, as before the clients are closed."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership
        self._ended = False

    def lease_remaining(self) -> float:
        return 0.0 if self._ended else self._leadership.lease_remaining()

    def end(self) -> None:
        self._ended = True
