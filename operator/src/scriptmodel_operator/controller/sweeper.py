"""Has the engine delete every ten minutes what a killed operator left behind."""

import asyncio
import logging
from collections.abc import Callable

from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


async def sweep(gateway: Gateway, calls: Calls, is_ours: Callable[[Owner], bool]) -> None:
    """Sweep as soon as the engine answers, then once in an interval, until cancelled."""
    unreachable = False
    while True:
        try:
            await calls.run(gateway.sweep, is_ours)
        except EngineError as error:
            # Warn once: afterwards the status of each object reports it. Without an object, nothing else does.
            level = logging.DEBUG if unreachable else logging.WARNING
            log.log(level, "the engine does not answer, retrying: %s", error)
            unreachable = True
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if unreachable:
                log.info("the engine answers")
            unreachable = False
            await asyncio.sleep(INTERVAL_SECONDS)
