"""Reports errors of the event loop, but for those of watches that kopf leaves open at its end."""

import asyncio
import logging
from typing import Any

log = logging.getLogger(__name__)


def quiet_endings(loop: asyncio.AbstractEventLoop) -> None:
    """Log an error of closing an asynchronous generator at level DEBUG.

    A watch that is cancelled while an event is handled is closed by the loop, after the task that it waits for.
    """

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "asyncgen" in context:
            log.debug("%s", context["message"], exc_info=context.get("exception"))
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
