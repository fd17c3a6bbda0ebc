"""Alerts and dashboard use exported metrics, and alerts fire in time, as evaluated by Prometheus' own code."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from dev.generate.chart import CHART
from dev.paths import ROOT
from dev.programs.built import promql
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.metrics import Metrics
from tests.chart.rendering import objects, only

ALERTS = CHART / "files" / "alerts.yaml"
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = {
    f"{panel['title']}: {target['expr']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
QUERIES = {**{rule["alert"]: rule["expr"] for rule in RULES}, **PANELS}
STATUS = {
    "conditions": [{"type": "Ready", "status": "False"}, {"type": "Stalled", "status": "True"}],
    "training": {"perplexity": {"best": "88.1"}, "progressPercent": 40, "gpuSeconds": 12, "restarts": 1},
    "search": {
        "trials": {"total": 8, "complete": 3, "failed": 1},
        "top": [{"state": "running", "perplexity": "88.1"}],
    },
}


def exported() -> dict[str, set[str]]:
    """Labels of each metric that a working operator serves."""
    store = Store()
    metrics = Metrics(store)
    metrics.pachyderm_version("pachd", "2.12.0", "yes")
    metadata = {"namespace": "ml", "name": "thrones", "uid": "1", "resourceVersion": "5", "generation": 1}
    store.put({"metadata": metadata, "spec": {}, "status": STATUS})
    metrics.called("pachyderm", "ListJob", "OK", 0.25)
    metrics.reconcile_duration.labels("done").observe(0.1)
    metrics.retries.inc()
    metrics.events_left_out.inc()
    text = metrics.render().decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {re.split(r"[{ ]", line)[0]: set(re.findall(r'(\w+)="', line)) for line in lines}


def selectors(expression: str) -> list[dict[str, Any]]:
    text = json.dumps([expression.replace("$namespace", "ml").replace("$datasource", "d")])
    done = subprocess.run([promql(), "selectors"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)[0])


def firing(minutes: int, *series: str) -> dict[str, dict[str, Any]]:
    """Alerts that fire after so many minutes of the series, one value a minute."""
    text = "\n  ".join(["load 1m", *series])
    command = [str(promql()), "firing", str(ALERTS), str(minutes)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {each["alert"]: each for each in json.loads(done.stdout)}


HEALTHY = "scriptmodel_queue_depth 0x120"


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_uses_metrics_and_labels_that_the_operator_exports(query: str) -> None:
    known = exported()
    found = selectors(QUERIES[query])
    assert found
    for each in found:
        assert each["metric"] in known
        assert set(each["labels"]) <= known[each["metric"]]


def test_the_exported_metrics_are_those_that_are_documented() -> None:
    documented = set(re.findall(r"`(scriptmodel_\w+)`", (ROOT / "docs/reference/metrics.md").read_text()))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in exported()} == documented


def test_the_dashboard_shows_every_metric() -> None:
    shown = {each["metric"] for query in PANELS.values() for each in selectors(query)}
    assert shown == set(exported())


def test_the_dashboards_variable_is_filled_from_an_exported_metric() -> None:
    variable = next(each for each in DASHBOARD["templating"]["list"] if each["name"] == "namespace")
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]  # a failure of the test
    assert label in exported()[metric]


def test_the_chart_ships_alerts_and_dashboard_as_they_are() -> None:
    found = objects({"prometheusRule": {"enabled": True}, "dashboard": {"enabled": True}})
    assert only("PrometheusRule", found)["spec"] == yaml.safe_load(ALERTS.read_text())
    shipped = only("ConfigMap", found, "scriptmodel-operator-dashboard")["data"]["scriptmodels.json"]
    assert json.loads(shipped) == DASHBOARD


def calls(service: str, code: str, a_minute: int) -> str:
    return f'scriptmodel_engine_calls_total{{service="{service}",method="any",code="{code}"}} 0+{a_minute}x120'


def reconciles(outcome: str, a_minute: int) -> str:
    return f'scriptmodel_reconcile_duration_seconds_count{{outcome="{outcome}"}} 0+{a_minute}x120'


FIRED: list[tuple[str, int, int, str, tuple[str, ...]]] = [
    (
        "ScriptModelOperatorAbsent",
        18,
        19,
        "",
        ("scriptmodel_queue_depth 0x3",),
    ),  # it counts as there for 5 minutes more
    *(
        (
            "ScriptModelEngineUnavailable",
            9,
            30,
            "75% of the operator's calls to its engine (pachyderm) fail.",
            (HEALTHY, calls("pachyderm", "OK", 10), calls("pachyderm", code, 30)),
        )
        for code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED")
    ),
    (
        "ScriptModelEngineUnavailable",
        9,
        30,
        "100% of the operator's calls to its engine (bucket) fail.",
        (HEALTHY, calls("kubernetes", "OK", 600), calls("bucket", "UNAVAILABLE", 3)),
    ),
    ("ScriptModelReconcilesFail", 14, 40, "40% ", (HEALTHY, reconciles("done", 6), reconciles("failed", 4))),
    ("ScriptModelQueueGrows", 4, 30, "", ("scriptmodel_queue_depth 30x60",)),
]


@pytest.mark.parametrize(("alert", "still", "then", "summary", "series"), FIRED)
def test_an_alert_fires_in_time(alert: str, still: int, then: int, summary: str, series: tuple[str, ...]) -> None:
    assert firing(still, *series) == {}
    assert firing(then, *series)[alert]["annotations"]["summary"].startswith(summary)


@pytest.mark.parametrize(
    ("minutes", "series"),
    [
        (
            100,
            (
                calls("pachyderm", "OK", 60),
                calls("pachyderm", "UNAVAILABLE", 1),
                reconciles("done", 10),
                reconciles("failed", 1),
                'scriptmodel_stalled{namespace="ml",name="thrones"} 0x120',
                HEALTHY,
            ),
        ),
        (60, (HEALTHY, calls("pachyderm", "NOT_FOUND", 60))),
        (30, ("scriptmodel_queue_depth 30x9 0 30x20",)),
    ],
    ids=["all is well", "calls that are refused for a reason", "a queue that empties"],
)
def test_nothing_fires_while_nothing_is_wrong(minutes: int, series: tuple[str, ...]) -> None:
    assert firing(minutes, *series) == {}


def test_a_stalled_model_fires_an_alert_with_its_name_after_15_minutes() -> None:
    stalled = 'scriptmodel_stalled{namespace="ml",name="thrones"} 1x60'
    assert firing(14, HEALTHY, stalled) == {}
    alert = firing(17, HEALTHY, stalled)["ScriptModelStalled"]
    assert alert["labels"] == {
        "alertname": "ScriptModelStalled",
        "severity": "warning",
        "namespace": "ml",
        "name": "thrones",
    }
    assert "kubectl -n ml describe scriptmodel thrones" in alert["annotations"]["description"]


def test_every_alert_has_a_severity_and_a_next_step() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        assert rule["for"]
