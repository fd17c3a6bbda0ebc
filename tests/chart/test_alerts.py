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


def test_nothing_fires_while_all_is_well() -> None:
    series = (
        HEALTHY,
        'scriptmodel_engine_calls_total{service="pachyderm",method="ListJob",code="OK"} 0+60x120',
        'scriptmodel_engine_calls_total{service="pachyderm",method="ListJob",code="UNAVAILABLE"} 0+1x120',
        'scriptmodel_reconcile_duration_seconds_count{outcome="done"} 0+10x120',
        'scriptmodel_reconcile_duration_seconds_count{outcome="failed"} 0+1x120',
        'scriptmodel_stalled{namespace="ml",name="thrones"} 0x120',
    )
    assert firing(100, *series) == {}


def test_an_operator_that_is_absent_for_ten_minutes_fires_an_alert() -> None:
    last_seen = "scriptmodel_queue_depth 0x3"  # and counts as there for five minutes more
    assert firing(18, last_seen) == {}
    assert "ScriptModelOperatorAbsent" in firing(19, last_seen)


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_pachyderm_that_does_not_answer_fires_an_alert(code: str) -> None:
    series = (
        HEALTHY,
        'scriptmodel_engine_calls_total{service="pachyderm",method="ListJob",code="OK"} 0+10x120',
        f'scriptmodel_engine_calls_total{{service="pachyderm",method="ListJob",code="{code}"}} 0+30x120',
    )
    assert firing(9, *series) == {}
    alert = firing(30, *series)["ScriptModelEngineUnavailable"]
    assert alert["annotations"]["summary"] == "75% of the operator's calls to its engine (pachyderm) fail."


def test_a_bucket_that_is_away_fires_an_alert_while_the_api_server_answers() -> None:
    series = (
        HEALTHY,
        'scriptmodel_engine_calls_total{service="kubernetes",method="GET configmaps",code="OK"} 0+600x120',
        'scriptmodel_engine_calls_total{service="bucket",method="reading",code="UNAVAILABLE"} 0+3x120',
    )
    alert = firing(30, *series)["ScriptModelEngineUnavailable"]
    assert alert["annotations"]["summary"] == "100% of the operator's calls to its engine (bucket) fail."


def test_calls_that_pachyderm_refuses_for_a_reason_are_not_an_outage() -> None:
    refused = 'scriptmodel_engine_calls_total{service="pachyderm",method="InspectBranch",code="NOT_FOUND"} 0+60x120'
    assert firing(60, HEALTHY, refused) == {}


def test_failing_reconciles_fire_an_alert() -> None:
    series = (
        'scriptmodel_reconcile_duration_seconds_count{outcome="done"} 0+6x120',
        'scriptmodel_reconcile_duration_seconds_count{outcome="failed"} 0+4x120',
    )
    assert firing(14, HEALTHY, *series) == {}
    assert firing(40, HEALTHY, *series)["ScriptModelReconcilesFail"]["annotations"]["summary"].startswith("40% ")


def test_a_queue_that_never_empties_fires_an_alert() -> None:
    assert set(firing(30, "scriptmodel_queue_depth 30x60")) == {"ScriptModelQueueGrows"}
    assert firing(30, "scriptmodel_queue_depth 30x9 0 30x20") == {}


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
