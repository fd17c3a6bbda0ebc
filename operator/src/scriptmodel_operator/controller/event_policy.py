"""Decides which Kubernetes events a new status and actions give rise to.

The previous status is compared with the new one; an unchanged reason makes no event. An event is recorded before the
change that it reports, and its name follows from the state before that change. An operator whose change fails, or that
is killed before it, records the same event again, which the API server then has already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scriptmodel_operator.api.conditions import conditions_of, one_line
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason, reason_named
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.reconcile.actions import Action, ApplyPipelines, StartPipeline, StopJob

_READY = "Ready"
_STALLED = "Stalled"
_CORPUS_READY = "CorpusReady"
_STAGES = (_CORPUS_READY, "Trained", "Generated")
_WARNINGS = tuple(
    reason.value
    for reason in (
        Reason.PACHYDERM_UNAVAILABLE,
        Reason.RETRYING,
        Reason.WORKER_ERROR,
        Reason.DRIFTED,
        Reason.HELD_BACK,
    )
)
"""Reasons of Ready that are warnings although nothing is stalled."""


def record_status(events: EventRecorder, model: ScriptModel, status: Mapping[str, Any]) -> None:
    """Record the events of `status`, which is about to replace `model.status`."""
    _on_corpus(events, model, status)
    _on_training(events, model, status)
    before, now = _condition(model.status, _READY), _condition(status, _READY)
    if _has_only_recovered(model.status, status) or _has_only_resumed(model.status, status):
        return
    same = before.get("reason") == now.get("reason") and before.get("status") == now.get("status")
    same = same and _newest_commit(model.status) == _newest_commit(status)
    if same and before.get("observedGeneration") == now.get("observedGeneration"):
        return
    warning = _condition(status, _STALLED).get("status") == "True" or now.get("reason") in _WARNINGS
    if same and not warning:
        return
    note = one_line(str(now.get("message", ""))) or str(now.get("reason"))
    reason = reason_named(str(now.get("reason")))
    events.record(model, reason, note, warning=warning, occasion=_previous_state(model))


def _on_corpus(events: EventRecorder, model: ScriptModel, status: Mapping[str, Any]) -> None:
    """Record a training warning and a failed check for a newer corpus, neither of which changes Ready."""
    training_warning = str((status.get("training") or {}).get("warning") or "")
    if training_warning and training_warning != (model.status.get("training") or {}).get("warning"):
        occasion = f"{(status.get('training') or {}).get('startTime')} {training_warning}"
        note = one_line(training_warning)
        events.record(model, Reason.CORPUS_DOUBTFUL, note, warning=True, occasion=occasion)
    before, now = _condition(model.status, _CORPUS_READY), _condition(status, _CORPUS_READY)
    if now.get("reason") == Reason.CHECK_FAILED.value != before.get("reason"):
        note = one_line(str(now.get("message", "")))
        events.record(model, Reason.CHECK_FAILED, note, warning=True, occasion=_previous_state(model))


def _on_training(events: EventRecorder, model: ScriptModel, status: Mapping[str, Any]) -> None:
    """Record each restart of and each new warning about the training, which change no condition."""
    before, now = model.status.get("training") or {}, status.get("training") or {}
    _on_restart(events, model, before, now)
    for warning in now.get("warnings") or ():
        if warning not in (before.get("warnings") or ()):
            occasion = f"{now.get('startTime')} {warning}"
            note = one_line(warning)
            events.record(model, Reason.TRAINING_WARNING, note, warning=True, occasion=occasion)


def _on_restart(events: EventRecorder, model: ScriptModel, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    restarts, resumed = newest = (now.get("restarts"), now.get("resumedAt") or {})
    if not restarts or newest == (before.get("restarts"), before.get("resumedAt") or {}):
        return
    where = f" at {float(resumed['share']):.0%} of epoch {resumed['epoch']}" if resumed else ""
    cost = now.get("recomputedSeconds") or 0
    note = f"training resumed{where} (restart {restarts}); restarts have cost {cost}s so far"
    events.record(model, Reason.RESUMED, note, warning=False, occasion=f"{now.get('startTime')} {newest}")


def record_actions(events: EventRecorder, model: ScriptModel, actions: Sequence[Action]) -> None:
    """Record the events of `actions`, which are about to be executed for `model`."""
    for action in actions:
        if isinstance(action, ApplyPipelines):
            updates = any(each.update for each in action.pipelines)
            reason = Reason.UPDATING if updates else Reason.CREATING
            events.record(model, reason, action.describe(), warning=False, occasion=_annotations(action))
        elif isinstance(action, StartPipeline) and action.stopped_after:
            occasion = f"{action.ref} {action.stopped_after}"
            events.record(model, Reason.UPDATING, action.describe(), warning=False, occasion=occasion)
        elif isinstance(action, StopJob):
            events.record(model, Reason.JOB_STOPPED, action.describe(), warning=False, occasion=action.ref.id)


def _has_only_recovered(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether Pachyderm answers again and nothing else changed: older events are not repeated then."""
    reason = _condition(before, _READY).get("reason")
    return (
        reason in (Reason.PACHYDERM_UNAVAILABLE.value, Reason.RETRYING.value)
        and _condition(now, _READY).get("reason") != reason
        and _condition(now, _STALLED).get("status") != "True"
        and before.get("observedGeneration") == now.get("observedGeneration")
        and _newest_commit(before) == _newest_commit(now)
        and all(_status_and_reason(before, kind) == _status_and_reason(now, kind) for kind in _STAGES)
        and not _has_stopped(before, now)
    )


def _has_stopped(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether the object is suspended and its pipelines were not when Pachyderm last answered."""
    states = [[each.get("state") for each in status.get("pipelines") or ()] for status in (before, now)]
    return _condition(now, _READY).get("reason") == Reason.SUSPENDED.value and states[0] != states[1]


def _has_only_resumed(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether a suspended object is Ready again with the script that it had: its event is not repeated."""
    return (
        _condition(before, _READY).get("reason") == Reason.SUSPENDED.value
        and _condition(now, _READY).get("status") == "True"
        and _newest_commit(before) == _newest_commit(now)
    )


def _status_and_reason(status: Mapping[str, Any], kind: str) -> tuple[object, object]:
    found = _condition(status, kind)
    return found.get("status"), found.get("reason")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return conditions_of(status).get(kind, {})


def _previous_state(model: ScriptModel) -> str:
    """Return a digest of the object's generation and status before the transition."""
    text = json.dumps([model.generation, model.status], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _newest_commit(status: Mapping[str, Any]) -> str:
    """Return the commit of the newest script, promoted or not."""
    lineage = status.get("lineage") or {}
    script = (lineage.get("heldBack") or {}).get("script") or lineage.get("script") or {}
    return str(script.get("commit", ""))


def _annotations(action: ApplyPipelines) -> str:
    return " ".join(str(sorted(each.spec.annotations.items())) for each in action.pipelines)
