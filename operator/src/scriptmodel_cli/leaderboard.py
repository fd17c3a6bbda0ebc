"""Formats a search, as status.search and `scriptmodel search -o json`, which has all trials, have it. Pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.output import style
from scriptmodel_cli.text import did_you_mean
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration

Trial = Mapping[str, Any]
"""A trial with the fields of status.search.top, and those that only Pachyderm has."""
_STATES = {"complete": "green", "running": "yellow", "waiting": None, "failed": "red"}
_WIDEST_REASON = 60
_MISSING = (None, "")
_FIELDS = {"nats/char": "value", "time": "seconds", "gpu": "gpuSeconds"}
"""The fields of columns whose header is another word."""


def _flat(trial: Trial) -> dict[str, Any]:
    start = ("trial", "state", "epochs", "epochsTotal", "perplexity", "value")
    given = trial.get("parameters") or {}
    values = {f"parameters.{name}" if name in start else name: value for name, value in given.items()}
    end = ("seconds", "gpuSeconds", "reason")
    return {**{name: trial.get(name) for name in start}, **values, **{name: trial.get(name) for name in end}}


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


def ordered(trials: Sequence[Trial], column: str) -> list[Trial]:
    """Sort by a column or parameter, descending after a `-`; without one best first. Raises InputError if unknown."""
    if not column or not trials:
        return list(trials)
    rows, asked = [*map(_flat, trials)], column.removeprefix("-").lower()
    known = {name.lower(): name for row in rows for name in row}
    name = known.get(_FIELDS.get(asked, asked))
    if name is None:
        raise InputError(f"no column {column!r}{did_you_mean(asked, known)}: sort by {', '.join(known.values())}")
    missing = [trial for row, trial in zip(rows, trials, strict=True) if row.get(name) in _MISSING]
    present = [trial for trial in trials if trial not in missing]
    present.sort(key=lambda trial: _sortable(_flat(trial)[name]), reverse=column.startswith("-"))
    return present + missing


def _sortable(value: Any) -> tuple[bool, float, str]:
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, str(value)


def rows_of(trials: Sequence[Trial]) -> list[list[str]]:
    """Return headers and rows, with a column for each parameter, and none that is empty."""
    rows = [*map(_cells, trials)]
    columns = {head: [row.get(head, "") for row in rows] for row in rows for head in row}
    heads = [head for head, cells in columns.items() if any(cells)]
    return [heads, *([columns[head][number] for head in heads] for number in range(len(rows)))]


def csv_of(trials: Sequence[Trial]) -> str:
    rows, out = [*map(_flat, trials)], io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*rows[:1], *(row.values() for row in rows)])
    return out.getvalue()


def progress_of(search: Mapping[str, Any]) -> str:
    counts = search.get("trials") or {}
    states = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    if not states:
        return "The search has no trials yet."
    time = f"{format_duration(search['seconds'])} of training" if search.get("seconds") else ""
    to_go = f"{format_duration(search['etaSeconds'])} to go" if search.get("etaSeconds") else ""
    gpu = f"{search['gpuSeconds']} GPU-seconds" if search.get("gpuSeconds") else ""
    return f"{search['algorithm']}: {'; '.join(filter(None, (states, time, to_go, gpu)))}"


def best_of(search: Mapping[str, Any]) -> str:
    from scriptmodel_operator.search.declared import best_trial  # noqa: PLC0415 - pydantic takes time

    best = best_trial(search)
    if not best:
        return ""
    values = ", ".join(f"{name} {value}" for name, value in best["parameters"].items())
    return f"trial {int(best['trial'])} has perplexity {float(best['perplexity']):.1f} with {values}"
