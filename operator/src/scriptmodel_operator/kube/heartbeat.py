"""Records when watches last received something: the API server sends a bookmark each minute if nothing else."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


@dataclass
class WatchHeartbeat:
    """When each watch, by its URL path, last received something, and whether ScriptModels are served."""

    clock: Callable[[], float] = time.monotonic
    served: bool = True
    """False while the newest answer says that the API server does not serve ScriptModels to this process."""
    _last: dict[str, float] = field(default_factory=dict)

    def opened(self, watch: str) -> None:
        """Start the silence of a watch that is opened, or whose objects are listed, for the first time."""
        self._last.setdefault(watch, self.clock())

    def received(self, watch: str) -> None:
        """End the silence of a watch: it received something, or the same objects are listed again."""
        if watch in self._last:
            self._last[watch] = self.clock()

    def answered(self, status: int) -> None:
        """Take the HTTP status of a list or a watch of ScriptModels into account."""
        before = self.served
        if status < 400 or status in (403, 404):
            self.served = status < 400
        if self.served and not before:
            log.info("the API server serves ScriptModels again")

    @property
    def silence(self) -> float:
        """Seconds since the most silent watch received something; 0 without a watch."""
        return max((self.clock() - last for last in self._last.values()), default=0.0)
