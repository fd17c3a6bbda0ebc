"""What the command prints: its own colours alone, a script or a file, and the operator's plan."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli import output
from scriptmodel_cli.changes import Change, FieldChange, merged
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.main import main
from scriptmodel_cli.output import write_new
from scriptmodel_cli.session import Session
from tests.unit.operator.terminal import as_object, planned, reported
from tests.unit.operator.world import PLAYS, World, scriptmodel, started_world, trained_world

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\u202eback\x00"
HARMLESS = "\\x1b]0;owned\\x07\\x1b[31mred\\x9b2J\\x0d\\u202eback\\x00"
SOURCES = [
    *sorted(Path(output.__file__).parent.rglob("*.py")),
    *sorted(Path(main.callback.__code__.co_filename).parent.rglob("local/*.py")),  # type: ignore[union-attr]
]


def test_control_characters_are_shown_and_tabs_and_line_feeds_kept() -> None:
    assert output.escaped(HOSTILE) == HARMLESS
    assert output.escaped("é\tü\n😀") == "é\tü\n😀"


@given(st.text())
def test_no_text_reaches_the_terminal_with_a_control_character(foreign: str) -> None:
    shown = output.escaped(foreign)
    assert not [each for each in shown if each not in "\t\n" and not each.isprintable() and ord(each) < 0xA0]
    assert output.escaped(shown) == shown
    shown.encode()


def test_only_the_colours_that_were_made_here_are_let_through(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("x"), color=True).scope():
        output.say([output.style("ours", fg="red") + click.style(" foreign", fg="red")])
    assert capsys.readouterr().out == "\x1b[31mours\x1b[0m\\x1b[31m foreign\\x1b[0m\n"


def test_all_output_goes_through_the_writer() -> None:
    assert len(SOURCES) > 20
    for source in SOURCES:
        if source.name == "output.py":
            continue
        calls = [
            ast.unparse(each.func) for each in ast.walk(ast.parse(source.read_text())) if isinstance(each, ast.Call)
        ]
        assert not {"click.echo", "click.secho", "click.style", "print", "sys.stdout.write"} & set(calls), source


def hostile(value: Any) -> Any:
    """Every free text of a status with control characters."""
    if isinstance(value, dict):
        return {
            key: f"{child} {HOSTILE}" if key in ("message", "excerpt", "reason", "sample") else hostile(child)
            for key, child in value.items()
        }
    return [hostile(child) for child in value] if isinstance(value, list) else value


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An API server with one object, whose texts are hostile; stdout is a terminal."""
    found = as_object(trained_world())
    found["status"] = hostile(found["status"])
    found["status"]["script"]["sizeBytes"] = len(found["status"]["script"]["excerpt"].encode())
    event = {"eventTime": "2026-01-01T00:00:00Z", "reason": "Odd", "note": HOSTILE, "type": "Warning"}
    monkeypatch.setattr(Session, "get", lambda *_args, **_more: json.loads(json.dumps(found)))
    monkeypatch.setattr(Session, "all_of", lambda *_args: [json.loads(json.dumps(found))])
    monkeypatch.setattr(Session, "where", lambda *_args: "ml")
    monkeypatch.setattr(Session, "items", lambda _self, what, _path: [event] if what == "events" else [])
    monkeypatch.setattr(Session, "call", lambda *_args: {"items": []})
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["status", "thrones"],
        ["status", "thrones", "-w"],
        ["why", "thrones"],
        ["script", "thrones"],
        ["no\x1b[31msuch"],
        ["status", "na\x1bme"],
    ],
    ids=" ".join,
)
def test_no_command_lets_a_control_character_through(words: list[str], cluster: dict[str, Any]) -> None:
    done = CliRunner().invoke(main, words)
    assert not isinstance(done.exception, AssertionError | KeyError | TypeError), done.exception
    printed = done.output + done.stderr
    assert printed
    assert not set(HOSTILE) & set(printed) - set(HARMLESS)


def test_a_script_is_exact_in_a_file_and_escaped_on_a_terminal(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    output.emit(HOSTILE)
    assert capsysbinary.readouterr().out == HOSTILE.encode()
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    output.emit(HOSTILE)
    assert capsysbinary.readouterr().out == HARMLESS.encode()


def test_a_file_is_overwritten_only_with_force(tmp_path: Path) -> None:
    out = tmp_path / "script.txt"
    write_new(out, b"one", force=False)
    with pytest.raises(InputError, match="already exists: name another file, or add --force"):
        write_new(out, b"two", force=False)
    assert out.read_bytes() == b"one"
    write_new(out, b"two", force=True)
    assert out.read_bytes() == b"two"
    with pytest.raises(click.ClickException, match="No such file or directory"):
        write_new(tmp_path / "no" / "x", b"", force=False)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A trained model with three samples and a report; the command reaches it."""
    world = trained_world()
    lineage = world.model.status["lineage"]
    script = world.pachyderm.files[world.generate.output, lineage["script"].partition("@")[2]]
    script.update({"/new_script.2.txt": b"[ TWO ]: 2\n", "/new_script.3.txt": b"[ THREE ]: 3\n"})
    script.update({"/new_script.fountain": b"ONE\n1\n", "/new_script.3.fountain": b"THREE\n3\n"})
    world.pachyderm.files[world.train.output, lineage["model"].partition("@")[2]]["/report.html"] = (
        b"<html>report</html>"
    )
    world.pachyderm.close = lambda: None  # type: ignore[method-assign]  # the command closes it, the test reads on
    monkeypatch.setattr(Session, "get", lambda *_args, **_more: as_object(world))
    monkeypatch.setattr("scriptmodel_operator.pachyderm.adapter.PachydermGateway", lambda *_args: world.pachyderm)
    return world


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["--pachd", "nowhere:1", *words])
    return done.exit_code, done.stdout, done.stderr


def test_a_format_is_that_of_the_option_or_of_the_suffix(world: World, tmp_path: Path) -> None:
    assert run("script", "thrones", "--format", "fountain")[1] == "ONE\n1\n"
    out = tmp_path / "third.fountain"
    assert run("script", "thrones", "--sample", "3", "--out", str(out))[0] == 0
    assert out.read_text() == "THREE\n3\n"
    code, _out, err = run("script", "thrones", "--format", "fdx")
    assert (code, "has no /new_script.fdx: the trainer's image is too old" in err) == (1, True)
    for name, words, hint in (
        ("x.pdf", [], "write .html and print it in a browser"),
        ("x.md", [], "add --format"),
        ("x.txt", ["--format", "fdx"], "use the suffix .fdx"),
        ("x.html", ["--all"], "--all joins texts"),
    ):
        code, _out, err = run("script", "thrones", "--out", str(tmp_path / name), *words)
        assert (code, hint in err) == (2, True)


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
