"""A lease of the test's own, for clients that may act only while it lasts."""

from dataclasses import dataclass

from scriptmodel_operator.leadership import Leadership


@dataclass
class Lease(Leadership):
    """Lasts for the seconds that the test sets."""

    remaining: float

    def lease_remaining(self) -> float:
        return self.remaining
