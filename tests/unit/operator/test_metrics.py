"""Figures for Prometheus, answers for probes, and log lines for collectors."""

import json
import logging
import time
from dataclasses import replace

import aiohttp
import pytest

from dev.processes import free_port
from scriptmodel_operator.api.safe_text import without_controls
from scriptmodel_operator.app import Process, compose
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.engine.values import JobInfo
from scriptmodel_operator.health import Health, ListenError, serving
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.log_format import JsonFormatter, TextFormatter
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, controller, edit, raw_object, settled
from tests.unit.operator.fake_kube import UnexpectedKube
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.odd_text import HOSTILE
from tests.unit.operator.world import PLAYS, SPEC

RAW = {
    "metadata": {"namespace": "ml", "name": "thrones", "uid": "1", "resourceVersion": "5", "generation": 1},
    "spec": {"pachyderm": {"project": "team"}},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "training": {"perplexity": {"best": "88.1"}, "progressPercent": 100, "gpuSeconds": 512, "restarts": 2},
        "search": {
            "trials": {"total": 8, "complete": 3, "failed": 0},
            "top": [{"state": "running", "perplexity": "88.1"}],
        },
    },
}


def test_figures_of_an_object_go_with_it() -> None:
    store = Store()
    metrics = Metrics(store)
    metrics.queue_depth.set(3)
    store.put(RAW)
    metrics.called("pachyderm", "ListJob", "OK", 0.25)
    metrics.reconcile_duration.labels("done").observe(0.5)
    metrics.reconcile_duration.labels("failed").observe(0.25)
    metrics.retries.inc()
    metrics.called("pachyderm", "ListJob", "OK", 0.25)
    text, name = metrics.render().decode(), '{name="thrones",namespace="ml"}'
    for line in (
        f"scriptmodel_ready{name} 1.0",
        f"scriptmodel_perplexity{name} 88.1",
        f"scriptmodel_training_restarts{name} 2.0",
        'scriptmodel_engine_calls_total{code="OK",method="ListJob",service="pachyderm"} 2.0',
        'scriptmodel_reconcile_duration_seconds_count{outcome="failed"} 1.0',
        'scriptmodel_reconcile_duration_seconds_sum{outcome="done"} 0.5',
        "scriptmodel_retries_total 1.0",
    ):
        assert line in text
    assert "_created" not in text
    assert "scriptmodel_queue_depth 3.0" in text
    store.remove(RAW)
    assert "thrones" not in metrics.render().decode()


async def test_probes_answer_their_own_question() -> None:
    now = 0.0
    health = Health(Metrics(Store()), clock=lambda: now)
    address = f"127.0.0.1:{free_port()}"
    async with serving(health, address), aiohttp.ClientSession(f"http://{address}") as session:

        async def ask(path: str) -> int:
            async with session.get(path) as response:
                return response.status

        assert (await ask("/healthz"), await ask("/readyz"), await ask("/metrics")) == (200, 503, 200)
        health.ready = True
        assert await ask("/readyz") == 200
        now = 121.0
        assert await ask("/healthz") == 503
        health.beat()
        assert await ask("/healthz") == 200


async def test_a_long_poll_of_a_slow_pachyderm_does_not_fail_liveness(monkeypatch: pytest.MonkeyPatch) -> None:
    now, failures = 0.0, list[str]()
    created = Process.create()
    health = Health(created.metrics, clock=lambda: now)
    process, pachyderm, calls = replace(created, health=health), FakePachyderm(), Calls(1)
    for number in range(20):
        pachyderm.projects.add(project := f"project-{number}")
        metadata = {**RAW["metadata"], "name": project, "uid": project}
        process.store.put({"metadata": metadata, "spec": {"pachyderm": {"project": project}}})

    def slow(_project: str, _limit: int) -> list[JobInfo]:
        nonlocal now
        now += 9
        failures.append(health.failure)
        return []

    monkeypatch.setattr(pachyderm, "list_jobs", slow)
    config = OperatorConfig(pachd=PachdAddress("nowhere:1"), trainer_image="trainer:1")
    controller = compose(config, UnexpectedKube(), pachyderm, calls, "cluster-1", process)
    try:
        await controller.snapshots.latest(0.0)
    finally:
        await controller.snapshots.close()
        calls.close()
    assert failures == [""] * 20


async def test_an_address_in_use_or_invalid_is_one_clear_error() -> None:
    health = Health(Metrics(Store()))
    address = f"127.0.0.1:{free_port()}"
    async with serving(health, address):
        for wrong, reported in (
            (address, "in use"),
            ("nowhere", "must be HOST:PORT"),
            ("127.0.0.1:99999", "must be HOST:PORT"),
            (":99999", "must be HOST:PORT"),  # the system would take it for 34463
        ):
            with pytest.raises(ListenError, match=f"cannot listen on .*{reported}"):
                async with serving(health, wrong):
                    pass


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
        edit(found, kube, deletionTimestamp="now", generation=2)
        await found.reconciler.reconcile(KEY)
        lines = [record for record in caplog.records if record.getMessage().startswith("ml/thrones: ")]
    assert {record.__dict__.get("object") for record in lines} == {KEY}
    line = json.loads(JsonFormatter().format(lines[0]))
    assert (line["object"], line["level"]) == ({"namespace": "ml", "name": "thrones"}, "info")
    text = " ".join(record.getMessage() for record in lines)
    assert all(word in text for word in ("create step", "deleting step", "released", "was not recorded")), text
