"""The figures as a table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from dev.bench.operator.run import SERVER, STUB, Figures, Sizes, Stretch

_LISTS = ("ListProject", "ListRepo", "ListPipeline", "ListJob")


def render(sizes: Sizes, found: Mapping[str, Sequence[Figures]]) -> str:
    """One column per program with the medians of its rounds; - for figures that were not reached, and no empty rows."""
    rows: list[list[str]] = [[f"{sizes.objects} objects", *found]]
    for title, figure in _rows(sizes):
        cells = [_median(figure, rounds) for rounds in found.values()]
        if any(cell != "-" for cell in cells):
            rows.append([title, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _rows(sizes: Sizes) -> list[tuple[str, Callable[[Figures], float | None]]]:
    many = sizes.objects
    rows: list[tuple[str, Callable[[Figures], float | None]]] = [("handled", lambda each: each.handled)]
    for title, stretch in (
        ("first start", "first"),
        ("restart", "restart"),
        (f"idle {sizes.idle:.0f} s", "idle"),
    ):
        rows += [
            (f"{title}: {name}", _of(stretch, figure))
            for name, figure in _STRETCH
            if name not in _NOT_IDLE or stretch != "idle"
        ]
    rows += [
        ("first start: writes per object", _of("first", lambda each: each.requests.writes / many)),
        ("first start: pachd calls per object", _of("first", lambda each: sum(each.pachd.values()) / many)),
        ("restart: pachd calls per object", _of("restart", lambda each: sum(each.pachd.values()) / many)),
    ]
    for title, name in (
        ("spec to status", "changes"),
        ("spec to pipeline and status", "updates"),
        ("object to pipelines", "creations"),
    ):
        for share in (50, 99):
            rows.append((f"{title}: p{share}, ms", _quantile(name, share)))
    return rows


_NOT_IDLE = ("seconds",)
_STRETCH: tuple[tuple[str, Callable[[Stretch], float]], ...] = (
    ("seconds", lambda each: each.seconds),
    ("CPU seconds", lambda each: each.usage.cpu),
    ("CPU seconds of the API server", lambda each: each.around[SERVER]),
    ("CPU seconds of the stub of pachd", lambda each: each.around[STUB]),
    ("MiB", lambda each: each.usage.rss),
    ("MiB at most", lambda each: each.usage.peak),
    ("writes to the API server", lambda each: each.requests.writes),
    ("reads from the API server", lambda each: each.requests.reads),
    ("refused by the API server", lambda each: each.requests.refused),
    ("calls to pachd", lambda each: sum(each.pachd.values())),
    ("pipelines written", lambda each: each.pachd.get("CreatePipeline", 0)),
    ("calls to pachd that list", lambda each: sum(each.pachd.get(name, 0) for name in _LISTS)),
)


def _of(stretch: str, figure: Callable[[Stretch], float]) -> Callable[[Figures], float | None]:
    def found(each: Figures) -> float | None:
        known: Stretch | None = getattr(each, stretch)
        return None if known is None else figure(known)

    return found


def _quantile(name: str, share: int) -> Callable[[Figures], float | None]:
    def found(each: Figures) -> float | None:
        known = sorted(getattr(each, name))
        return known[min(len(known) - 1, len(known) * share // 100)] * 1000 if known else None

    return found


def _median(figure: Callable[[Figures], float | None], rounds: Sequence[Figures]) -> str:
    found = [value for value in map(figure, rounds) if value is not None]
    if not found:
        return "-"
    middle = statistics.median(found)
    return f"{middle:.0f}" if middle >= 100 or middle == int(middle) else f"{middle:.1f}"
