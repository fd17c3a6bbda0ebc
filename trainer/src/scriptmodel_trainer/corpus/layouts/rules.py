"""Ordered tables of named rules: the first rule that applies to a paragraph gives it a label and reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scriptmodel_trainer.corpus.events import Event

Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class Decision:
    """From this line of a file on, lines have this label because of this rule."""

    line: int
    label: str
    rule: str


Explain = Callable[[Decision], None]


def silent(decision: Decision) -> None:
    """Explain nothing."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[Place]):
    """A rule of a table.

    `applies` returns None or False where the rule does not apply; what it returns otherwise is given to `read`, which
    yields the events. `label` is the kind of the event that the paragraph becomes.
    """

    name: str
    label: str
    applies: Callable[[Place], Any]
    read: Callable[[Place, Any], Iterator[Event]]


def first_rule(rules: Sequence[Rule[Place]], place: Place) -> tuple[Rule[Place], Any]:
    """Return the first rule that applies, and what it found; the last rule of a table always applies."""
    for rule in rules:
        found = rule.applies(place)
        if found is not None and found is not False:
            return rule, found
    raise LookupError("no rule of the table applies")
