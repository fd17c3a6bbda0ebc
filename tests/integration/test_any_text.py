"""Any text of a corpus, a trainer, a web server or a user reaches the API server and is read back unchanged."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from scriptmodel_operator.api.conditions import one_line
from scriptmodel_operator.api.objects import ScriptModel, parse_object
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import without_surrogates
from scriptmodel_operator.api.status import MAX_EXCERPT, ConditionSchema, ScriptModelStatus
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.gateway import ThreadedKube, write_status
from scriptmodel_operator.kube.login import Credentials, login
from tests.integration.cluster import Cluster
from tests.unit.operator.odd_text import ODD

TEXTS = pytest.mark.parametrize(
    "text", [ODD, "\ud83d\udc51 \udcff", "".join(map(chr, range(0x20))), "\uffff\U0010ffff"]
)
"""Texts that a server could refuse: control characters, lone surrogates and what is no character."""
CONDITION = {"type": "Ready", "status": "False", "reason": "Training", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.fixture
def model(cluster: Cluster, shared_operator_paused: None) -> Iterator[ScriptModel]:
    """An object that is deleted before any operator observes it."""
    del shared_operator_paused
    cluster.apply("odd", {"corpus": {"repo": {"name": "plays"}}})
    yield parse_object(cluster.get("odd"))
    cluster.kubectl("delete", "scriptmodel", "odd")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture
def client(operator_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> ThreadedKube:
    """Writes under another name than the operator, whose statuses all have to keep to the rules."""
    monkeypatch.setattr("scriptmodel_operator.kube.client.FIELD_MANAGER", "any-text")
    monkeypatch.setenv("KUBECONFIG", str(operator_kubeconfig))
    return ThreadedKube(KubeClient(Credentials(lambda: login(operator_kubeconfig))), Calls(2))


def filled(model: type[BaseModel], text: str) -> dict[str, Any]:
    """Return an object with `text` in each string that has no form of its own."""
    if model is ConditionSchema:
        return {**CONDITION, "observedGeneration": 1, "message": text}
    return {
        field.alias or name: value
        for name, field in model.model_fields.items()
        if (value := _value(field.annotation, text)) is not None
    }


def _value(annotation: Any, text: str) -> Any:
    if annotation is str:
        return text[:MAX_EXCERPT]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return filled(annotation, text)
    if get_origin(annotation) is dict:
        found = _value(get_args(annotation)[1], text)
        return None if found is None else {"dropout": found}
    if get_origin(annotation) is list:
        return [_value(get_args(annotation)[0], text)]
    return next((found for each in get_args(annotation) if (found := _value(each, text)) is not None), None)


def strings(value: Any) -> Iterator[str]:
    """Yield each string below."""
    if isinstance(value, str):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(child)


@TEXTS
def test_each_string_of_a_status_is_read_back_unchanged(
    model: ScriptModel, client: ThreadedKube, runner: asyncio.Runner, text: str
) -> None:
    status = filled(ScriptModelStatus, text)
    assert sum(each == text for each in strings(status)) >= 25
    written = runner.run(write_status(client, model, status))
    assert written is not None
    assert written["status"] == filled(ScriptModelStatus, without_surrogates(text))


async def _sent(recorder: EventRecorder) -> None:
    sending = asyncio.create_task(recorder.run())
    await recorder.drain()
    sending.cancel()


@TEXTS
def test_any_text_goes_into_an_annotation_and_an_event(
    model: ScriptModel, client: ThreadedKube, runner: asyncio.Runner, cluster: Cluster, text: str
) -> None:
    patch = {"metadata": {"annotations": {"scriptmodel.dev/reconcile-at": text}}}
    changed = runner.run(client.patch_scriptmodel(model.namespace, model.name, patch))
    assert changed["metadata"]["annotations"]["scriptmodel.dev/reconcile-at"] == without_surrogates(text)
    occasion = uuid.uuid4().hex
    note = f"note {text}"
    recorder = EventRecorder(client, lambda: None)
    recorder.record(model, Reason.TRAINING, note, warning=False, occasion=occasion)
    runner.run(_sent(recorder))
    events = json.loads(cluster.kubectl("get", "events", "-o", "json"))
    assert one_line(note) in [each["message"] for each in events["items"]]
