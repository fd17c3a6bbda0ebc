"""Chooses a preset from a table, by the tokens to train on and the minutes given; never from measured speed."""

from __future__ import annotations

import math

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.presets import AUTO, MUCH
from scriptmodel_trainer.records import Choice

# For corpora of at least so many tokens: minutes for each 100,000 of them, and the preset that takes these.
# The minutes are those of docs/results/presets.md on two cores, rounded up. Without a limit of time it is `tuned`'s.
_TABLE: tuple[tuple[int, tuple[tuple[float, str], ...]], ...] = (
    (MUCH, ((8.0, "tuned-long"), (2.2, "tuned"), (0.0, "demo"))),
    (0, ((2.2, "tuned-few"), (0.0, "demo"))),
)
_UNLIMITED = 2.2
_MOST_MINUTES = 1_000_000


def choose(tokens: int, minutes: float | None) -> Choice:
    """Return the preset for a corpus; the same tokens and minutes always choose the same one."""
    pace = _UNLIMITED if minutes is None else minutes * 100_000 / max(1, tokens)
    rows = next(rows for least, rows in _TABLE if tokens >= least)
    return Choice(next(name for needed, name in rows if pace >= needed), tokens, minutes)


def minutes_from(text: str | None, preset: str | None) -> float | None:
    """Return `--minutes` as a number; BadInputError if it is none, or there is nothing to choose for it."""
    if text is None:
        return None
    if preset != AUTO:
        raise BadInputError(f"--minutes {text[:40]} needs --preset auto", parameter="minutes")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST_MINUTES:
        raise BadInputError(f"--minutes {text[:40]} is not a number above 0", parameter="minutes")
    return number
