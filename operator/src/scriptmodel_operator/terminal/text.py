"""Plain text for a terminal. Pure: objects as the API server sends them in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Object = Mapping[str, Any]
_BAR_WIDTH = 30
_HEADERS = ("NAME", "READY", "STATUS", "PRESET", "EPOCH", "PERPLEXITY", "AGE")


def condition(found: Object, kind: str = "Ready") -> Object:
    """A condition of an object; an empty one where it has none yet."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, three spaces apart."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in padded]


def list_of(objects: Iterable[Object], now: datetime, *, namespaces: bool) -> list[str]:
    """The columns of `kubectl get scriptmodels`."""
    rows: list[tuple[str, ...]] = [("NAMESPACE", *_HEADERS) if namespaces else _HEADERS]
    for found in objects:
        row = _row(found, now)
        rows.append((found["metadata"]["namespace"], *row) if namespaces else row)
    return table(rows)


def _row(found: Object, now: datetime) -> tuple[str, ...]:
    training = (found.get("status") or {}).get("training") or {}
    ready = condition(found)
    return (
        found["metadata"]["name"],
        ready.get("status", "Unknown"),
        ready.get("reason", "Pending"),
        found["spec"]["model"]["preset"],
        training.get("epochProgress", ""),
        (training.get("perplexity") or {}).get("best", ""),
        age(found["metadata"]["creationTimestamp"], now),
    )


def status_of(found: Object, now: datetime) -> list[str]:
    """Everything that the status tells, on one screen."""
    status = found.get("status") or {}
    ready = condition(found)
    lines = [
        f"{found['metadata']['namespace']}/{found['metadata']['name']}   preset {found['spec']['model']['preset']}, "
        f"{age(found['metadata']['creationTimestamp'], now)} old",
        f"{ready.get('reason', 'Pending')}: {ready.get('message', 'the operator has not looked at it yet')}",
    ]
    if status.get("observedGeneration") != found["metadata"].get("generation"):
        lines.append("The operator has not seen the newest spec yet.")
    lines += _training(status.get("training") or {})
    lines += _lineage(status.get("lineage") or {})
    lines += _history(status.get("history") or [])
    lines += _script(status.get("script") or {})
    return lines


def _training(training: Object) -> list[str]:
    if not training.get("epochProgress"):
        return []
    percent = int(training.get("progressPercent", 0))
    full = _BAR_WIDTH * percent // 100
    bar = "#" * full + "-" * (_BAR_WIDTH - full)
    speed = f", {training['wordsPerSecond']} words/s" if training.get("wordsPerSecond") else ""
    eta = f", {training['eta']} to go" if training.get("eta") else ""
    lines = ["", f"training    [{bar}] {percent}%  epoch {training['epochProgress']}{speed}{eta}"]
    figures = training.get("perplexity") or {}
    told = [f"{kind} {figures[kind]}" for kind in ("train", "valid", "test") if figures.get(kind)]
    return [*lines, f"perplexity  {', '.join(told)}"] if told else lines


def _lineage(lineage: Object) -> list[str]:
    rows = [
        (kind, f"{commit.get('project')}/{commit.get('repo')}", str(commit.get("commit")))
        for kind in ("corpus", "model", "script")
        if (commit := lineage.get(kind))
    ]
    return ["", *table(rows)] if rows else []


def _history(history: Sequence[Object]) -> list[str]:
    if len(history) < 2:
        return []
    rows = [("MODEL", "GENERATION", "PERPLEXITY", "FINISHED")]
    for entry in history:
        generation = str(entry.get("generation", ""))
        perplexity = str(entry.get("perplexity", ""))
        rows.append((str(entry.get("modelCommit")), generation, perplexity, str(entry.get("finished", ""))))
    return ["", *table(rows)]


def _script(script: Object) -> list[str]:
    if not script:
        return []
    words = f", {script['words']} words" if script.get("words") else ""
    head = f"script      {script.get('sizeBytes', 0)} bytes{words}; it begins:"
    excerpt = str(script.get("excerpt", "")).splitlines()[:8]
    return ["", head, *(f"  {line}" for line in excerpt)]


def age(created: str, now: datetime) -> str:
    """As kubectl writes ages: 45s, 12m, 3h, 5d."""
    seconds = max(0, int((now - parse_time(created)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
