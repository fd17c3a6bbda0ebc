"""Ordered tables of named rules: the first rule that applies to a paragraph gives it a label and reads it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from scriptmodel_trainer.corpus.events import Event

At = TypeVar("At")


@dataclass(frozen=True, slots=True)
class Decision:
    """From this line of a file on, lines have this label because of this rule."""

    line: int
    label: str
    rule: str


Explain = Callable[[Decision], None]


def silent(decision: Decision) -> None:
    """Explain nothing."""


class Parse(Protocol):
    """Turns the lines of a file into events; `sample` are lines of it, `explain` receives each decision."""

    def __call__(self, lines: Iterable[str], sample: Sequence[str], explain: Explain = ...) -> Iterator[Event]: ...


@dataclass(frozen=True, slots=True)
class Rule(Generic[At]):
    """A rule of a table.

    `applies` returns None or False where the rule does not apply; what it returns otherwise is given to `read`, which
    yields the events. `label` is the kind of the event that the paragraph becomes.
    """

    name: str
    label: str
    applies: Callable[[At], Any]
    read: Callable[[At, Any], Iterator[Event]]


def read_by(rules: Sequence[Rule[At]], place: At, line: int, explain: Explain) -> Iterator[Event]:
    """Read by the first rule that applies, and explain it; a table ends with a rule that always applies."""
    for rule in rules:
        found = rule.applies(place)
        if found is not None and found is not False:
            explain(Decision(line, rule.label, rule.name))
            return rule.read(place, found)
    raise LookupError("no rule of the table applies")
