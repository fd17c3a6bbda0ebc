"""Deletes the transactions in Pachyderm that a killed operator left open, every ten minutes: they never expire.

It deletes only those with nothing but pipelines that carry this cluster's ownership annotation, of objects in the
namespaces that this release watches: another release may be filling its own. One that was left
before its first pipeline is like anybody's, and stays; it has no effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from scriptmodel_operator.api.marks import Owner, mark_of
from scriptmodel_operator.engine.clock import EngineClock
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.engine.values import OpenTransaction

INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 15.0

log = logging.getLogger(__name__)


async def sweep(gateway: Gateway, calls: Calls, is_ours: Callable[[Owner], bool], clock: EngineClock) -> None:
    """Sweep as soon as Pachyderm answers, then once in an interval, until cancelled."""
    unreachable = False
    while True:
        try:
            await calls.run(_sweep, gateway, is_ours, clock)
        except EngineError as error:
            # Warn once: afterwards the status of each object reports it. Without an object, nothing else does.
            level = logging.DEBUG if unreachable else logging.WARNING
            log.log(level, "the server of the pipelines does not answer, retrying: %s", error)
            unreachable = True
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if unreachable:
                log.info("the server of the pipelines answers")
            unreachable = False
            await asyncio.sleep(INTERVAL_SECONDS)


def _sweep(gateway: Gateway, is_ours: Callable[[Owner], bool], clock: EngineClock) -> None:
    clock.measure_if_due()
    for found in gateway.list_transactions():
        if owners := _owners(found, is_ours):
            gateway.delete_transaction(found.id)
            text = "deleted the open transaction %s with pipelines of %s: the operator that filled it was killed"
            log.info(text, found.id, ", ".join(owners))


def _owners(found: OpenTransaction, is_ours: Callable[[Owner], bool]) -> list[str]:
    """Return the ScriptModels whose pipelines a transaction has; none if any request in it is not this release's.

    Calls of this process are not filling it, and no other process acts meanwhile.
    """
    marks = [mark_of(annotations) for annotations in found.pipelines]
    ours = not found.others and all(mark and is_ours(mark.owner) for mark in marks)
    return sorted({str(mark.owner) for mark in marks if mark}) if ours else []
