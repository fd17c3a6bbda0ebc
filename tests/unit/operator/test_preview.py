"""The output of `scriptmodel plan`: the operator's own plan, without any write."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli.changes import Change, FieldChange, merged
from tests.unit.operator.terminal import planned, reported
from tests.unit.operator.world import PLAYS, World, scriptmodel, started_world, trained_world


def fields(change: Change) -> list[FieldChange]:
    return list(change.fields)


def test_a_new_object_creates_both_pipelines_with_all_their_fields() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    found = planned(world)
    assert [change.what for change in found.changes] == [
        f"create step {world.train}",
        f"create step {world.generate}",
    ]
    assert FieldChange("image", "", "(the operator's default)") in found.changes[0].fields
    assert FieldChange("input.branch.repo.name", "", "plays") in found.changes[0].fields
    assert FieldChange("--preset", "", "test") in found.changes[0].fields
    assert f"+ create step {world.train} (it does not exist)" in reported(found)


@pytest.mark.parametrize(
    ("spec", "made_by", "effect", "expected"),
    [
        (
            {"model": {"preset": "small", "overrides": {"epochs": 2}}},
            "train",
            "trains again from the first epoch",
            [("--preset", "test", "small"), ("--set epochs", "", "2")],
        ),
        (
            {"model": {"preset": "test", "seed": 7}},
            "train",
            "trains again from the first epoch",
            [("--seed", "0", "7")],
        ),
        (
            {"generation": {"words": 5, "temperature": "1.1"}},
            "generate",
            "writes a new script",
            [("--words", "1000", "5"), ("--temperature", "", "1.1")],
        ),
    ],
)
def test_each_changed_field_is_shown_with_what_follows(
    spec: dict[str, Any], made_by: str, effect: str, expected: list[tuple[str, str, str]]
) -> None:
    world = trained_world()
    world.want(spec)
    found = planned(world)
    (change,) = found.changes
    assert (change.what, change.effect) == (f"update step {getattr(world, made_by)} to version 2", effect)
    text = reported(found)
    assert f"~ {change.what} (the spec changed)" in text
    assert f"{expected[0][0]} " in text
    (value,) = found.as_dict()["changes"]
    assert value["sign"] == "~"
    shown = yaml.safe_load(yaml.safe_dump([*value["fields"]]))
    assert [{"name": name, "before": old, "after": new} for name, old, new in expected] == shown


def test_what_needs_no_change_of_the_spec_is_shown_with_its_cause() -> None:
    world = trained_world()
    assert reported(planned(world)) == "ml/thrones\nNothing would change."
    world.want(retrain_at="now")
    (train,) = planned(world).changes
    assert (train.why, train.fields) == ("retrain-at requests it", ())
    world = trained_world()
    world.pachyderm.edit(world.train, tries=9)
    (train,) = planned(world).changes
    assert (train.why, fields(train)) == ("somebody else changed it", [FieldChange("datums.tries", "9", "3")])


def test_a_change_that_needs_no_training_waits_for_the_running_job() -> None:
    world = started_world()
    job = world.pachyderm.run(world.train)
    world.written()
    world.want({"training": {"resources": {"limits": {"memory": "4Gi"}}}})
    (train,) = planned(world).changes
    assert train.effect == f"waits until the running job {job.ref.id[:8]} has ended; computes nothing again"
    assert fields(train) == [FieldChange("limits.memory", "", "4Gi")]
    world.want({"model": {"seed": 1}})
    (train,) = planned(world).changes
    assert train.effect == f"trains again from the first epoch; kills the running job {job.ref.id[:8]}"


def test_a_blocker_is_shown_with_what_to_do() -> None:
    found = planned(World())
    assert found.changes == ()
    assert "! it would be stalled: CorpusNotFound: corpus repo default/plays does not exist: create it" in reported(
        found
    )


def test_a_config_map_is_committed_first_and_the_following_changes_are_shown() -> None:
    world = World(model=scriptmodel({"corpus": {"configMap": {"name": "plays"}}}))
    found = planned(world, source={"/a.txt": b"A: b\n"})
    names = [change.what.partition(" default/")[0] for change in found.changes]
    assert names == ["create repo", "create step", "create step"]
    world.source = {"/a.txt": b"A: b\n"}
    world.reconcile()
    world.written()
    assert planned(world, source=world.source).changes == ()
    (put,) = planned(world, source={"/b.txt": b"A: b\n"}).changes
    assert put.what.startswith("put 1 files into")


def test_suspension_stops_and_deletion_removes() -> None:
    world = trained_world()
    world.want({"suspend": True})
    assert [change.what for change in planned(world).changes] == [
        f"stop step {world.generate}",
        f"stop step {world.train}",
    ]
    world.model = replace(world.model, deleting=True)
    found = planned(world)
    assert [change.what for change in found.changes] == [
        f"delete step {world.generate}",
        f"delete step {world.train}",
    ]
    assert "is being deleted (Delete)" in found.title
    world.want({"deletionPolicy": "Orphan"})
    assert "Nothing would change." in reported(planned(world))


def test_merging_is_that_of_kubectl_apply() -> None:
    live = {"spec": {"a": 1, "kept": "by somebody else", "map": {"x": 1, "y": 2}, "list": [1, 2]}}
    last = {"spec": {"a": 1, "map": {"x": 1}}}
    expected = {"spec": {"map": {"z": 3}, "list": [3]}}
    assert merged(last, expected, live) == {"spec": {"kept": "by somebody else", "map": {"y": 2, "z": 3}, "list": [3]}}


_VALUES = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
_OBJECTS = st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3)


@given(_OBJECTS, _OBJECTS)
def test_applying_the_same_again_changes_nothing(expected: dict[str, Any], live: dict[str, Any]) -> None:
    once = merged({}, expected, live)
    assert merged(expected, expected, once) == once
