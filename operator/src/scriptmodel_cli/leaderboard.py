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


def _number(form: str) -> Callable[[Trial, str], str]:
    return lambda trial, key: format(float(trial[key]), form)


def _state(trial: Trial, key: str) -> str:
    return style(trial[key], fg=_STATES.get(trial[key]))


def _epochs(trial: Trial, key: str) -> str:
    return f"{trial[key]}/{trial['epochsTotal']}" if trial.get("epochsTotal") else str(trial[key])


def _reason(trial: Trial, key: str) -> str:
    reason, message = str(trial[key]), str(trial.get("message") or "")
    return one_line(f"{reason}: {message}" if message else reason, _WIDEST_REASON)


_SHOWN: Mapping[str, tuple[str, Callable[[Trial, str], str]]] = {
    "trial": ("TRIAL", _number(".0f")),
    "state": ("STATE", _state),
    "round": ("ROUND", _number(".0f")),
    "epochs": ("EPOCHS", _epochs),
    "perplexity": ("PERPLEXITY", _number(".1f")),
    "value": ("NATS/CHAR", _number(".4f")),
    "seconds": ("TIME", lambda trial, key: format_duration(float(trial[key]))),
    "gpuSeconds": ("GPU", lambda trial, key: format_duration(float(trial[key]))),
    "reason": ("REASON", _reason),
}
"""The columns besides the parameters: header and format, by field."""
COLUMNS = tuple(_SHOWN)
_BEFORE_PARAMETERS = ("trial", "state", "round", "epochs", "perplexity", "value")


def ordered(trials: Sequence[Trial], column: str) -> list[Trial]:
    """Sort by a column or parameter, descending after a `-`; without one best first. Raises InputError if unknown."""
    if not column or not trials:
        return list(trials)
    named = {header.lower(): field for field, (header, _shown) in _SHOWN.items()}
    known = {**named, **{name.lower(): name for name in (*COLUMNS, *_parameters(trials))}}
    asked = column.removeprefix("-").lower()
    if asked not in known:
        columns = ", ".join(dict.fromkeys((*COLUMNS, *_parameters(trials))))
        raise InputError(f"no column {column!r}{did_you_mean(asked, known)}: sort by {columns}")
    field = known[asked]
    present = [trial for trial in trials if _cell(trial, field) not in _MISSING]
    present.sort(key=lambda trial: _sortable(_cell(trial, field)), reverse=column.startswith("-"))
    return [*present, *(trial for trial in trials if _cell(trial, field) in _MISSING)]


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
    values = {field: {trial.get(field) or 0 for trial in trials} for field in COLUMNS}
    fields = [each for each in COLUMNS if values[each] != {0} and (each != "round" or len(values[each]) > 1)]
    before = [each for each in fields if each in _BEFORE_PARAMETERS]
    after = [each for each in fields if each not in _BEFORE_PARAMETERS]
    names = _parameters(trials)
    heads = [*(_SHOWN[each][0] for each in before), *names, *(_SHOWN[each][0] for each in after)]
    rows = [
        [*(_shown(trial, each) for each in before), *(str(_values(trial).get(each, "")) for each in names)]
        + [_shown(trial, each) for each in after]
        for trial in trials
    ]
    return heads, rows


def csv_of(trials: Sequence[Trial]) -> str:
    """Return the trials as CSV, with the fields as -o json names them."""
    before, after = (
        (*_BEFORE_PARAMETERS[:4], "epochsTotal", *_BEFORE_PARAMETERS[4:]),
        ("seconds", "gpuSeconds", "reason"),
    )
    names = _parameters(trials)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*before, *(f"parameters.{each}" if each in before else each for each in names), *after])
    for trial in trials:
        values = (_values(trial).get(each) for each in names)
        writer.writerow([*map(trial.get, before), *values, *map(trial.get, after)])
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
    return f"trial {_shown(best, 'trial')} has perplexity {_shown(best, 'perplexity')} with {values}"


def _parameters(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in _values(trial)))


def _cell(trial: Trial, field: str) -> Any:
    return _values(trial).get(field, trial.get(field))


def _values(trial: Trial) -> Mapping[str, Any]:
    return trial.get("parameters") or {}


def _shown(trial: Trial, field: str) -> str:
    return _SHOWN[field][1](trial, field) if trial.get(field) not in _MISSING else ""
