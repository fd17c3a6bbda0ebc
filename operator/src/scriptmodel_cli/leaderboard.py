"""Formats the trials of a search, as status.search and `scriptmodel search -o json` have them. Pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.output import style
from scriptmodel_cli.text import did_you_mean, table
from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.durations import format_duration

Trial = Mapping[str, Any]
"""A trial with the fields of status.search.top, and those that only Pachyderm has."""
_STATES = {"complete": "green", "running": "yellow", "paused": None, "waiting": None, "failed": "red"}
_WIDEST_REASON = 60
_MISSING = (None, "")


def _number(field: str, form: str) -> Callable[[Trial], str]:
    return lambda trial: format(float(trial[field]), form)


def _epochs(trial: Trial) -> str:
    return f"{trial['epochs']}/{trial['epochsTotal']}" if trial.get("epochsTotal") else str(trial["epochs"])


def _reason(trial: Trial) -> str:
    return one_line(": ".join(filter(None, (trial["reason"], trial.get("message")))), _WIDEST_REASON)


_SHOWN: Mapping[str, tuple[str, Callable[[Trial], str]]] = {
    "trial": ("TRIAL", _number("trial", ".0f")),
    "state": ("STATE", lambda trial: style(trial["state"], fg=_STATES.get(trial["state"]))),
    "round": ("ROUND", _number("round", ".0f")),
    "epochs": ("EPOCHS", _epochs),
    "perplexity": ("PERPLEXITY", _number("perplexity", ".1f")),
    "value": ("NATS/CHAR", _number("value", ".4f")),
    "seconds": ("TIME", lambda trial: format_duration(float(trial["seconds"]))),
    "gpuSeconds": ("GPU", lambda trial: format_duration(float(trial["gpuSeconds"]))),
    "reason": ("REASON", _reason),
}
"""The columns of the table besides the parameters: header and format, by field."""
COLUMNS = tuple(_SHOWN)


def _columns(trials: Sequence[Trial]) -> dict[str, list[Any]]:
    """Return the values of each column, with the fields as -o json names them and the parameters in the middle."""
    fields = ("trial", "state", "round", "epochs", "epochsTotal", "perplexity", "value")
    found = {field: [trial.get(field) for trial in trials] for field in fields}
    for name in dict.fromkeys(name for trial in trials for name in _values(trial)):
        found[f"parameters.{name}" if name in fields else name] = [_values(trial).get(name) for trial in trials]
    return found | {field: [trial.get(field) for trial in trials] for field in ("seconds", "gpuSeconds", "reason")}


def ordered(trials: Sequence[Trial], column: str) -> list[Trial]:
    """Sort by a column or parameter, descending after a `-`; without one best first. Raises InputError if unknown."""
    if not column or not trials:
        return list(trials)
    columns, asked = _columns(trials), column.removeprefix("-").lower()
    known = {name.lower(): name for name in columns} | {head.lower(): field for field, (head, _) in _SHOWN.items()}
    if asked not in known:
        raise InputError(f"no column {column!r}{did_you_mean(asked, known)}: sort by {', '.join(columns)}")
    cells = list(zip(columns[known[asked]], trials, strict=True))
    present = [cell for cell in cells if cell[0] not in _MISSING]
    present.sort(key=lambda cell: _sortable(cell[0]), reverse=column.startswith("-"))
    return [trial for _, trial in present] + [trial for value, trial in cells if value in _MISSING]


def _sortable(value: Any) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by size, before words."""
    try:
        return False, float(value), ""
    except ValueError:
        return True, 0.0, str(value)


def table_of(trials: Sequence[Trial]) -> list[str]:
    """Return a table with a column for each parameter, and none that is empty or the same round for all."""
    heads, rows = rows_of(trials)
    return table([heads, *rows])


def rows_of(trials: Sequence[Trial]) -> tuple[list[str], list[list[str]]]:
    """Return the headers and the rows of the table."""
    shown = {}
    for name, values in _columns(trials).items():
        if name == "epochsTotal" or not any(values) or (name == "round" and len(set(values)) == 1):
            continue
        cells = zip(trials, values, strict=True)
        if name in _SHOWN:
            head, form = _SHOWN[name]
            shown[head] = ["" if value in _MISSING else form(trial) for trial, value in cells]
        else:
            shown[name] = ["" if value is None else str(value) for _, value in cells]
    return list(shown), list(map(list, zip(*shown.values(), strict=True)))


def csv_of(trials: Sequence[Trial]) -> str:
    """Return the trials as CSV."""
    columns, out = _columns(trials), io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([[*columns], *zip(*columns.values(), strict=True)])
    return out.getvalue()


def counts_of(trials: Sequence[Trial]) -> dict[str, int]:
    """Return the number of trials in each state."""
    return dict(Counter(str(trial["state"]) for trial in trials))


def progress_of(search: Mapping[str, Any], counts: Mapping[str, int]) -> str:
    """Return algorithm, round, trials by state, and time; `search` has the fields of status.search."""
    states = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts.get(state))
    if not states:
        return "The search has no trials yet."
    in_round = f", round {search['round']} of {search['rounds']}" if search.get("rounds", 1) > 1 else ""
    time = f"{format_duration(search['seconds'])} of training" if search.get("seconds") else ""
    to_go = f"{format_duration(search['etaSeconds'])} to go" if search.get("etaSeconds") else ""
    gpu = f"{search['gpuSeconds']} GPU-seconds" if search.get("gpuSeconds") else ""
    return f"{search['algorithm']}{in_round}: {'; '.join(filter(None, (states, time, to_go, gpu)))}"


def best_of(trials: Sequence[Trial]) -> str:
    """Return the best trial in words; empty before the first has a perplexity."""
    best = next((trial for trial in trials if trial["state"] != "failed" and trial.get("perplexity")), None)
    if best is None:
        return ""
    values = ", ".join(f"{name} {value}" for name, value in _values(best).items())
    return f"trial {int(best['trial'])} has perplexity {float(best['perplexity']):.1f} with {values}"


def _values(trial: Trial) -> Mapping[str, Any]:
    return trial.get("parameters") or {}
