"""Log lines for collectors."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
from pathlib import Path

import pytest

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.controller.queue import RetryError, WorkQueue
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.store import Store
from scriptmodel_operator.logs import JsonFormatter
from scriptmodel_operator.metrics import Metrics

SOURCES = sorted(Path("operator/src/scriptmodel_operator").rglob("*.py"))


async def test_a_line_about_an_object_carries_its_reference(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_key: Key) -> None:
        raise RetryError("Pachyderm is away")

    queue = WorkQueue(Metrics(Store(EchoFilter())))
    queue.add(("ml", "thrones"))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        work = group.create_task(queue.run(handler, workers=1))
        while not queue.failures(("ml", "thrones")) or queue.is_processing(("ml", "thrones")):
            await asyncio.sleep(0)
        work.cancel()
    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert line["object"] == {"namespace": "ml", "name": "thrones"}
    assert line["level"] == "warning"
    assert "Pachyderm is away" in line["message"]


def test_a_line_without_an_object_has_no_object_field_and_an_exception_is_logged() -> None:
    why = (ValueError, ValueError("a bug"), None)
    record = logging.LogRecord("here", logging.ERROR, "", 0, "it %s", ("broke",), why)
    line = json.loads(JsonFormatter().format(record))
    assert "object" not in line
    assert (line["message"], line["exception"]) == ("it broke", "ValueError: a bug")


@pytest.mark.parametrize("source", [path for path in SOURCES if "log." in path.read_text()], ids=lambda path: path.stem)
def test_no_line_about_an_object_forgets_its_reference(source: Path) -> None:
    """By the way that they begin: `namespace/name: ` or, of a model as a value, `%s: `."""
    for call in (node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)):
        text = ast.unparse(call)
        if text.startswith("log.") and ("%s/%s:" in text or "'%s: " in text):
            assert "extra=" in text, text
