"""The section `The search` of the report: each trial's curve, what each setting did, and the table of all runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from scriptmodel_trainer.reporting.scatter import Scatter
from scriptmodel_trainer.reporting.templating import number
from scriptmodel_trainer.trials import Run, rank_of
from scriptmodel_trainer.web.charts import BACKGROUND, Chart, Series

_BEST, _FAILED = "two", "four"
_KINDS = {_BEST: "best trial", BACKGROUND: "other trials", _FAILED: "failed trials"}
_WIDE = (1010, 330)
_FAR = 10.0  # times the others' highest perplexity
_STATES = {"complete": 0, "paused": 1, "failed": 2}


def search_section(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Return the values of `search.html`; None for a model that is not of a search."""
    if not runs:
        return None
    good = [value for run in runs if run.state != "failed" for _, value in run.curve if value is not None]
    most = _FAR * max(good, default=math.inf)
    # The winner last, so that it is drawn above the others.
    drawn = sorted((_near(run, most) for run in runs), key=lambda run: (run.winner, run.trial, run.repeat))
    names = list(dict.fromkeys(name for run in runs for name in run.parameters))
    ranked = sorted(runs, key=_rank)
    return {
        "summary": _summary(runs),
        "curves": _curves(drawn),
        "settings": [*_settings(drawn, names)],
        "heads": ["trial", "state", *names, "perplexity", "nats per character", "epochs", "seconds", ""],
        "rows": [_row(run, names) for run in ranked],
    }


def _rank(run: Run) -> tuple[float, ...]:
    """The least of which is the best: the winner, those that came further, then by value, else by perplexity."""
    return (not run.winner, _STATES[run.state], -run.epochs, rank_of(run.value), rank_of(run.perplexity))


def _curves(runs: Sequence[Run]) -> Chart:
    # No line is seen of a single value; with many runs the values of all would be too many marks.
    series = [
        Series(
            _title(run),
            _style(run),
            [rank_of(value) for _, value in run.curve],
            dots=run.winner or len(run.curve) == 1,
            kind=_KINDS[_style(run)],
        )
        for run in runs
    ]
    return Chart("Validation perplexity by epoch (logarithmic)", series, size=_WIDE, logarithmic=True)


def _near(run: Run, most: float) -> Run:
    """Return a run without what it reached above `most`, which would flatten the others, if it failed."""
    if run.state != "failed":
        return run
    curve = tuple((epoch, value) for epoch, value in run.curve if rank_of(value) <= most)
    perplexity = run.perplexity if rank_of(run.perplexity) <= most else None
    return msgspec.structs.replace(run, curve=curve, perplexity=perplexity)


def _settings(runs: Sequence[Run], names: Sequence[str]) -> Iterator[Chart]:
    """Yield a chart of each setting against perplexity; runs without a perplexity are left out."""
    for name in names:
        shown = [run for run in runs if name in run.parameters and run.perplexity is not None]
        texts = [run.parameters[name] for run in shown]
        series = [
            Series(f"{_title(run)}: {name}={text}", _style(run), [rank_of(run.perplexity)])
            for run, text in zip(shown, texts, strict=True)
        ]
        if series:
            size = (500, 250) if len(names) > 1 else _WIDE  # an only one has the whole width
            yield Scatter(f"Validation perplexity by {name}", series, texts, size=size)


def _style(run: Run) -> str:
    return _BEST if run.winner else _FAILED if run.state == "failed" else BACKGROUND


def _title(run: Run) -> str:
    return f"trial {run.trial}{f', seed {run.seed}' if run.repeat > 1 else ''}"


def _summary(runs: Sequence[Run]) -> str:
    """Return a sentence on how many there were and which is the best."""
    states = Counter[str](run.state for run in runs)
    counted = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    trials = len({run.trial for run in runs})
    repeated = f", {len(runs)} runs" if len(runs) > trials else ""
    best = next((run for run in runs if run.winner), None)
    found = f" The best is trial {best.trial} with {best.settings}." if best else ""
    paused = " Paused ones were behind after a round and were not continued." if states["paused"] else ""
    return f"{trials} trials{repeated}: {counted}.{found}{paused}"


def _row(run: Run, names: Sequence[str]) -> list[str]:
    value = "–" if run.value is None or not math.isfinite(run.value) else f"{run.value:.4f}"
    total = f" of {run.epochs_total}" if run.epochs_total else ""
    repeat = f".{run.repeat}" if run.repeat > 1 else ""
    return [
        f"{run.trial}{repeat}",
        "best" if run.winner else run.state,
        *(run.parameters.get(name, "–") for name in names),
        number(rank_of(run.perplexity)),
        value,
        f"{run.epochs}{total}",
        f"{run.seconds:,.0f}",
        run.message or run.reason,
    ]
