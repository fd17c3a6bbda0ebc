"""Chooses a preset from a table, by the tokens to train on and the minutes given."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model.presets import AUTO, Preset, preset_named, with_overrides
from scriptmodel_trainer.storage.records import Choice


class _Row(NamedTuple):
    """A preset, and settings besides, for so many minutes for each 100,000 tokens, and more."""

    minutes: float
    preset: str
    settings: Mapping[str, float | bool]


_Settings = dict[str, float | bool]
_ALWAYS: _Settings = {
    "cache_window": 500,
    "letter_ngrams": 6000,
    "softmax_cutoff": 2000,
    "subword_discount": 1.0,
    "trigrams": True,
    "vocabulary_size": 30_000,
}
# The first row that fits is chosen. The minutes are those of docs/results on two cores, rounded up. Without a limit of
# time the longest training is chosen.
_ROWS = (
    _Row(3.0, "tuned", _ALWAYS),
    _Row(2.0, "tuned", _ALWAYS | {"epochs": 8}),
    _Row(1.4, "tuned", _ALWAYS | {"epochs": 8, "layers": 1}),
    _Row(0.0, "demo", _ALWAYS),
)
_MOST_MINUTES = 1_000_000


def choose(tokens: int, minutes: float | None) -> Choice:
    """Return the preset for a corpus; equal arguments always choose the same one."""
    given = math.inf if minutes is None else minutes * 100_000 / max(1, tokens)
    row = next(row for row in _ROWS if given >= row.minutes)
    return Choice(row.preset, tokens, minutes, row.settings)


def preset_of(choice: Choice) -> Preset:
    """Return the preset that was chosen, with its settings and with starts of documents."""
    settings = {key: json.dumps(value) for key, value in choice.settings.items()}
    return dataclasses.replace(with_overrides(preset_named(choice.preset), settings), document_starts=True)


def is_choice_for(choice: Choice | None, minutes: float) -> bool:
    """Return whether `auto` chooses the same preset and settings for so many minutes; without a choice it does not."""
    if choice is None:
        return False
    again = choose(choice.tokens, minutes)
    return (again.preset, again.settings) == (choice.preset, choice.settings)


def is_longest(choice: Choice) -> bool:
    """Return whether more minutes would choose the same preset and settings."""
    row = _ROWS[0]
    return (row.preset, row.settings) == (choice.preset, choice.settings)


def minutes_from(text: str | None, preset: str | None) -> float | None:
    """Return `--minutes` as a number; BadInputError if it is none, or there is nothing to choose for it."""
    if text is None:
        return None
    if preset not in (None, AUTO):
        raise BadInputError(f"--minutes {text[:40]} needs --preset auto", parameter="minutes")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST_MINUTES:
        limits = f"above 0 and at most {_MOST_MINUTES:,}"
        raise BadInputError(f"--minutes {text[:40]} is not a number {limits}", parameter="minutes")
    return number
