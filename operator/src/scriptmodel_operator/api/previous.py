"""The status that was last written, parsed once into the values that the operator reads back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_operator.api.conditions import ConditionType
from scriptmodel_operator.api.status import (
    HistoryEntry,
    Lineage,
    PromotionStatus,
    ScriptModelStatus,
    SourceStatus,
    TrainingStatus,
)

_READ_BACK = ("lastHandledReconcileAt", "suspended", "training", "lineage", "promotion", "source", "history")
_FAILED = re.compile(r"(?:training|generation) failed: .*\(job (?P<job>\w{8})\)", re.DOTALL)
CAUSE_UNKNOWN = "its log is gone, because nobody read it while it ran"


def failure_message(what: str, cause: str, job: str) -> str:
    """Return the message about a failed job. A condition keeps it, because the log may be gone the next time."""
    return f"{what} failed: {cause} (job {job})"


def failed_job(message: str) -> str:
    """Return the first digits of the job whose failure `message` explains; empty if it reports anything else."""
    found = _FAILED.fullmatch(message)
    return "" if found is None or CAUSE_UNKNOWN in message else found["job"]


@dataclass(frozen=True, slots=True)
class PreviousStatus:
    """What the last written status says that is not observed again."""

    handled_reconcile_at: str = ""
    suspended: bool = False
    """Whether spec.suspend has stopped the pipelines, which have not been started since."""
    training: TrainingStatus = field(default_factory=TrainingStatus)
    lineage: Lineage = field(default_factory=Lineage)
    promotion: PromotionStatus | None = None
    source: SourceStatus | None = None
    history: tuple[HistoryEntry, ...] = ()
    failed: Mapping[ConditionType, str] = field(default_factory=dict)
    """Messages about failed jobs by the condition that has them."""

    def history_of(self, model_commit: str) -> HistoryEntry:
        """Return the entry of a model; an empty one if it is a new model."""
        return next((entry for entry in self.history if entry.model_commit == model_commit), HistoryEntry())


def parse_status(raw: Mapping[str, Any]) -> PreviousStatus:
    """Parse a status as it is on the wire."""
    status = ScriptModelStatus.model_validate({key: raw[key] for key in _READ_BACK if raw.get(key)})
    conditions = {str(each.get("type")): each for each in raw.get("conditions") or []}
    messages = {kind: str(conditions.get(kind, {}).get("message", "")) for kind in ConditionType}
    return PreviousStatus(
        handled_reconcile_at=status.last_handled_reconcile_at or "",
        suspended=bool(status.suspended),
        training=status.training or TrainingStatus(),
        lineage=status.lineage or Lineage(),
        promotion=status.promotion,
        source=status.source,
        history=tuple(status.history or ()),
        failed={kind: message for kind, message in messages.items() if failed_job(message)},
    )
