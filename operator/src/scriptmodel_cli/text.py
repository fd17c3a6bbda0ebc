"""Plain text for a terminal. Pure: objects as the API server sends them in, lines out; colours fall off elsewhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from scriptmodel_cli.output import escaped, style
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.api.reasons import Reason

Object = Mapping[str, Any]
HEADERS = ("NAME", "READY", "STATUS", "PRESET", "EPOCH", "PERPLEXITY", "AGE")
WIDE_HEADERS = ("TEST", "WPS", "ETA", "MODEL COMMIT", "MESSAGE")
_WIDEST_MESSAGE = 120
SHORT_ID = 8
"""Characters that are shown of an id."""


def condition(found: Object, kind: str = "Ready") -> Object:
    """A condition of an object; an empty one where it has none yet."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def seen(found: Object) -> bool:
    """Whether the status tells of the newest spec."""
    return bool((found.get("status") or {}).get("observedGeneration") == found["metadata"].get("generation"))


def settled(found: Object) -> bool:
    """Ready, stuck or suspended, as of the newest spec and of what annotations ask for."""
    if not seen(found) or not _answered(found, RECONCILE_AT, "lastHandledReconcileAt"):
        return False
    ready = condition(found).get("status") == "True" and _answered(found, RETRAIN_AT, "lastHandledRetrainAt")
    return ready or suspended(found) or condition(found, "Stalled").get("status") == "True"


def suspended(found: Object) -> bool:
    """Its pipelines are stopped, as its spec asks for: it is neither at work nor stuck."""
    return bool(condition(found).get("reason") == Reason.SUSPENDED.value)


def _answered(found: Object, annotation: str, field: str) -> bool:
    asked = (found["metadata"].get("annotations") or {}).get(annotation)
    return not asked or asked == (found.get("status") or {}).get(field)


def coloured(found: Object, word: str) -> str:
    """Green where it is ready, red where it is stuck, yellow where work goes on."""
    if condition(found).get("status") == "True":
        return style(word, fg="green")
    return style(word, fg="red" if condition(found, "Stalled").get("status") == "True" else "yellow")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, three spaces apart; colours take no width."""
    rows = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(len(click.unstyle(row[column])) for row in rows) for column in range(len(rows[0]))]
    padded = (
        "   ".join(cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in padded]


def list_of(objects: Iterable[Object], now: datetime, *, namespaces: bool, wide: bool = False) -> list[str]:
    """The columns of `kubectl get scriptmodels`, with `wide` those of -o wide."""
    headers = (*(("NAMESPACE",) if namespaces else ()), *HEADERS, *(WIDE_HEADERS if wide else ()))
    rows: list[tuple[str, ...]] = [headers]
    for found in objects:
        place = (str(found["metadata"]["namespace"]),) if namespaces else ()
        rows.append((*place, *_row(found, now), *(_wide(found) if wide else ())))
    return table(rows)


def _row(found: Object, now: datetime) -> tuple[str, ...]:
    training = (found.get("status") or {}).get("training") or {}
    ready = condition(found)
    return (
        found["metadata"]["name"],
        ready.get("status", "Unknown"),
        coloured(found, ready.get("reason", "Pending")),
        found["spec"]["model"]["preset"],
        training.get("epochProgress", ""),
        (training.get("perplexity") or {}).get("best", ""),
        age(found["metadata"]["creationTimestamp"], now),
    )


def _wide(found: Object) -> tuple[str, ...]:
    status = found.get("status") or {}
    training, model = status.get("training") or {}, (status.get("lineage") or {}).get("model") or {}
    message = one_line(condition(found).get("message", ""), _WIDEST_MESSAGE)
    return (
        (training.get("perplexity") or {}).get("test", ""),
        str(training.get("wordsPerSecond", "")),
        training.get("eta", ""),
        str(model.get("commit", ""))[:SHORT_ID],
        message,
    )


def line_of(found: Object) -> str:
    """All that matters on one line, for a log of changes: reason, progress, perplexity, time to go or message."""
    if not seen(found):
        return style("Pending", fg="yellow") + " " * 17 + "no operator has looked at the newest spec yet"
    training = (found.get("status") or {}).get("training") or {}
    reason = str(condition(found).get("reason", "Pending"))
    parts = [coloured(found, reason) + " " * (22 - len(reason))]
    if reason == "Training" and training.get("epochProgress"):
        parts += [f"epoch {training['epochProgress']}", f"{training.get('progressPercent', 0)}%"]
        if best := (training.get("perplexity") or {}).get("best"):
            parts.append(f"best validation perplexity {best}")
        if running := (training.get("perplexity") or {}).get("running"):
            parts.append(f"running {running}")
        if training.get("eta"):
            parts.append(f"{training['eta']} to go")
    else:
        parts.append(one_line(condition(found).get("message", ""), 400))
    return "  ".join(parts)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean X?)` for the known name that is most like a name; empty where none is."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def one_line(message: str, limit: int) -> str:
    joined = " ".join(str(message).split())
    return joined if len(joined) <= limit else joined[: limit - 1] + "…"


def age(created: str, now: datetime) -> str:
    """As kubectl writes ages: 45s, 12m, 3h, 5d."""
    seconds = max(0, int((now - parse_time(created)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
