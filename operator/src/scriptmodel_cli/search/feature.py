"""What the screens show of a search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from click import unstyle

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.feature import Card, Feature
from scriptmodel_cli.search.leaderboard import best_of, ordered, progress_of, rows_of
from scriptmodel_cli.text import Object, table

if TYPE_CHECKING:
    from scriptmodel_cli.changes import Change
    from scriptmodel_operator.engine.gateway import Gateway
    from scriptmodel_operator.observe.view import ModelView
    from scriptmodel_operator.reconcile.state import ModelState


class Searches(Feature):
    def lines(self, status: Object) -> Sequence[str]:
        search = status.get("search") or {}
        top = search.get("top") or []
        found = ["", f"search {progress_of(search)}"] if search else []
        return [*found, *(["", *table(rows_of(top))] if top else [])]

    def changes(self, state: ModelState, view: ModelView) -> Iterable[Change]:
        from scriptmodel_cli.search.trial_changes import changes_of_trials  # noqa: PLC0415 - only a plan needs it

        return changes_of_trials(state, view)

    def has_card(self, spec: Object) -> bool:
        return bool(spec.get("search"))

    def read(self, gateway: Gateway, found: Object) -> Object:
        from scriptmodel_cli.search.trials import TrialReader  # noqa: PLC0415 - it takes time to import
        from scriptmodel_cli.session import parsed  # noqa: PLC0415 - as above

        return TrialReader(gateway).read(parsed(found))

    def card(self, status: Object, read: Object, error: str, sort: str) -> Card:
        shown = {**(status.get("search") or {}), **read}
        trials = shown.get("top") or []
        with suppress(InputError):  # an address with another column
            trials = ordered(trials, sort)
        heads, *rows = rows_of(trials)
        return Card(
            title="Search",
            text="; ".join(filter(None, (progress_of(shown).strip("."), best_of(shown)))),
            report="The report of the best model",
            warning=f"Only the ten best are shown: {error}" if error and not read else "",
            heads=heads,
            links={head: f"?sort={'-' if sort == head.lower() else ''}{quote(head.lower())}#search" for head in heads},
            rows=[list(map(unstyle, row)) for row in rows],
        )
