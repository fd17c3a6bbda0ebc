"""Judges the version of a Pachyderm server: certified, untested or too old. Pure."""

from dataclasses import dataclass, field
from enum import Enum

CERTIFIED = ((2, 7), (2, 11), (2, 12))
"""Releases on which the suites have run against a real server: see docs/compatibility.md."""
_OLDEST = (2, 6)
"""The first release whose commits name the commits that they were made from."""
_DEFAULTS_SINCE = (2, 8)


class Support(Enum):
    """Whether a version is certified, as the metric says it."""

    CERTIFIED = "yes"
    UNTESTED = "no"
    """Between certified releases, or the one before the first."""
    NEWER = "newer"
    TOO_OLD = "too old"


@dataclass(frozen=True, slots=True, order=True)
class ServerVersion:
    """A version such as 2.7.8 or 2.12.0-rc.3, as pachd reports it."""

    major: int
    minor: int
    micro: int
    suffix: str = field(default="", compare=False)
    localpach: str = ""
    """The version of the localpach that behaves like this one; empty for pachd itself."""

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.micro}{self.suffix}"

    @property
    def server(self) -> str:
        return f"localpach {self.localpach}" if self.localpach else f"pachd {self}"

    @property
    def _release(self) -> tuple[int, int]:
        return self.major, self.minor

    @property
    def merges_defaults(self) -> bool:
        """Whether the server merges its administrator's defaults into what a pipeline's author leaves out."""
        return self._release >= _DEFAULTS_SINCE

    @property
    def support(self) -> Support:
        if self._release < _OLDEST:
            return Support.TOO_OLD
        if self._release in CERTIFIED:
            return Support.CERTIFIED
        return Support.NEWER if self._release > CERTIFIED[-1] else Support.UNTESTED

    @property
    def verdict(self) -> str:
        """One sentence for a person: the version, whether it is certified, and what follows."""
        match self.support:
            case Support.CERTIFIED:
                return f"{self.server} has the API of pachd {self}" if self.localpach else f"pachd {self} is certified"
            case Support.UNTESTED:
                return f"pachd {self} is not certified ({_certified()} are); continuing"
            case Support.NEWER:
                return f"pachd {self} is newer than every certified version ({_certified()}); continuing"
            case Support.TOO_OLD:
                lacks = "it has no commits that name the commits they were made from (since 2.6)"
                return f"pachd {self} is too old, {lacks}: upgrade it ({_certified()} are certified)"


def _certified() -> str:
    *others, newest = (f"{major}.{minor}" for major, minor in CERTIFIED)
    return f"{', '.join(others)} and {newest}"
