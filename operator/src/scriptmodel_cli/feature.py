"""Defines what a feature adds to what the command shows. `features.py` lists the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from scriptmodel_cli.text import Object
from scriptmodel_operator.api.reasons import Reason

if TYPE_CHECKING:
    from scriptmodel_cli.changes import Change
    from scriptmodel_operator.engine.gateway import Gateway
    from scriptmodel_operator.observe.view import ModelView
    from scriptmodel_operator.reconcile.state import ModelState


@dataclass(frozen=True)
class Card:
    """A part of an object's page: a sentence and a table."""

    title: str
    text: str
    report: str = ""
    """The words that lead to the report, which draws all rows."""
    warning: str = ""
    heads: Sequence[str] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses by column."""
    rows: Sequence[Sequence[str]] = ()


class Feature(Protocol):
    """What a feature adds; by default nothing. Its commands are listed in `main.py`."""

    columns: tuple[str, ...] = ()
    """Fields of an entry of status.history that are shown as columns."""
    next_steps: ClassVar[Mapping[Reason, str]] = {}
    """The next step by reason, for `scriptmodel why`."""

    def facts(self, status: Object) -> Iterable[tuple[str, str]]:
        """Return labels and texts for the screen of an object."""
        return ()

    def lines(self, status: Object) -> Sequence[str]:
        """Return further lines for the screen of an object."""
        return ()

    def changes(self, state: ModelState, view: ModelView) -> Iterable[Change]:
        """Return what a plan changes besides pipelines and repos."""
        return ()

    def has_card(self, spec: Object) -> bool:
        """Return whether the page of an object has a card of this feature."""
        return False

    def read(self, gateway: Gateway, found: Object) -> Object:
        """Return what the card shows besides the status. Blocking; raises EngineError."""
        return {}

    def card(self, status: Object, read: Object, error: str, sort: str) -> Card:
        """Return the card; `read` is empty until it was read, or as `error` says why it was not."""
        return Card("", "")
