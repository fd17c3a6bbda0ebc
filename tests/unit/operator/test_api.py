"""The promises of the API: the generated CRD, names, addresses, conditions, durations, and bodies of requests."""

import json
import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from dev.generate import crd
from scriptmodel_operator.api.conditions import (
    MAX_MESSAGE,
    Condition,
    ConditionStatus,
    ConditionType,
    render_conditions,
)
from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.durations import format_duration, parse_duration, parse_quantity
from scriptmodel_operator.api.names import MAX_PROJECT_NAME, pachyderm_names
from scriptmodel_operator.api.objects import InvalidSpecError, parse_object
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import ScriptModelStatus, ScriptStatus, to_wire
from scriptmodel_operator.api.urls import file_name, host_of, without_query
from scriptmodel_operator.kube.client import encoded
from tests.unit.operator.odd_text import HOSTILE, ODD, SHOWN

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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
    words = {0: "0s", 59.4: "59s", 60: "1m0s", 3599: "59m59s", 3600: "1h0m", 7500: "2h5m"}
    assert {seconds: format_duration(seconds) for seconds in words} == words
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


@pytest.mark.parametrize(
    ("url", "host", "name", "shown"),
    [
        ("https://Example.com/plays/hamlet.txt", "example.com", "hamlet.txt", "https://Example.com/plays/hamlet.txt"),
        ("http://127.0.0.1:8000/a.tar.gz?token=b/c", "127.0.0.1", "a.tar.gz", "http://127.0.0.1:8000/a.tar.gz"),
        ("http://[::1]:80/a%20b.txt", "::1", "a%20b.txt", "http://[::1]:80/a%20b.txt"),
    ],
)
def test_an_address_has_a_host_and_the_name_of_its_file(url: str, host: str, name: str, shown: str) -> None:
    assert CorpusHttp(urls=[url]).urls == [url]
    assert (host_of(url), file_name(url), without_query(url)) == (host, name, shown)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/plays/",
        "https://example.com/plays/..",
        "https://example.com/.hidden",
        "https://example.com/a#b",
        "https://example.com/a b",
        "https://example.com/(a)",
        "https://example.com/\u00e9",
        "https://exa mple.com/a",
        "http://:80/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "s3://bucket/a",
    ],
)
def test_what_is_not_the_address_of_a_file_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        CorpusHttp(urls=[url])


PIPELINE = re.compile(r"^[a-z0-9][a-z0-9-]*$")
LABELS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63).filter(
    lambda text: text[0] != "-" and text[-1] != "-"
)
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
PROJECTS = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=MAX_PROJECT_NAME).filter(
    lambda text: text[0] not in "-_"
)


@given(LABELS, NAMES, PROJECTS)
def test_names_are_valid_and_leave_room_for_five_digits_of_a_version(namespace: str, name: str, project: str) -> None:
    names = pachyderm_names(namespace, name, project)
    for each in names.values():
        assert PIPELINE.match(each)
        assert len(each) <= 51
        assert len(f"{project}-{each}-v99999") <= 63
    assert len(set(names.values())) == 5


def test_names_never_change() -> None:
    """Pipelines are found by name: another rule would orphan the pipelines of every cluster."""
    parts = ("train", "generate", "corpus", "base", "trials")
    assert pachyderm_names("ml", "thrones", "default") == {part: f"thrones-0ba64831977eb1b9-{part}" for part in parts}
    long = pachyderm_names("ml", "a.very.long.name.of.a.model", "project-of-20-chars-")
    assert long["generate"] == "a-very-lo-d09b7640900a04a7-generate"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@example(ODD)
def test_json_and_yaml_read_the_same_text(text: str) -> None:
    body = encoded({"status": {"message": text}})
    assert json.loads(body) == yaml.safe_load(body) == {"status": {"message": text}}


def test_a_lone_surrogate_is_shown_as_the_character_for_what_cannot_be_read() -> None:
    assert json.loads(encoded({"etag": "a\udcffb"})) == {"etag": "a\ufffdb"}


def test_a_status_has_nothing_that_a_terminal_obeys() -> None:
    made = to_wire(ScriptModelStatus(script=ScriptStatus(excerpt="A\x1b[31mB\n\tC\x9b")))
    assert made["script"] == {"excerpt": "AB\n\tC"}
    ready = {ConditionType.READY: Condition(Reason.DOWNLOAD_FAILED, HOSTILE)}
    (rendered,) = render_conditions(ready, {}, 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert rendered["message"].startswith(SHOWN)
    assert len(rendered["message"]) == MAX_MESSAGE
    assert rendered["message"].isprintable()
