"""Reports the version of pachd: in the log each time that it changes, and as a metric."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scriptmodel_operator.pachyderm.versions import ServerVersion, Support

log = logging.getLogger(__name__)
_LEVELS = {Support.CERTIFIED: logging.INFO, Support.TOO_OLD: logging.ERROR}


class VersionReporter:
    """Receives the version of pachd each time that the gateway reads it, in any thread."""

    def __init__(self, measured: Callable[[str, str], None]) -> None:
        """`measured` receives the version and whether it is certified: yes, no, newer or too old."""
        self._measured = measured
        self._reported: ServerVersion | None = None

    def __call__(self, version: ServerVersion) -> None:
        """Report a version, unless it is the one that was reported last."""
        if version == self._reported:
            return
        self._reported = version
        log.log(_LEVELS.get(version.support, logging.WARNING), "%s", version.verdict)
        self._measured(str(version), version.support.value)
