"""Decides which Kubernetes events a new status and actions give rise to.

The previous status is compared with the new one; an unchanged reason makes no event. An event is recorded before the
change that it reports, and its name follows from the state before that change. An operator whose change fails, or that
is killed before it, records the same event again, which the API server then has already.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import conditions_of, one_line
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.kube.events import EventRecorder

_STAGES = ("CorpusReady", "Trained", "Generated")
_OUTAGES = (Reason.ENGINE_UNAVAILABLE, Reason.RETRYING)
_WARNINGS = (*_OUTAGES, Reason.WORKER_ERROR, Reason.HELD_BACK)
"""Reasons of Ready that are warnings although nothing is stalled."""


class _Seen:
    """The part of a status that decides about events."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        self._conditions = conditions_of(status)
        self.generation = self._conditions.get("Ready", {}).get("observedGeneration")
        self.training: Mapping[str, Any] = status.get("training") or {}
        self.pipelines = [each.get("state") for each in status.get("pipelines") or ()]
        lineage = status.get("lineage") or {}
        self.commit = str(lineage.get("heldBack") or lineage.get("script") or "")
        """Commit of the newest script, in use or not."""
        self.ready, self.reason = self.of("Ready")
        self.stalled = self.of("Stalled")[0] == "True"

    def of(self, kind: str) -> tuple[str | None, str | None]:
        """Return status and reason of a condition."""
        found = self._conditions.get(kind, {})
        return found.get("status"), found.get("reason")

    def message(self, kind: str) -> str:
        return one_line(str(self._conditions.get(kind, {}).get("message", "")))


def record_status(events: EventRecorder, model: ScriptModel, status: Mapping[str, Any]) -> None:
    """Record the events of `status`, which is about to replace `model.status`."""
    before, now = _Seen(model.status), _Seen(status)
    if now.of("CorpusReady")[1] == Reason.CHECK_FAILED != before.of("CorpusReady")[1]:
        note = now.message("CorpusReady")
        events.record(model, Reason.CHECK_FAILED, note, warning=True, occasion=_previous_state(model))
    for reason, text in _of_training(before.training, now.training):
        occasion = f"{now.training.get('startTime')} {text}"
        events.record(model, reason, one_line(text), warning=reason != Reason.RESUMED, occasion=occasion)
    warning = now.stalled or now.reason in _WARNINGS
    if _is_news(before, now, warning=warning):
        note = now.message("Ready") or str(now.reason)
        events.record(model, str(now.reason), note, warning=warning, occasion=_previous_state(model))


def _of_training(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[Reason, str]]:
    """Yield each new warning about and each restart of the training, which change no condition."""
    restarts, resumed = now.get("restarts"), now.get("resumedAt") or {}
    if restarts and (restarts, resumed) != (before.get("restarts"), before.get("resumedAt") or {}):
        where = f" at {float(resumed['share']):.0%} of epoch {resumed['epoch']}" if resumed else ""
        yield Reason.RESUMED, f"training resumed{where} (restart {restarts})"
    known = before.get("warnings") or ()
    yield from ((Reason.TRAINING_WARNING, str(each)) for each in now.get("warnings") or () if each not in known)


def _is_news(before: _Seen, now: _Seen, *, warning: bool) -> bool:
    """Return whether Ready has an event. A warning has another one for a newer spec, even if it stays."""
    if _has_only_recovered(before, now) or _has_only_resumed(before, now):
        return False
    if (before.ready, before.reason, before.commit) != (now.ready, now.reason, now.commit):
        return True
    return warning and before.generation != now.generation


def record_actions(events: EventRecorder, model: ScriptModel, actions: Sequence[Action]) -> None:
    for action in actions:
        if action.event:
            events.record(model, action.event, action.text, warning=False, occasion=action.occasion)


def _has_only_recovered(before: _Seen, now: _Seen) -> bool:
    """Return whether Pachyderm answers again and nothing else changed: older events are not repeated then."""
    has_stopped = now.reason == Reason.SUSPENDED and before.pipelines != now.pipelines
    return (
        before.reason in _OUTAGES
        and before.reason != now.reason
        and not (now.stalled or has_stopped)
        and (before.generation, before.commit) == (now.generation, now.commit)
        and all(before.of(kind) == now.of(kind) for kind in _STAGES)
    )


def _has_only_resumed(before: _Seen, now: _Seen) -> bool:
    """Return whether a suspended object is Ready again with the script that it had: its event is not repeated."""
    return before.reason == Reason.SUSPENDED and now.ready == "True" and before.commit == now.commit


def _previous_state(model: ScriptModel) -> str:
    """Return a digest of the object's generation and status before the transition."""
    text = json.dumps([model.generation, model.status], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
