"""The section `The search` of the report: the table of all runs."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from scriptmodel_trainer.artifacts.trials import TrialRun
from scriptmodel_trainer.reporting.templating import number

_STATES = {"complete": 0, "failed": 1}


def search_section(runs: Sequence[TrialRun]) -> dict[str, Any] | None:
    """Return the values of `search.html`; None for a model that is not of a search."""
    if not runs:
        return None
    names = list(dict.fromkeys(name for run in runs for name in run.parameters))
    ranked = sorted(runs, key=lambda run: (not run.winner, _STATES[run.state], run.value, run.perplexity))
    return {
        "summary": _summary(runs),
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
    return f"{trials} trials{repeated}: {counted}.{best}"


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
