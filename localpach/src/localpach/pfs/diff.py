"""Differences between two trees."""

from __future__ import annotations

from collections.abc import Iterator

from localpach.pfs.listing import Entry

Pair = tuple[Entry | None, Entry | None]


def differences(old: Iterator[Entry], new: Iterator[Entry]) -> Iterator[Pair]:
    """Yield the entries that differ between two trees or exist in one only, ordered by path."""
    before, after = next(old, None), next(new, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.path < after.path):
            yield before, None
            before = next(old, None)
        elif before is None or after.path < before.path:
            yield None, after
            after = next(new, None)
        else:
            if before.hash != after.hash:
                yield before, after
            before, after = next(old, None), next(new, None)
