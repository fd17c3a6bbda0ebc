"""What the command `scriptmodel` prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from scriptmodel_operator.terminal import text
from scriptmodel_operator.terminal.diagnosis import why
from tests.unit.operator.world import World, trained_world

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def as_object(world: World) -> dict[str, Any]:
    """As the API server would have it."""
    return {
        "metadata": {
            "namespace": world.model.namespace,
            "name": world.model.name,
            "generation": world.model.generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": world.model.spec.model_dump(by_alias=True, mode="json"),
        "status": world.model.status,
    }


def test_a_list_has_the_columns_of_kubectl() -> None:
    lines = text.list_of([as_object(trained_world())], CREATED + timedelta(minutes=5), namespaces=True)
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "PRESET", "EPOCH", "PERPLEXITY", "AGE"]
    assert lines[1].split() == ["ml", "thrones", "True", "Generated", "test", "1/1", "160.0", "5m"]


def test_a_status_tells_of_training_lineage_and_script() -> None:
    world = trained_world()
    told = "\n".join(text.status_of(as_object(world), CREATED))
    assert "100%  epoch 1/1, 5000 words/s" in told
    assert "perplexity  train 150.0, valid 170.0, test 160.0" in told
    assert world.model.status["lineage"]["corpus"]["commit"] in told
    assert "[ JON ]: You know nothing ." in told


def test_why_gives_the_verdict_first_and_what_the_reason_means() -> None:
    assert why(as_object(trained_world()), [])[0].startswith("Nothing is wrong: script")
    world = World()
    world.reconcile()
    lines = why(as_object(world), [{"eventTime": "2026", "reason": "CorpusNotFound", "note": "note"}])
    assert lines[0].startswith("It is stuck (CorpusNotFound): corpus repo default/plays does not exist")
    assert lines[1] == "CorpusNotFound means: The corpus repo does not exist."
    assert "It has no pipelines." in lines
    assert lines[-1].split()[1] == "CorpusNotFound"


def test_an_object_that_no_operator_has_seen_says_where_to_look() -> None:
    found = {**as_object(World()), "status": {}}
    assert "whether it watches this namespace" in why(found, [])[1]
    assert "not looked at it yet" in text.status_of(found, CREATED)[1]


def test_an_older_status_is_told_to_be_older() -> None:
    found = as_object(trained_world())
    found["metadata"]["generation"] = 2
    assert "has not seen the newest spec yet" in "\n".join(text.status_of(found, CREATED))
    assert "older spec" in why(found, [])[0]
