"""The section `The search` of the report: each trial's curve, what each setting did, and the table of all runs."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from scriptmodel_trainer.artifacts.trials import TrialRun
from scriptmodel_trainer.reporting.scatter import Scatter
from scriptmodel_trainer.reporting.templating import number
from scriptmodel_trainer.web.charts import BACKGROUND, Chart, Series

_BEST, _FAILED = "two", "four"
_KINDS = {_BEST: "best trial", BACKGROUND: "other trials", _FAILED: "failed trials"}
_WIDE = (1010, 330)
_FAR = 10.0  # times the others' highest perplexity: what a failed run reached beyond is not drawn
_STATES = {"complete": 0, "paused": 1, "failed": 2}


def search_section(runs: Sequence[TrialRun]) -> dict[str, Any] | None:
    """Return the values of `search.html`; None for a model that is not of a search."""
    if not runs:
        return None
    good = [value for run in runs if run.state != "failed" for _, value in run.curve if value is not None]
    most = _FAR * max(good, default=math.inf)
    names = list(dict.fromkeys(name for run in runs for name in run.parameters))
    size = (500, 250) if len(names) > 1 else _WIDE  # an only one has the whole width
    ranked = sorted(runs, key=lambda run: (not run.winner, _STATES[run.state], -run.epochs, run.value, run.perplexity))
    drawn = ranked[::-1]  # the winner last, so that it is drawn above the others

    def line(run: TrialRun, name: str, *values: float | None) -> Series:
        style = _BEST if run.winner else _FAILED if run.state == "failed" else BACKGROUND
        title = f"trial {run.trial}{f', seed {run.seed}' if run.repeat > 1 else ''}{name}"
        near = [math.inf if value is None or value > most else value for value in values]
        # No line is seen of a single value; with many runs the values of all would be too many marks.
        return Series(title, style, near, dots=run.winner or len(values) == 1, kind=_KINDS[style])

    def setting(name: str) -> Chart:
        texts = [run.parameters.get(name, "–") for run in drawn]
        points = [line(run, f": {name}={text}", run.perplexity) for run, text in zip(drawn, texts, strict=True)]
        return Scatter(f"Validation perplexity by {name}", points, texts, size=size)

    curves = [line(run, "", *(value for _, value in run.curve)) for run in drawn]
    return {
        "summary": _summary(runs),
        "curves": Chart("Validation perplexity by epoch (logarithmic)", curves, size=_WIDE, logarithmic=True),
        "settings": [*map(setting, names)],
        "heads": ["trial", "state", *names, "perplexity", "surprise at a letter", "epochs", "seconds", ""],
        "rows": [_row(run, names) for run in ranked],
    }


def _summary(runs: Sequence[TrialRun]) -> str:
    """Return a sentence on how many there were and which is the best."""
    states = Counter[str](run.state for run in runs)
    counted = ", ".join(f"{states[state]} {state}" for state in _STATES if states[state])
    trials = len({run.trial for run in runs})
    repeated = f", {len(runs)} runs" if len(runs) > trials else ""
    best = next((f" The best is trial {run.trial} with {run.settings}." for run in runs if run.winner), "")
    paused = " Paused ones were behind after a round and were not continued." if states["paused"] else ""
    return f"{trials} trials{repeated}: {counted}.{best}{paused}"


def _row(run: TrialRun, names: Sequence[str]) -> list[str]:
    return [
        f"{run.trial}.{run.repeat}" if run.repeat > 1 else str(run.trial),
        "best" if run.winner else run.state,
        *(run.parameters.get(name, "–") for name in names),
        number(run.perplexity),
        f"{run.value:.4f}" if math.isfinite(run.value) else "–",
        f"{run.epochs} of {run.epochs_total}" if run.epochs_total else str(run.epochs),
        f"{run.seconds:,.0f}",
        run.message or run.reason,
    ]
