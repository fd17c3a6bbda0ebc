"""Reports the version of pachd: in the log each time that it changes, and as a metric."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scriptmodel_operator.pachyderm.versions import ServerVersion, Support

log = logging.getLogger(__name__)
_LEVELS = {Support.CERTIFIED: logging.INFO, Support.TOO_OLD: logging.ERROR}


def version_reporter(measured: Callable[[str, str], None]) -> Callable[[ServerVersion], None]:
    """Return a function that receives the version of pachd each time that the gateway reads it, in any thread.

    `measured` receives the version and whether it is certified: yes, no, newer or too old.
    """
    reported: ServerVersion | None = None

    def report(version: ServerVersion) -> None:
        nonlocal reported
        if version == reported:
            return
        reported = version
        log.log(_LEVELS.get(version.support, logging.WARNING), "%s", version.verdict)
        measured(str(version), version.support.value)

    return report
