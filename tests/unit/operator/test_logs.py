"""Log lines for collectors."""

import asyncio
import json
import logging
import time

import pytest

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.safe_text import without_controls
from scriptmodel_operator.controller.queue import RetryError, WorkQueue
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.log_format import JsonFormatter, TextFormatter
from scriptmodel_operator.metrics import Metrics
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, controller, raw_object, settled
from tests.unit.operator.odd_text import HOSTILE
from tests.unit.operator.world import PLAYS, SPEC


async def test_a_line_about_an_object_carries_its_reference(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(_key: Key) -> None:
        raise RetryError("Pachyderm is away")

    queue = WorkQueue(Metrics(Store()))
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


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter("%(message)s")])
def test_a_line_has_nothing_that_a_terminal_obeys(formatter: logging.Formatter) -> None:
    why = (ValueError, ValueError(HOSTILE), None)
    line = formatter.format(logging.LogRecord("here", logging.ERROR, "", 0, "%s", (HOSTILE,), why))
    assert line.isprintable() or isinstance(formatter, TextFormatter)
    assert without_controls(line) == line
    assert "u001b" not in line, "nor once a collector has read it"


async def test_every_line_about_an_object_carries_its_reference(caplog: pytest.LogCaptureFixture) -> None:
    """Such a line starts with `namespace/name: `."""
    caplog.set_level(logging.INFO)
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        kube.refuses_events = True
        await settled(found)
        for ref in list(pachyderm.pipelines):
            pachyderm.succeed(ref)
        await found.snapshots.latest(time.monotonic())
        await settled(found)
        metadata = {**kube.raw["metadata"], "deletionTimestamp": "now", "generation": 2, "resourceVersion": "99"}
        kube.raw = {**kube.raw, "metadata": metadata}
        found.reconciler.store.put(kube.raw)
        await found.reconciler.reconcile(KEY)
        lines = [record for record in caplog.records if record.getMessage().startswith("ml/thrones: ")]
    assert {record.__dict__.get("object") for record in lines} == {KEY}
    text = " ".join(record.getMessage() for record in lines)
    assert all(word in text for word in ("create step", "deleting step", "released", "was not recorded")), text
