"""Finds the transactions that an operator left open because it was killed: they never expire. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.pachyderm.values import OpenTransaction
from scriptmodel_operator.reconcile.state import Elapsed

EMPTY_FOR = timedelta(hours=1)
"""Age after which an empty transaction, which carries no ownership annotation, counts as abandoned."""


def leftovers(open_transactions: Iterable[OpenTransaction], cluster: str, elapsed: Elapsed) -> tuple[str, ...]:
    """Return the ids of transactions with this cluster's ownership annotation, and of those empty for `EMPTY_FOR`.

    `open_transactions` must exclude those that a call of this process is filling. No other process acts meanwhile.
    """
    return tuple(
        each.id
        for each in open_transactions
        if _ours(each, cluster) or (each.empty and each.started is not None and elapsed(each.started) > EMPTY_FOR)
    )


def _ours(found: OpenTransaction, cluster: str) -> bool:
    """Return whether every request in the transaction is from this cluster: others may still use theirs."""
    marks = [mark_of(annotations) for annotations in found.pipelines]
    return bool(marks) and not found.others and all(mark and mark.owner.cluster == cluster for mark in marks)
