"""Describes a fault: one fault at one call.

A call is identified by its target, its kind, and the number of equal calls before it: the third ListJob, the first
PATCH of a status.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

DELAY_SECONDS = 10.0
"""The operator of the matrix has a third of its usual deadlines, so this is half a minute to it."""
READS_OF_A_KIND = 8
"""A waiting operator repeats the same reads; after so many of a kind, further ones are no places of their own."""


class Kind(Enum):
    """`before`: the call never reaches the server; `after`: it does, and its answer is lost."""

    UNAVAILABLE_BEFORE = "UNAVAILABLE before"
    UNAVAILABLE_AFTER = "UNAVAILABLE after"
    DEADLINE_BEFORE = "DEADLINE_EXCEEDED before"
    DEADLINE_AFTER = "DEADLINE_EXCEEDED after"
    UNKNOWN_BEFORE = "UNKNOWN before"
    UNKNOWN_AFTER = "UNKNOWN after"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    ERROR_BEFORE = "HTTP 500 before"
    BUSY_BEFORE = "HTTP 429 before"
    GATEWAY_AFTER = "HTTP 504 after"
    CUT = "cut in the middle"
    DELAY = "delayed"
    KILL_BEFORE = "operator killed before"
    KILL_AFTER = "operator killed after"

    @property
    def kills(self) -> bool:
        return self in (Kind.KILL_BEFORE, Kind.KILL_AFTER)

    @property
    def before(self) -> bool:
        return self.value.endswith("before")


_BOTH = (Kind.CUT, Kind.DELAY, Kind.KILL_BEFORE, Kind.KILL_AFTER)
KINDS = {
    "pachyderm": (*(each for each in Kind if each.name.startswith(("UNAVAILABLE", "DEADLINE", "UNKNOWN"))), *_BOTH),
    "kubernetes": (
        *(Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.ERROR_BEFORE, Kind.BUSY_BEFORE, Kind.GATEWAY_AFTER),
        *_BOTH,
    ),
}
_READS = ("List", "Inspect", "Get", "GET", "LIST", "WATCH")


@dataclass(frozen=True)
class Place:
    """A call: `side` is pachyderm or kubernetes, `number` counts calls of the same name from 1."""

    side: str
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"


@dataclass(frozen=True)
class Fault:
    place: Place
    kind: Kind

    def __str__(self) -> str:
        return f"{self.place}: {self.kind.value}"


@dataclass
class Calls:
    """Counts the calls of one run and decides on the fault of each. `kill` ends the operator with SIGKILL."""

    fault: Fault | None = None
    kill: Callable[[], None] = lambda: None
    places: list[Place] = field(default_factory=list)
    met: bool = False
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def arrive(self, side: str, name: str) -> Kind | None:
        """Return the fault of this call."""
        self._counts[side, name] += 1
        place = Place(side, name, self._counts[side, name])
        self.places.append(place)
        if self.fault is None or self.fault.place != place:
            return None
        self.met = True
        return self.fault.kind


def faults_at(places: list[Place]) -> list[Fault]:
    """Return the whole matrix over the calls of a fault-free run."""
    chosen = [place for place in places if place.number <= READS_OF_A_KIND or not place.name.startswith(_READS)]
    return [Fault(place, kind) for place in chosen for kind in KINDS[place.side]]
