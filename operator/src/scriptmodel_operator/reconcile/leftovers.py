"""Transactions that nobody will finish any more: a kill between two calls leaves them, and they never expire. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.pachyderm.values import OpenTransaction
from scriptmodel_operator.reconcile.state import Elapsed

EMPTY_FOR = timedelta(hours=1)
"""An empty transaction carries no mark; after this time nobody is about to put anything into it."""


def leftovers(open_transactions: Iterable[OpenTransaction], cluster: str, elapsed: Elapsed) -> tuple[str, ...]:
    """Ids of those that carry a mark of this cluster, and of those that have stayed empty for `EMPTY_FOR`.

    `open_transactions` are those that no call of this process is at work on; a process that acts is the only one.
    """
    return tuple(
        each.id
        for each in open_transactions
        if _ours(each, cluster) or (each.empty and each.started is not None and elapsed(each.started) > EMPTY_FOR)
    )


def _ours(found: OpenTransaction, cluster: str) -> bool:
    """Every request in it is ours: what somebody else put something into is not ours to drop."""
    marks = [mark_of(annotations) for annotations in found.pipelines]
    return bool(marks) and not found.others and all(mark and mark.owner.cluster == cluster for mark in marks)
