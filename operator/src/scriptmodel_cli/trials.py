"""Reads all trials of a search from Pachyderm; the status has the ten best only."""

from typing import Any

from scriptmodel_operator.api.marks import mark_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import to_wire
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import take_snapshot
from scriptmodel_operator.reconcile.standings import search_progress


class TrialReader:
    """Reads the trials of a search; what does not change is read once. With `follow` it reads on in a running log."""

    def __init__(self, gateway: Gateway, *, follow: bool = False) -> None:
        self._gateway = gateway
        self._follow = follow
        self._observer: Observer | None = None

    def read(self, model: ScriptModel) -> dict[str, Any]:
        """Return status.search with all trials and figures, empty without a pipeline. Raises EngineError."""
        snapshot = take_snapshot(self._gateway, {model.spec.pachyderm.project})
        train = snapshot.pipelines.get(references(model).train)
        mark = mark_of(train.spec.annotations) if train else None
        if self._observer is None and mark:  # not everybody may read the uid of the cluster; the pipeline names it
            self._observer = Observer(self._gateway, mark.owner.cluster)
            self._observer.logs = LogFollower(self._gateway, limit=int(self._follow))
        view = self._observer.view(model, snapshot) if self._observer else None
        progress = search_progress(model, view) if view else None
        if progress is None:
            return {}
        top = (each.model_dump(by_alias=True, exclude={"runs"}) for each in progress.standings)
        return {**to_wire(progress.status), "top": [{"trial": 0, **each} for each in top]}  # its number first
