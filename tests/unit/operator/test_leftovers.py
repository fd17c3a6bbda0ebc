"""Transactions that a killed operator leaves open in Pachyderm."""

from __future__ import annotations

from datetime import timedelta

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.controller.leftovers import leftovers
from scriptmodel_operator.pachyderm.values import OpenTransaction
from tests.unit.operator.pachyderm_state import EPOCH

OURS = Mark(Owner("cluster-1", "ml", "thrones", "1")).annotations()
THEIRS = Mark(Owner("cluster-2", "ml", "thrones", "1")).annotations()


def dropped(*found: OpenTransaction) -> tuple[str, ...]:
    return leftovers(found, "cluster-1", lambda since: EPOCH - since)


def test_only_transactions_with_our_ownership_annotation_are_dropped() -> None:
    assert dropped(
        OpenTransaction("ours", EPOCH, (OURS,)),
        OpenTransaction("theirs", EPOCH, (THEIRS,)),
        OpenTransaction("unmarked", EPOCH, ({},)),
        OpenTransaction("mixed", EPOCH, (OURS, {})),
        OpenTransaction("with more", EPOCH, (OURS,), others=1),
        OpenTransaction("a repo", EPOCH - timedelta(days=1), others=1),
    ) == ("ours",)


def test_an_empty_transaction_is_dropped_once_it_cannot_be_in_use() -> None:
    old, young = EPOCH - timedelta(minutes=61), EPOCH - timedelta(minutes=59)
    assert dropped(OpenTransaction("old", old), OpenTransaction("young", young)) == ("old",)
