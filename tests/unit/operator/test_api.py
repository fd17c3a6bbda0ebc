"""The API's own promises: the generated CRD, reasons, conditions, durations."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dev.generate import api, crd, knobs, pages, reference
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, ConditionType, render_conditions
from scriptmodel_operator.api.durations import parse_duration, parse_quantity
from scriptmodel_operator.api.objects import InvalidSpecError, parse_object
from scriptmodel_operator.api.reasons import Reason

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_outdated_file_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(knobs, "filled", str)  # leaves out what needs the trainer's environment
    assert pages.write(api.wanted(), ["--check"]) == 0
    monkeypatch.setattr(crd, "render", lambda: "another")
    assert pages.write(api.wanted(), ["--check"]) == 1
    assert "manifests/crd.yaml is out of date" in capsys.readouterr().err


def test_every_field_has_a_description() -> None:
    def undescribed(schema: dict[str, object], path: str) -> list[str]:
        missing = [] if schema.get("description") else [path]
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, child in properties.items():
                missing += undescribed(child, f"{path}.{name}")
        return missing

    version = crd.custom_resource_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        assert undescribed(version["properties"][part], part) == []


def test_each_row_of_the_reference_is_one_line() -> None:
    """Markdown ends a table at a line feed within a cell."""
    for name, table in reference.tables().items():
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, name


def test_every_reason_has_a_description_and_a_troubleshooting_section() -> None:
    chapters = {line.removeprefix("### ") for line in Path("docs/guide/troubleshooting.md").read_text().splitlines()}
    for reason in Reason:
        assert reason.doc
        assert reason.value in chapters, f"docs/guide/troubleshooting.md lacks {reason.value}"


def test_the_time_of_a_transition_stays_while_the_status_does() -> None:
    def render(
        status: ConditionStatus, reason: Reason, previous: list[dict[str, object]], later: int
    ) -> dict[str, object]:
        ready = {ConditionType.READY: Condition(reason, "text", status)}
        return render_conditions(ready, {"conditions": previous}, 2, NOW + timedelta(seconds=later))[0]

    first = render(ConditionStatus.FALSE, Reason.TRAINING, [], 0)
    second = render(ConditionStatus.FALSE, Reason.GENERATING, [first], 10)
    third = render(ConditionStatus.TRUE, Reason.GENERATED, [second], 20)
    times = [each["lastTransitionTime"] for each in (first, second, third)]
    assert times == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:20Z"]


def test_durations_and_quantities() -> None:
    assert parse_duration("1h30m") == timedelta(hours=1, minutes=30)
    assert parse_duration("2d") == timedelta(days=2)
    for text in ("", "soon", "1", "30m1h"):
        with pytest.raises(ValueError, match="not a duration"):
            parse_duration(text)
    amounts = {"500m": 0.5, "2": 2.0, "0.25": 0.25, "3k": 3e3, "1.5Ki": 1536.0, "2Gi": 2.0 * 1024**3}
    assert {text: parse_quantity(text) for text in amounts} == amounts
    for text in ("", "lots", "-1", "1Qi", "1 Gi"):
        with pytest.raises(ValueError, match="not a quantity"):
            parse_quantity(text)


def test_an_object_of_another_version_names_the_unreadable_field() -> None:
    raw = {"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "spec": {"corpus": {}, "model": {"preset": "new"}}}
    with pytest.raises(InvalidSpecError, match=r"spec\.model\.preset"):
        parse_object(raw)
