"""Defines what a feature adds to what the command shows. `features.py` lists the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Protocol

from scriptmodel_cli.text import Object
from scriptmodel_operator.api.reasons import Reason


class Feature(Protocol):
    """What a feature adds; by default nothing. Its commands are listed in `main.py`."""

    columns: tuple[str, ...] = ()
    """Fields of an entry of status.history that are shown as columns."""
    next_steps: ClassVar[Mapping[Reason, str]] = {}
    """The next step by reason, for `scriptmodel why`."""

    def facts(self, status: Object) -> Iterable[tuple[str, str]]:
        """Return labels and texts for the screen of an object."""
        del status
        return ()
