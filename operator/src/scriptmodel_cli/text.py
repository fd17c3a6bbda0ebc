"""Formats ScriptModels, as the API server sends them, as lines for a terminal. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from scriptmodel_cli.output import escaped, style
from scriptmodel_operator.api.conditions import conditions_of, one_line
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.api.reasons import Reason

Object = Mapping[str, Any]
_WIDEST_MESSAGE = 120
_LEAST_LIKENESS = 0.75


def condition(found: Object, kind: str = "Ready") -> Object:
    return conditions_of(found.get("status")).get(kind, {})


def is_observed(found: Object) -> bool:
    return bool((found.get("status") or {}).get("observedGeneration") == found["metadata"].get("generation"))


def is_settled(found: Object) -> bool:
    """Return whether it is ready, stalled or suspended, for the newest spec and the requests in its annotations."""
    if not is_observed(found) or not _is_handled(found, RECONCILE_AT, "lastHandledReconcileAt"):
        return False
    ready = condition(found).get("status") == "True" and _is_handled(found, RETRAIN_AT, "lastHandledRetrainAt")
    return ready or suspended(found) or condition(found, "Stalled").get("status") == "True"


def suspended(found: Object) -> bool:
    return bool(condition(found).get("reason") == Reason.SUSPENDED.value)


def _is_handled(found: Object, annotation: str, field: str) -> bool:
    requested = (found["metadata"].get("annotations") or {}).get(annotation)
    return not requested or requested == (found.get("status") or {}).get(field)


def state_of(found: Object) -> str:
    if suspended(found):
        return "paused"
    if condition(found).get("status") == "True" and is_observed(found):
        return "ready"
    return "stalled" if condition(found, "Stalled").get("status") == "True" else "working"


def coloured(found: Object, word: str) -> str:
    return style(word, fg={"ready": "green", "stalled": "red"}.get(state_of(found), "yellow"))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns three spaces apart; colours take no width."""
    rows = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(len(click.unstyle(row[column])) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "   ".join(cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in padded]


def list_of(found: Object, *, namespaces: bool) -> list[str]:
    """Lay out a table of the API server as kubectl does."""
    # Columns of a lower priority come last.
    columns = [column["name"].upper() for column in found["columnDefinitions"] if not column["priority"]]
    rows = [[*(("NAMESPACE",) if namespaces else ()), *columns]]
    for row in found["rows"]:
        cells = dict(zip(columns, (one_line(str(cell or ""), _WIDEST_MESSAGE) for cell in row["cells"]), strict=False))
        cells["STATUS"] = coloured(row["object"], cells["STATUS"] or "Pending")
        rows.append([*((row["object"]["metadata"]["namespace"],) if namespaces else ()), *cells.values()])
    return table(rows)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=_LEAST_LIKENESS)
    return f" (did you mean {near[0]}?)" if near else ""


def age(created: str, now: datetime) -> str:
    """Format an age as kubectl does: 45s, 12m, 3h, 5d."""
    seconds = max(0, int((now - parse_time(created)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def bar(percent: int, width: int) -> str:
    full = width * max(0, min(100, percent)) // 100
    return "█" * full + "░" * (width - full)
