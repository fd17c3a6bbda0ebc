"""Reads all trials of a search from Pachyderm; the status has the ten best only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.pachyderm.errors import UnavailableError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.reconcile.searching import search_progress


def trials_of(gateway: Gateway, model: ScriptModel) -> dict[str, Any]:
    """Return how far a search is, and its trials, best first. Raises PachydermError if a read fails."""
    return TrialReader(gateway, follow=False).read(model)


class TrialReader:
    """Reads the trials of a search, with `follow` again and again: what does not change is read once."""

    def __init__(self, gateway: Gateway, note: Callable[[str], None] = lambda _text: None, *, follow: bool) -> None:
        self._gateway, self._note, self._follow = gateway, note, follow
        self._logs = LogFollower(gateway, limit=int(follow))
        self._observer: Observer | None = None
        self._read: dict[str, Any] = {"trials": []}
        self._available = True

    def read(self, model: ScriptModel) -> dict[str, Any]:
        """Return how far a search is, and its trials, best first. Raises PachydermError if a read fails.

        With `follow` and without an answer, a note says so once, and what was read last is returned.
        """
        try:
            self._read = self._newest(model)
            self._available = True
        except UnavailableError as error:
            if not self._follow:
                raise
            if self._available:
                self._note(f"{error}; retrying")
            self._available = False
        return dict(self._read)

    def _newest(self, model: ScriptModel) -> dict[str, Any]:
        snapshot = take_snapshot(self._gateway, {model.spec.pachyderm.project})
        train = snapshot.pipelines.get(references(model).train)
        mark = mark_of(train.spec.annotations) if train else None
        if mark is None:
            return {"trials": []}
        if self._observer is None:  # not everybody may read the uid that identifies the cluster; the pipeline names it
            self._observer = Observer(self._gateway, mark.owner.cluster)
            self._observer.logs = self._logs
        view = self._observer.view(model, snapshot)
        progress = search_progress(model, view)
        if progress is None:
            return {"trials": []}
        return {
            "algorithm": progress.search.algorithm,
            "round": progress.plan.round,
            "rounds": progress.plan.rounds,
            "finished": progress.plan.finished,
            "trials": [
                {"trial": each.trial, **{to_camel(name): value for name, value in asdict(each).items()}}
                for each in progress.standings
            ],
        }
