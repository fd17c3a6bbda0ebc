"""Formats status.search. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptmodel_cli.output import style
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration

Trial = Mapping[str, Any]
"""An item of status.search.top."""
_STATES = {"complete": "green", "running": "yellow", "waiting": None, "failed": "red"}
_WIDEST_REASON = 60
_MISSING = (None, "")


def _cells(trial: Trial) -> dict[str, str]:
    known = {field: value for field, value in trial.items() if value not in _MISSING}

    def figure(field: str, form: Callable[[float], str]) -> str:
        return form(float(known[field])) if field in known else ""

    return {
        "TRIAL": str(int(trial["trial"])),
        "STATE": style(trial["state"], fg=_STATES.get(trial["state"])),
        "EPOCHS": "/".join(str(known[field]) for field in ("epochs", "epochsTotal") if field in known),
        "PERPLEXITY": figure("perplexity", "{:.1f}".format),
        "NATS/CHAR": figure("value", "{:.4f}".format),
        **{name: str(value) for name, value in (trial.get("parameters") or {}).items()},
        "TIME": figure("seconds", format_duration),
        "GPU": figure("gpuSeconds", format_duration),
        "REASON": one_line(
            ": ".join(known[field] for field in ("reason", "message") if field in known), _WIDEST_REASON
        ),
    }


def rows_of(trials: Sequence[Trial]) -> list[list[str]]:
    """Return headers and rows, with a column for each parameter, and none that is empty."""
    rows = [*map(_cells, trials)]
    columns = {head: [row.get(head, "") for row in rows] for row in rows for head in row}
    heads = [head for head, cells in columns.items() if any(cells)]
    return [heads, *([columns[head][number] for head in heads] for number in range(len(rows)))]


def progress_of(search: Mapping[str, Any]) -> str:
    counts = search.get("trials") or {}
    states = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    if not states:
        return "The search has no trials yet."
    time = f"{format_duration(search['seconds'])} of training" if search.get("seconds") else ""
    to_go = f"{format_duration(search['etaSeconds'])} to go" if search.get("etaSeconds") else ""
    gpu = f"{search['gpuSeconds']} GPU-seconds" if search.get("gpuSeconds") else ""
    return f"{search['algorithm']}: {'; '.join(filter(None, (states, time, to_go, gpu)))}"
