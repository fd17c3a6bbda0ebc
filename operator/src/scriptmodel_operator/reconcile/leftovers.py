"""Finds abandoned transactions: an operator killed between two calls leaves one, and they never expire. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.pachyderm.values import OpenTransaction
from scriptmodel_operator.reconcile.state import Elapsed

EMPTY_FOR = timedelta(hours=1)
"""An empty transaction has no mark; after this time it counts as abandoned."""


def leftovers(open_transactions: Iterable[OpenTransaction], cluster: str, elapsed: Elapsed) -> tuple[str, ...]:
    """Return the ids of those with a mark of this cluster, and of those that were empty for `EMPTY_FOR`.

    `open_transactions` excludes those that a call of this process is using; only one process acts at a time.
    """
    return tuple(
        each.id
        for each in open_transactions
        if _ours(each, cluster) or (each.empty and each.started is not None and elapsed(each.started) > EMPTY_FOR)
    )


def _ours(found: OpenTransaction, cluster: str) -> bool:
    """Return whether all of its requests are ours: a transaction that somebody else uses must not be deleted."""
    marks = [mark_of(annotations) for annotations in found.pipelines]
    return bool(marks) and not found.others and all(mark and mark.owner.cluster == cluster for mark in marks)
