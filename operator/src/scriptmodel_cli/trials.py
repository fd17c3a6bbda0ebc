"""Reads all trials of a search from Pachyderm; status has the ten best only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.reconcile.searching import search_progress


def trials_of(gateway: Gateway, model: ScriptModel) -> dict[str, Any]:
    """Return how far the search of an object is, and its trials, best first. Raises PachydermError if a read fails."""
    observer = Observer(gateway, "")
    observer.logs = LogFollower(gateway, limit=0)  # one snapshot: logs are not followed
    view = observer.view(model, take_snapshot(gateway, {model.spec.pachyderm.project}))
    found, progress = view.search, search_progress(model, view)
    if model.spec.search is None or found is None or progress is None:
        return {"trials": []}
    return {
        "algorithm": model.spec.search.algorithm,
        "round": found.plan.round,
        "rounds": found.plan.rounds,
        "finished": found.plan.finished,
        "trials": [{to_camel(name): value for name, value in asdict(each).items()} for each in progress.standings],
    }
