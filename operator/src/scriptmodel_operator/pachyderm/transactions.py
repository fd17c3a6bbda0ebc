"""Deletes the transactions in Pachyderm that a killed operator left open: they never expire.

It deletes only those with nothing but pipelines that carry this cluster's ownership annotation, of objects in the
namespaces that this release watches: another release may be filling its own. One that was left
before its first pipeline is like anybody's, and stays; it has no effect.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from scriptmodel_operator.api.marks import Owner, mark_of
from scriptmodel_operator.engine.values import OpenTransaction

log = logging.getLogger(__name__)


class Transactions(Protocol):
    def list_transactions(self) -> Sequence[OpenTransaction]:
        """Return the open transactions, without those that calls of this gateway are filling."""

    def delete_transaction(self, transaction_id: str) -> None:
        """Delete a transaction without executing its requests. A missing one is not an error."""


def sweep(transactions: Transactions, is_ours: Callable[[Owner], bool]) -> None:
    for found in transactions.list_transactions():
        if owners := _owners(found, is_ours):
            transactions.delete_transaction(found.id)
            text = "deleted the open transaction %s with pipelines of %s: the operator that filled it was killed"
            log.info(text, found.id, ", ".join(owners))


def _owners(found: OpenTransaction, is_ours: Callable[[Owner], bool]) -> list[str]:
    """Return the ScriptModels whose pipelines a transaction has; none if any request in it is not this release's.

    Calls of this process are not filling it, and no other process acts meanwhile.
    """
    marks = [mark_of(annotations) for annotations in found.pipelines]
    ours = not found.others and all(mark and is_ours(mark.owner) for mark in marks)
    return sorted({str(mark.owner) for mark in marks if mark}) if ours else []
