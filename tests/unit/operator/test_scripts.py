"""Scripts and reports that the command downloads."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.main import main
from scriptmodel_cli.output import write_new
from scriptmodel_cli.session import Session
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import World, trained_world


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


def test_each_sample_can_be_had_and_all(world: World) -> None:
    first = world.model.status["script"]["excerpt"]
    assert run("script", "thrones") == (0, first, "")
    assert run("script", "thrones", "--sample", "2") == (0, "[ TWO ]: 2\n", "")
    assert run("script", "thrones", "--all") == (0, f"{first}\n[ TWO ]: 2\n\n[ THREE ]: 3\n", "")


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


def test_a_sample_that_does_not_exist_names_those_that_do(world: World) -> None:
    code, _out, err = run("script", "thrones", "--sample", "4")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "thrones has no sample 4: it has 1, 2, 3; raise spec.generation.samples" in err
    assert run("script", "thrones", "--sample", "0")[0] == 2
    assert run("script", "thrones", "--sample", "1", "--all")[0] == 2


def test_the_report_goes_to_stdout_or_a_file(world: World, tmp_path: Path) -> None:
    assert run("report", "thrones") == (0, "<html>report</html>", "")
    out = tmp_path / "report.html"
    assert run("report", "thrones", "--out", str(out))[0] == 0
    assert out.read_text() == "<html>report</html>"
    assert run("report", "thrones", "--out", str(out))[0] == 2
