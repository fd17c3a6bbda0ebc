"""Which events a written status and carried-out actions give rise to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason, reason_named
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.reconcile.actions import Action, ApplyPipelines, StartPipeline, StopJob
from scriptmodel_operator.reconcile.summarise import one_line

_READY = "Ready"
_STALLED = "Stalled"
_CORPUS_READY = "CorpusReady"
_STAGES = (_CORPUS_READY, "Trained", "Generated")
_TROUBLE = (Reason.PACHYDERM_UNAVAILABLE.value, Reason.RETRYING.value, Reason.DRIFTED.value)


class Teller:
    """Compares what was told before with what is told now; a reason that stays makes no event.

    Events come before what they tell of, and their names follow from what was there before it: an operator that is
    killed in between finds the same to tell again, and the server knows that it has been told.
    """

    def __init__(self, events: EventRecorder) -> None:
        self._events = events

    async def told(self, model: ScriptModel, status: Mapping[str, Any]) -> None:
        """`status` is about to be written over `model.status`."""
        await self._told_of_corpus(model, status)
        before, now = _condition(model.status, _READY), _condition(status, _READY)
        if _only_answers_again(model.status, status):
            return
        same = before.get("reason") == now.get("reason") and before.get("status") == now.get("status")
        same = same and _newest_commit(model.status) == _newest_commit(status)
        if same and before.get("observedGeneration") == now.get("observedGeneration"):
            return
        warning = _condition(status, _STALLED).get("status") == "True" or now.get("reason") in _TROUBLE
        if same and not warning:
            return
        note = one_line(str(now.get("message", ""))) or str(now.get("reason"))
        reason = reason_named(str(now.get("reason")))
        await self._events.record(model, reason, note, warning=warning, occasion=_before(model))

    async def _told_of_corpus(self, model: ScriptModel, status: Mapping[str, Any]) -> None:
        """That nobody can say whether a corpus is the newest, or that it is doubtful, changes nothing of Ready."""
        doubt = str((status.get("training") or {}).get("warning") or "")
        if doubt and doubt != (model.status.get("training") or {}).get("warning"):
            occasion = f"{(status.get('training') or {}).get('startTime')} {doubt}"
            await self._events.record(model, Reason.CORPUS_DOUBTFUL, one_line(doubt), warning=True, occasion=occasion)
        before, now = _condition(model.status, _CORPUS_READY), _condition(status, _CORPUS_READY)
        if now.get("reason") == Reason.CHECK_FAILED.value != before.get("reason"):
            note = one_line(str(now.get("message", "")))
            await self._events.record(model, Reason.CHECK_FAILED, note, warning=True, occasion=_before(model))

    async def acting(self, model: ScriptModel, actions: Sequence[Action]) -> None:
        """`actions` are about to be carried out for `model`."""
        for action in actions:
            if isinstance(action, ApplyPipelines):
                updates = any(each.update for each in action.pipelines)
                reason = Reason.UPDATING if updates else Reason.CREATING
                await self._events.record(model, reason, action.describe(), warning=False, occasion=_marks(action))
            elif isinstance(action, StartPipeline) and action.stopped_after:
                occasion = f"{action.ref} {action.stopped_after}"
                await self._events.record(model, Reason.UPDATING, action.describe(), warning=False, occasion=occasion)
            elif isinstance(action, StopJob):
                await self._events.record(
                    model, Reason.JOB_STOPPED, action.describe(), warning=False, occasion=action.ref.id
                )


def _only_answers_again(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether Pachyderm was away and nothing has happened meanwhile: then what was recorded before is not repeated."""
    reason = _condition(before, _READY).get("reason")
    return (
        reason in (Reason.PACHYDERM_UNAVAILABLE.value, Reason.RETRYING.value)
        and _condition(now, _READY).get("reason") != reason
        and _condition(now, _STALLED).get("status") != "True"
        and before.get("observedGeneration") == now.get("observedGeneration")
        and _newest_commit(before) == _newest_commit(now)
        and all(_seen(before, kind) == _seen(now, kind) for kind in _STAGES)
    )


def _seen(status: Mapping[str, Any], kind: str) -> tuple[object, object]:
    found = _condition(status, kind)
    return found.get("status"), found.get("reason")


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or [] if each.get("type") == kind), {})


def _before(model: ScriptModel) -> str:
    """What was there before the transition."""
    text = json.dumps([model.generation, model.status], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _newest_commit(status: Mapping[str, Any]) -> str:
    script = (status.get("lineage") or {}).get("script") or {}
    return str(script.get("commit", ""))


def _marks(action: ApplyPipelines) -> str:
    return " ".join(str(sorted(each.spec.annotations.items())) for each in action.pipelines)
