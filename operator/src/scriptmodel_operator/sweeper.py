"""Now and then: drops the transactions in Pachyderm that a killed operator left open."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.clock import PachydClock
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.reconcile.leftovers import leftovers

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


@dataclass
class Sweeper:
    """The first time as soon as Pachyderm answers."""

    gateway: Gateway
    calls: Calls
    cluster: str
    clock: PachydClock
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until cancelled."""
        self.started.set()
        away = False
        while True:
            try:
                await self.calls.run(self._sweep)
            except PachydermError as error:
                # Once: from then on whoever needs Pachyderm tells of it. Without a ScriptModel nobody does.
                log.log(
                    logging.DEBUG if away else logging.WARNING,
                    "Pachyderm cannot be asked, the operator keeps trying: %s",
                    error,
                )
                away = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if away:
                    log.info("Pachyderm answers")
                away = False
                await asyncio.sleep(INTERVAL_SECONDS)

    def _sweep(self) -> None:
        found = self.gateway.list_transactions()
        self.clock.measure_if_due()
        for transaction in leftovers(found, self.cluster, self.clock.elapsed):
            log.info("dropping transaction %s, which nobody will finish", transaction)
            self.gateway.delete_transaction(transaction)
