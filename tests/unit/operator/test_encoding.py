"""Bodies of requests: the same text for a parser of JSON and for one of YAML."""

import json
from datetime import UTC, datetime

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from scriptmodel_operator.api.conditions import MAX_MESSAGE, Condition, ConditionType, render_conditions
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import ScriptModelStatus, ScriptStatus, to_wire
from scriptmodel_operator.kube.client import encoded
from tests.unit.operator.odd_text import HOSTILE, ODD, SHOWN


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


def test_an_annotation_is_acknowledged_with_the_same_text() -> None:
    made = to_wire(ScriptModelStatus(last_handled_reconcile_at="a\x7f\u2028"))
    assert made == {"lastHandledReconcileAt": "a\x7f\u2028"}


def test_a_status_without_lone_surrogates_is_read_back_unchanged() -> None:
    assert to_wire(ScriptModelStatus(script=ScriptStatus(path="/\ud800")))["script"] == {"path": "/\ufffd"}
    ready = {ConditionType.READY: Condition(Reason.DOWNLOAD_FAILED, "\udcff")}
    (rendered,) = render_conditions(ready, [], 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert rendered["message"] == "\ufffd"
