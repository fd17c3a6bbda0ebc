"""Deletes the transactions in Pachyderm that a killed operator left open, every ten minutes."""

from __future__ import annotations

import asyncio
import logging

from scriptmodel_operator.controller.leftovers import leftovers
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.clock import PachydClock
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


async def sweep(gateway: Gateway, calls: Calls, cluster: str, clock: PachydClock) -> None:
    """Sweep as soon as Pachyderm answers, then once in an interval, until cancelled."""
    unreachable = False
    while True:
        try:
            await calls.run(_sweep, gateway, cluster, clock)
        except PachydermError as error:
            # Warn once: afterwards the status of each object reports it. Without an object, nothing else does.
            level = logging.DEBUG if unreachable else logging.WARNING
            log.log(level, "Pachyderm does not answer, retrying: %s", error)
            unreachable = True
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if unreachable:
                log.info("Pachyderm answers")
            unreachable = False
            await asyncio.sleep(INTERVAL_SECONDS)


def _sweep(gateway: Gateway, cluster: str, clock: PachydClock) -> None:
    found = gateway.list_transactions()
    clock.measure_if_due()
    for transaction in leftovers(found, cluster, clock.elapsed):
        log.info("deleting transaction %s: an operator that was killed left it open", transaction)
        gateway.delete_transaction(transaction)
