"""Why a ScriptModel is as it is, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scriptmodel_operator.api.reasons import reason_named
from scriptmodel_operator.terminal.text import Object, condition, table

_QUIET = "Nothing is wrong: "
_EVENTS_SHOWN = 8


def why(found: Object, events: Sequence[Mapping[str, Any]]) -> list[str]:
    """The verdict first, then the evidence: stages, pipelines, what happened."""
    return [*_verdict(found), *_stages(found), *_pipelines(found), *_events(events)]


def _verdict(found: Object) -> list[str]:
    ready, status = condition(found), found.get("status") or {}
    if not ready:
        return [
            "No operator has looked at this object yet.",
            "Next: see whether it runs, and whether it watches this namespace: "
            "kubectl -n scriptmodel-system get pods,deployments",
        ]
    reason, message = ready["reason"], ready["message"]
    lines = []
    if status.get("observedGeneration") != found["metadata"].get("generation"):
        lines.append("What follows is of an older spec: the operator has not seen the newest yet.")
    if ready["status"] == "True":
        return [*lines, f"{_QUIET}{message}."]
    if condition(found, "Stalled").get("status") == "True":
        return [*lines, f"It is stuck ({reason}): {message}", f"{reason} means: {reason_named(reason).doc}"]
    return [*lines, f"It is not done yet ({reason}): {message}", f"{reason} means: {reason_named(reason).doc}"]


def _stages(found: Object) -> list[str]:
    rows = [("STAGE", "DONE", "WHY", "SINCE", "MESSAGE")]
    for kind in ("CorpusReady", "Trained", "Generated"):
        stage = condition(found, kind)
        if stage:
            first = (str(stage["message"]).splitlines() or [""])[0][:100]
            rows.append((kind, stage["status"], stage["reason"], stage["lastTransitionTime"], first))
    return ["", *table(rows)] if len(rows) > 1 else []


def _pipelines(found: Object) -> list[str]:
    pipelines = (found.get("status") or {}).get("pipelines") or []
    if not pipelines:
        return ["", "It has no pipelines."]
    rows = [("PIPELINE", "VERSION", "STATE", "REASON")]
    for each in pipelines:
        rows.append((each["name"], str(each["version"]), each["state"], str(each.get("reason", ""))[:100]))
    return ["", *table(rows)]


def _events(events: Sequence[Mapping[str, Any]]) -> list[str]:
    newest = sorted(events, key=lambda each: str(each.get("eventTime") or ""))[-_EVENTS_SHOWN:]
    rows = [(str(each.get("eventTime"))[:19], str(each.get("reason")), str(each.get("note"))[:120]) for each in newest]
    return ["", *table([("WHEN", "WHAT", "MESSAGE"), *rows])] if rows else []
