"""Deletes the transactions in Pachyderm that a killed operator left open, every ten minutes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from scriptmodel_operator.controller.leftovers import leftovers
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.clock import PachydClock
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


@dataclass
class Sweeper:
    """Sweeps as soon as Pachyderm answers, then once in an interval."""

    gateway: Gateway
    calls: Calls
    cluster: str
    clock: PachydClock
    started: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Sweep until cancelled."""
        self.started.set()
        unreachable = False
        while True:
            try:
                await self.calls.run(self._sweep)
            except PachydermError as error:
                # Warn once: afterwards the status of each object reports it. Without an object, nothing else does.
                log.log(
                    logging.DEBUG if unreachable else logging.WARNING,
                    "Pachyderm does not answer, retrying: %s",
                    error,
                )
                unreachable = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if unreachable:
                    log.info("Pachyderm answers")
                unreachable = False
                await asyncio.sleep(INTERVAL_SECONDS)

    def _sweep(self) -> None:
        found = self.gateway.list_transactions()
        self.clock.measure_if_due()
        for transaction in leftovers(found, self.cluster, self.clock.elapsed):
            log.info("deleting transaction %s: an operator that was killed left it open", transaction)
            self.gateway.delete_transaction(transaction)
