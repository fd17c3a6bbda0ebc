"""Rules for every status: kstatus, metav1.Condition, and the promises of the API."""

import re
from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import ScriptModelStatus, to_wire

TYPES = ["Ready", "Reconciling", "Stalled", "CorpusReady", "Trained", "Generated"]
FIELDS = {"type", "status", "reason", "message", "observedGeneration", "lastTransitionTime"}
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


def check_status(status: Mapping[str, Any], generation: int) -> None:
    """AssertionError names the rule that is broken. `generation` is metadata.generation of the object."""
    conditions = {each["type"]: each for each in status["conditions"]}
    assert [each["type"] for each in status["conditions"]] == TYPES, "all six conditions, in order, once"
    for condition in conditions.values():
        _check_condition(condition, generation)
    _check_kstatus(status, conditions, generation)
    assert to_wire(ScriptModelStatus.model_validate(status)) == status, "nothing that the schema does not have"
    if conditions["Ready"]["status"] == "True":
        _check_ready(status, conditions)


def _check_condition(condition: Mapping[str, Any], generation: int) -> None:
    assert set(condition) == FIELDS, f"fields of a condition: {condition}"
    assert condition["status"] in ("True", "False", "Unknown")
    assert condition["reason"] in set(Reason)
    assert condition["observedGeneration"] <= generation, "no condition is of a generation that does not exist yet"
    assert _TIME.match(condition["lastTransitionTime"])
    assert len(condition["message"]) <= 32768


def _check_kstatus(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]], generation: int) -> None:
    assert status["observedGeneration"] <= generation
    ready, reconciling, stalled = (conditions[kind]["status"] for kind in TYPES[:3])
    assert not (reconciling == "True" and stalled == "True"), "never both Reconciling and Stalled"
    if ready == "True":
        assert (reconciling, stalled) == ("False", "False"), (
            "Ready means that nothing is in progress and nothing is stuck"
        )
    else:
        assert conditions["Ready"]["message"], "what is not ready says why"
    for kind in TYPES[:3]:
        observed = conditions[kind]["observedGeneration"]
        assert observed == status["observedGeneration"], f"{kind} and status are of one generation"


def _check_ready(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> None:
    for kind in ("CorpusReady", "Trained", "Generated"):
        assert conditions[kind]["status"] == "True", f"Ready without {kind}"
    assert status["script"]["sizeBytes"] > 0
    assert status["lineage"]["script"].partition("@")[2]
    assert status["lineage"]["model"].partition("@")[2]
    assert status["lineage"]["corpus"].partition("@")[2]
