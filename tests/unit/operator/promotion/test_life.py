"""A retrained model that is worse than the last one does not replace its script, if the spec sets a gate."""

import json
import re
from dataclasses import replace
from typing import Any, cast

import click
import pytest
from click.testing import CliRunner

from scriptmodel_cli.changes import Preview
from scriptmodel_cli.diagnosis import why
from scriptmodel_cli.main import main
from scriptmodel_cli.preview import preview
from scriptmodel_cli.screen import screen_of
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.identity import RECONCILE_AT
from scriptmodel_operator.controller.event_policy import record_status
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.promotion.declared import ANNOTATION
from scriptmodel_operator.promotion.feature import Promotions
from tests.unit.operator.promotion.worlds import GATE, commits, gated_world, measured, retrained
from tests.unit.operator.recording import Recorder
from tests.unit.operator.terminal import CREATED, as_object, plain
from tests.unit.operator.world import CLUSTER, IMAGE, PLAYS, World, scriptmodel


def held_back_world() -> World:
    """A world whose second model is worse than the first one."""
    world = gated_world(GATE)
    measured(world, 1.6)
    retrained(world)
    return world


def decision(world: World) -> str:
    return str(world.model.status["promotion"]["decision"])


def test_a_worse_model_is_held_back_and_the_object_is_ready_with_the_last_script() -> None:
    world = gated_world(GATE)
    before, script = commits(world), world.model.status["script"]
    measured(world, 1.6)
    retrained(world)
    status = world.model.status
    assert world.ready == ("True", "HeldBack")
    assert (commits(world), status["script"]) == (before, script)
    held_back = status["promotion"]["model"]
    assert held_back not in before
    repo, _, script = status["lineage"]["heldBack"].partition("@")
    assert (repo, script in before) == (str(world.generate.output), False)
    assert status["promotion"] == {
        "decision": "HeldBack",
        "model": held_back,
        "previous": before[0],
        "figure": "1.6000",
        "previousFigure": "1.5000",
        "improvement": "-0.1000",
    }
    assert [entry.get("promotion") for entry in status["history"]] == ["HeldBack", None]
    message = world.condition("Ready")["message"]
    assert f"model {held_back[:8]} is held back, since it is worse than the last one" in message
    assert f"--overwrite {ANNOTATION}={held_back[:8]}" in message


def test_a_status_with_a_model_that_is_held_back_does_not_change_by_itself() -> None:
    world = held_back_world()
    status = world.model.status
    world.reconcile()
    assert world.model.status == status


@pytest.mark.parametrize(
    ("figure", "least", "expected"),
    [
        (1.5, "0", "Promoted"),
        (1.4, "0", "Promoted"),
        (1.4, "0.1", "Promoted"),
        (1.45, "0.1", "HeldBack"),
        (1.5, "0.1", "HeldBack"),
        (1.51, "0", "HeldBack"),
    ],
)
def test_a_model_is_promoted_if_it_improves_by_the_least_improvement(figure: float, least: str, expected: str) -> None:
    world = gated_world({"promotion": {"minImprovement": least}})
    before = commits(world)
    measured(world, figure)
    retrained(world)
    assert decision(world) == expected
    assert (commits(world) == before) == (expected == "HeldBack")
    assert ("heldBack" in world.model.status["lineage"]) == (expected == "HeldBack")
    status = world.model.status
    world.reconcile()
    assert world.model.status == status


def test_a_model_that_improves_too_little_is_said_to() -> None:
    world = gated_world({"promotion": {"minImprovement": "0.1"}})
    measured(world, 1.45)
    retrained(world)
    assert (
        "improves too little on the last one: 1.4500 after 1.5000 nats per character"
        in (world.condition("Ready")["message"])
    )


def test_the_next_model_is_compared_with_the_promoted_one_not_with_the_one_held_back() -> None:
    world = gated_world(GATE)
    first = commits(world)[0]
    measured(world, 1.9)
    retrained(world)
    measured(world, 1.7)
    retrained(world)
    assert (decision(world), world.model.status["promotion"]["previous"]) == ("HeldBack", first)
    measured(world, 1.4)
    retrained(world)
    assert (decision(world), world.model.status["promotion"]["previous"]) == ("Promoted", first)
    assert [entry.get("promotion") for entry in world.model.status["history"]] == [
        "Promoted",
        "HeldBack",
        "HeldBack",
        None,
    ]


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (1.9, "text-2"),
        (1.9, ""),
        (1.9, 7),
        (None, "text-1"),
        ("high", "text-1"),
        (-1.0, "text-1"),
        (float("nan"), "text-1"),
    ],
)
def test_models_that_do_not_compare_are_promoted_and_that_is_said(figure: object, text: object) -> None:
    world = gated_world(GATE)
    measured(world, figure, text)
    retrained(world)
    assert (world.ready, decision(world)) == (("True", "Generated"), "NotComparable")
    assert commits(world)[0] == world.model.status["promotion"]["model"]
    assert "improvement" not in world.model.status["promotion"]


def test_models_of_an_older_trainer_are_promoted() -> None:
    world = World(model=scriptmodel(GATE))
    retrained(world)
    retrained(world)
    assert decision(world) == "NotComparable"


@pytest.mark.parametrize("digits", [8, 32])
def test_an_annotation_promotes_the_model_that_it_names(digits: int) -> None:
    world = held_back_world()
    world.written()
    held_back, script = world.model.status["promotion"]["model"], world.model.status["lineage"]["heldBack"]
    world.apply(GATE, annotations={ANNOTATION: held_back[:digits]})
    assert world.ready == ("True", "Generated")
    assert (decision(world), world.written()) == ("PromotedByAnnotation", [])
    assert commits(world) == (held_back, script.partition("@")[2])
    assert world.model.status["history"][0]["promotion"] == "PromotedByAnnotation"
    status = world.model.status
    world.reconcile()
    assert world.model.status == status
    measured(world, 1.7)
    retrained(world)
    assert decision(world) == "HeldBack", "the annotation names one model, not those that follow"


@pytest.mark.parametrize("name", ["", "0", "no-such-commit"])
def test_an_annotation_that_names_no_model_promotes_nothing(name: str) -> None:
    world = held_back_world()
    held_back = world.model.status["promotion"]["model"]
    world.apply(GATE, annotations={ANNOTATION: name or held_back[:7]})
    assert decision(world) == "HeldBack"


def test_removing_the_gate_promotes_the_newest_script() -> None:
    world = held_back_world()
    held_back = world.model.status["promotion"]["model"]
    world.apply({})
    assert (world.ready, commits(world)[0]) == (("True", "Generated"), held_back)
    assert "promotion" not in world.model.status


def test_without_a_gate_a_worse_model_replaces_the_last_one() -> None:
    world = gated_world({})
    before = commits(world)
    measured(world, 9.0)
    retrained(world)
    assert world.ready == ("True", "Generated")
    assert not set(before) & set(commits(world))
    assert "promotion" not in world.model.status


def test_another_script_of_the_same_model_is_promoted() -> None:
    world = gated_world({"promotion": {"minImprovement": "0.5"}})
    model, script = commits(world)
    world.apply({"promotion": {"minImprovement": "0.5"}, "generation": {"seed": 2}})
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert commits(world)[0] == model
    assert commits(world)[1] != script
    assert "promotion" not in world.model.status


def test_another_script_of_a_model_that_is_held_back_is_held_back_too() -> None:
    world = gated_world(GATE)
    before = commits(world)
    measured(world, 1.6)
    retrained(world)
    held_back, script = world.model.status["promotion"]["model"], world.model.status["lineage"]["heldBack"]
    world.apply({**GATE, "generation": {"seed": 2}})
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert (decision(world), commits(world)) == ("HeldBack", before)
    assert world.model.status["promotion"]["model"] == held_back
    assert world.model.status["lineage"]["heldBack"] != script


def test_a_training_that_only_repeats_the_model_is_no_new_model() -> None:
    world = gated_world({"promotion": {"minImprovement": "0.5"}})
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.finish(skipped=True)
    assert world.ready == ("True", "Generated")
    assert "promotion" not in world.model.status


def test_a_script_that_somebody_deleted_is_not_kept() -> None:
    world = held_back_world()
    kept = commits(world)[1]
    world.pachyderm.drop(kept)
    world.apply(GATE, reconcile_at="now")
    assert world.ready == ("True", "Generated")
    assert commits(world)[1] != kept


def test_while_the_next_model_trains_the_kept_script_stays() -> None:
    world = gated_world(GATE)
    before = commits(world)
    measured(world, 1.6)
    retrained(world)
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.ready[0] == "False"
    assert (commits(world), decision(world)) == (before, "HeldBack")


def test_an_object_restored_without_status_takes_the_newest_script() -> None:
    world = held_back_world()
    held_back = world.model.status["promotion"]["model"]
    world.model = replace(world.model, status={})
    world.reconcile()
    assert commits(world)[0] == held_back


def test_status_and_why_show_what_is_held_back_and_the_command_that_promotes_it() -> None:
    world = held_back_world()
    found = as_object(world)
    promotion = found["status"]["promotion"]
    screen = plain(screen_of(found, CREATED))
    compared = f"HeldBack: model {promotion['model'][:8]} compared with {promotion['previous'][:8]}"
    assert f"{compared}: 1.6000 after 1.5000" in screen
    assert re.search(r"MODEL +GENERATION +PERPLEXITY +FINISHED +PROMOTION", screen)
    lines = [click.unstyle(line) for line in why(found, CREATED)]
    assert lines[0].startswith(f"Ready: model {promotion['model'][:8]} is held back")
    assert lines[1] == "Next: scriptmodel promote thrones -n ml, to use its script anyway"


def test_a_screen_without_a_gate_has_no_such_column() -> None:
    world = gated_world({})
    retrained(world)
    screen = plain(screen_of(as_object(world), CREATED))
    assert "MODEL" in screen
    assert "PROMOTION" not in screen
    assert "promotion" not in screen


def test_a_plan_notes_what_is_held_back_and_none_once_the_gate_is_gone() -> None:
    world = held_back_world()
    assert any("is held back" in note for note in planned(world).notes)
    world.want({})
    assert planned(world).notes == planned(world).changes == ()


def planned(world: World) -> Preview:
    return preview(world.pachyderm, world.model, CLUSTER, IMAGE, None, world.pachyderm.now)


def test_the_command_promotes_what_is_held_back_and_asks_for_a_reconcile(monkeypatch: pytest.MonkeyPatch) -> None:
    world, patches = held_back_world(), []
    monkeypatch.setattr(Session, "get", lambda _session, _name: as_object(world))
    monkeypatch.setattr(Session, "patch", lambda _session, _name, body: patches.append(body))
    done = CliRunner().invoke(main, ["promote", "thrones"])
    assert done.exit_code == 0, done.output
    annotations = patches[0]["metadata"]["annotations"]
    name = world.model.status["promotion"]["model"]
    assert (annotations[ANNOTATION], bool(annotations[RECONCILE_AT])) == (name, True)
    world.apply(GATE, annotations={ANNOTATION: annotations[ANNOTATION]})
    done = CliRunner().invoke(main, ["promote", "thrones"])
    assert (done.exit_code, len(patches)) == (0, 1)
    assert "no model of thrones is held back" in done.output


def test_holding_a_model_back_is_one_warning_and_each_model_has_its_own() -> None:
    recorder, world = Recorder(), gated_world(GATE)
    events = cast(EventRecorder, recorder)
    for figure in (1.6, 1.7):
        measured(world, figure)
        before = world.model
        retrained(world)
        record_status(events, before, world.model.status)
        again = world.model
        world.reconcile()
        record_status(events, again, world.model.status)
    assert recorder.reasons == ["HeldBack", "HeldBack"]
    notes = list(recorder.events.values())
    assert all(note.startswith("Warning: model ") for note in notes)
    assert notes[0] != notes[1]


def test_a_follower_starts_from_the_promoted_model_of_a_base_with_a_gate() -> None:
    base = World(model=scriptmodel(GATE, name="shakespeare", uid="uid-2"))
    measured(base, 1.5)
    retrained(base)
    start = {
        "corpus": {"repo": {"name": "poems"}},
        "model": {"preset": "test", "from": {"scriptModel": "shakespeare", "follow": True}},
    }
    world = World(model=scriptmodel(start), pachyderm=base.pachyderm, find=lambda _key: base.model)
    retrained(world)
    first = commits(base)[0]
    assert world.model.status["lineage"]["base"].partition("@")[2] == first
    measured(base, 1.9)
    retrained(base)
    assert base.ready == ("True", "HeldBack")
    world.written()
    world.reconcile()
    assert world.written() == [], "the newest model is held back"
    held_back = base.model.status["promotion"]["model"]
    base.want(GATE, annotations={ANNOTATION: held_back})
    base.reconcile()
    retrained(world)
    assert world.model.status["lineage"]["base"].partition("@")[2] == held_back


def test_a_warm_start_is_from_the_promoted_model() -> None:
    world = gated_world({**GATE, "training": {"warmStart": True}})
    first = commits(world)[0]
    for figure in (1.9, 1.8):
        measured(world, figure)
        retrained(world)
        assert world.ready == ("True", "HeldBack")
        branch = world.pachyderm.pipelines[world.train][-1].spec.input.base
        assert branch is not None
        assert branch.name.startswith(first)


def test_a_warm_start_is_never_from_a_promoted_model_of_another_network() -> None:
    world = gated_world({**GATE, "training": {"warmStart": True}})
    measured(world, 1.9)
    world.apply({**GATE, "training": {"warmStart": True}, "model": {"preset": "small"}})
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "HeldBack")
    retrained(world)
    assert world.pachyderm.pipelines[world.train][-1].spec.input.base is None


def test_perplexity_is_that_of_the_training_in_progress_else_of_the_script_that_is_shown() -> None:
    world = gated_world(GATE)
    assert world.model.status["perplexity"] == "170.0"
    world.pachyderm.metrics |= {"perplexity": {"valid": 300.0}, "epochs": []}
    measured(world, 1.6)
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.model.status["perplexity"] == "170.0", "no worker has taken the job"
    epoch = json.dumps({"event": "epoch", "epoch": 1, "valid_perplexity": 400.0})
    world.pachyderm.run(world.train, [json.dumps({"event": "start", "epochs": 2})])
    world.reconcile()
    assert "perplexity" not in world.model.status
    world.train_with([json.dumps({"event": "start", "epochs": 2}), epoch])
    assert world.model.status["perplexity"] == "400.0"
    world.observer.logs.close()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "HeldBack")
    assert world.model.status["training"]["perplexity"]["best"] == "300.0"
    assert world.model.status["perplexity"] == "170.0"


@pytest.mark.parametrize("content", [b"\n", None])
@pytest.mark.parametrize("spec", [GATE, {}])
def test_a_script_without_text_does_not_replace_the_last_one(spec: dict[str, Any], content: bytes | None) -> None:
    world = gated_world(spec)
    before, script = commits(world), world.model.status["script"]
    measured(world, 1.4)
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    written = world.pachyderm.files[world.generate.output, world.pachyderm.succeed(world.generate).ref.id]
    if content is None:
        del written["/new_script.txt"]
    else:
        written["/new_script.txt"] = content
    for _ in range(2):
        world.reconcile()
        status = world.model.status
        assert world.ready == ("False", "GenerationFailed")
        assert (commits(world), status["script"]) == (before, script)
        assert "promotion" not in status
        assert "heldBack" not in status["lineage"]
    measured(world, 1.6)
    retrained(world)
    assert world.ready == ("True", "HeldBack" if spec else "Generated")
    assert (commits(world) == before) == bool(spec), "it is compared with the last model whose script has text"


@pytest.mark.parametrize(("status", "value"), [({}, None), ("HeldBack", 1.0), ("Promoted", 0.0)])
def test_a_gauge_says_whether_a_model_is_held_back(status: str, value: float | None) -> None:
    found = dict(Promotions().measure({"promotion": {"decision": status}} if status else {}))
    assert found == ({} if value is None else {"scriptmodel_promotion_held_back": value})
