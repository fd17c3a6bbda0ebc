"""The remaining time in which this process may act, by which every client limits its requests."""

from __future__ import annotations

import math
from typing import Protocol


class Leadership(Protocol):
    """The permission to change the cluster and Pachyderm."""

    def lease_remaining(self) -> float:
        """Return the seconds for which this process may still act; 0 or less when it may not. Thread-safe."""


class _Unlimited:
    def lease_remaining(self) -> float:
        return math.inf


UNLIMITED: Leadership = _Unlimited()
"""Leadership of a process that runs without leader election."""
