"""Output to a terminal or a file: our own colours, no control character of other texts, no file overwritten."""

import ast
import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli import output
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.main import main
from scriptmodel_cli.output import write_new
from scriptmodel_cli.session import Session
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import World, trained_world

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
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
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
    monkeypatch.setattr(output, "_is_terminal", lambda: True)
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
    world.pachyderm.close = lambda: None  # type: ignore[method-assign]
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
