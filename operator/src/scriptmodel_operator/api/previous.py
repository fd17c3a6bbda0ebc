"""The status that was last written, parsed once into the values that the operator reads back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.status import (
    GenerationStatus,
    HistoryEntry,
    Lineage,
    PromotionStatus,
    SourceStatus,
    TrainingStatus,
)


class PreviousStatus(ApiModel):
    """What the last written status says that is not observed again."""

    last_handled_reconcile_at: str = ""
    suspended: bool = False
    """Whether spec.suspend has stopped the pipelines, which have not been started since."""
    training: TrainingStatus = Field(default_factory=TrainingStatus)
    generation: GenerationStatus = Field(default_factory=GenerationStatus)
    lineage: Lineage = Field(default_factory=Lineage)
    promotion: PromotionStatus | None = None
    source: SourceStatus | None = None
    history: tuple[HistoryEntry, ...] = ()

    @property
    def download(self) -> SourceStatus | None:
        """What the newest commit of a corpus by URL was made from; None before the first one."""
        return self.source if self.source and self.source.commit else None

    def history_of(self, model_commit: str) -> HistoryEntry:
        """Return the entry of a model; an empty one if it is a new model."""
        return next((entry for entry in self.history if entry.model_commit == model_commit), HistoryEntry())


def parse_status(raw: Mapping[str, Any]) -> PreviousStatus:
    """Parse a status as it is on the wire."""
    return PreviousStatus.model_validate({key: value for key, value in raw.items() if value})
