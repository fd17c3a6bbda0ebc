"""Defines metav1.Condition as a value, and derives new conditions from the previous ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import without_controls

MAX_MESSAGE = 2048


class ConditionType(StrEnum):
    """The condition types. Ready is the summary; Reconciling and Stalled are abnormal-true, as kstatus defines them."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    CORPUS_READY = "CorpusReady"
    TRAINED = "Trained"
    GENERATED = "Generated"


class ConditionStatus(StrEnum):
    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """The content of a condition, without lastTransitionTime, which follows from the previous condition."""

    reason: Reason
    message: str = ""
    status: ConditionStatus = ConditionStatus.FALSE
    stalled: bool = False
    """True when nothing will change unless somebody acts."""

    @property
    def done(self) -> bool:
        return self.status is ConditionStatus.TRUE


@dataclass(frozen=True, slots=True)
class Problem(Condition):
    """What keeps the operator from doing what the spec requests; the condition of the stage that it prevents."""

    stalled: bool = True


def timestamp(moment: datetime) -> str:
    """Format a time as Kubernetes does: RFC 3339 in UTC with whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str, limit: int = 300) -> str:
    """Return text for a message, whoever wrote it: one line of at most `limit` characters that no terminal obeys."""
    return cut(" ".join(without_controls(text).split()), limit)


def conditions_of(status: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """Return the conditions of a status on the wire, of a ScriptModel or any other object, by their type."""
    return {str(each.get("type")): each for each in (status or {}).get("conditions") or ()}


def render_conditions(
    conditions: Mapping[ConditionType, Condition], previous: Mapping[str, Any], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return conditions on the wire; lastTransitionTime is that of the previous status if a condition's stays."""
    before = conditions_of(previous)
    rendered = []
    for kind, condition in conditions.items():
        old = before.get(kind)
        kept = old is not None and old.get("status") == condition.status and old.get("lastTransitionTime")
        rendered.append(
            {
                "type": kind.value,
                "status": condition.status.value,
                "reason": condition.reason.value,
                "message": one_line(condition.message, MAX_MESSAGE),
                "observedGeneration": generation,
                "lastTransitionTime": kept or timestamp(now),
            }
        )
    return rendered
