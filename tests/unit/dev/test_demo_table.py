"""The demo repeats `kubectl get` as one aligned table that grows only when something changes."""

from __future__ import annotations

from dev.demo import Table


def printed(status: str, epoch: str, age: str) -> str:
    width = max(len(status), len("STATUS")) + 3
    header = f"NAME    {'STATUS'.ljust(width)}EPOCH   {'AGE'.ljust(6)}MODEL COMMIT   ETA"
    return f"{header}\nplays   {status.ljust(width)}{epoch.ljust(8)}{age.ljust(6)}{'0123'.ljust(15)}7s"


def test_the_header_comes_once_and_columns_stay_aligned() -> None:
    table = Table({"STATUS": 10})
    first = table.news(printed("Pending", "", "2s"))
    second = table.news(printed("Training", "1/3", "5s"))
    assert first == ["NAME    STATUS       EPOCH   AGE   ETA", "plays   Pending              2s    7s"]
    assert second == ["plays   Training     1/3     5s    7s"]


def test_an_older_object_is_no_news() -> None:
    table = Table({})
    table.news(printed("Training", "1/3", "5s"))
    assert table.news(printed("Training", "1/3", "7s")) == []
