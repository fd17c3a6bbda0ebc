"""The curve of perplexity, and the live view of `scriptmodel status -w`."""

import json
import os
from math import isfinite

import click
import pytest
from click.testing import CliRunner

from scriptmodel_cli.live import Live
from scriptmodel_cli.logs import Training, training
from scriptmodel_cli.main import main
from scriptmodel_cli.output import draw, style
from scriptmodel_cli.session import Session
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.terminal import CREATED, as_object, event, training_world
from tests.unit.operator.world import World


def valid_of(world: World) -> list[float]:
    """Return the validation perplexity by epoch."""
    return [each.valid for each in training(world.pachyderm, as_object(world)).curve.epochs if isfinite(each.valid)]


def test_the_curve_is_read_from_the_log_of_the_running_job_and_then_from_its_model() -> None:
    world = training_world()
    assert valid_of(world) == [400.5, 200.25]
    job = world.pachyderm.succeed(world.train)
    world.pachyderm.files[job.ref.pipeline.output, job.ref.id]["/metrics.json"] = json.dumps(
        {
            "perplexity": {},
            "epochs": [{"valid_perplexity": 400}, {"valid_perplexity": None}, {"valid_perplexity": 90.5}],
        }
    ).encode()
    assert valid_of(world) == [400.0, 90.5]


def test_the_curve_restarts_with_each_attempt_and_is_empty_before_the_first_epoch() -> None:
    world = training_world()
    assert training(FakePachyderm(), as_object(world)) == Training()
    for lines in world.pachyderm.logs.values():
        lines.append(event(event="start", epochs=4))
    assert valid_of(world) == []


def test_a_character_that_the_terminal_lacks_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    found = as_object(training_world())
    monkeypatch.setattr(Session, "get", lambda *_: found)
    done = CliRunner(charset="latin-1").invoke(main, ["status", "thrones"])
    assert f"{20 * '?'} 62%" in done.stdout


def test_elsewhere_than_on_a_terminal_a_live_view_prints_a_line_for_each_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = Live()
    assert not live.redraws
    for line in ("a", "a", "b"):
        live.show(["never seen"], line, CREATED)
    assert [each[10:] for each in capsys.readouterr().out.splitlines()] == ["a", "b"]


def test_on_a_terminal_a_live_view_redraws_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "4")
    live = Live()
    live.redraws = True
    with click.Context(click.Command("x"), color=True).scope():
        live.show(["one", "two"], "", CREATED)
        live.show(["a line that is too long", "2", "3", "4", "5"], "", CREATED)
        live.note("a note")
        live.show(["below the note"], "", CREATED)
    printed = capsys.readouterr()
    first, second = printed.out.split("\x1b[2F")
    assert first == "\x1b[Jone\ntwo\n"
    assert second == "\x1b[Ja line th…\n2\n3\n\x1b[Jbelow the…\n"
    assert printed.err == "a note\n"


def test_without_colours_a_live_view_redraws_too(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Command("x"), color=False).scope():
        draw([style("a", fg="red")], over=2, err=True)
    assert capsys.readouterr().err == "\x1b[2F\x1b[Ja\n"


def test_a_character_that_takes_two_columns_is_cut_by_its_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "8")
    live = Live()
    live.redraws = True
    with click.Context(click.Command("x"), color=True).scope():
        live.show(["\ud55c\uad6d\uc5b4 a", "\ud55c\uad6d\uc5b4 ab"], "", CREATED)
    assert capsys.readouterr().out == "\x1b[J\ud55c\uad6d\uc5b4 a\n\ud55c\uad6d\uc5b4 …\n"


def test_a_terminal_without_a_size_shows_a_live_view_of_the_usual_size(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    live = Live()
    live.redraws = True
    with click.Context(click.Command("x"), color=True).scope():
        live.show(["one"], "", CREATED)
    assert capsys.readouterr().out == "\x1b[Jone\n"
