"""The remaining time in which this process may act, by which every client limits its requests."""

import math


class Leadership:
    """The permission to change the cluster and Pachyderm; unlimited in a process without leader election."""

    def lease_remaining(self) -> float:
        """Return the seconds for which this process may still act; 0 or less when it may not. Thread-safe."""
        return math.inf


UNLIMITED = Leadership()
