"""Scripts as Fountain and as HTML."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from scriptmodel_cli.errors import InputError
from scriptmodel_cli.files import write_new
from scriptmodel_cli.formats import to_fountain, to_html
from scriptmodel_cli.main import main
from scriptmodel_cli.session import Session
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import World, trained_world

SCRIPT = "{{ INT. HALL - NIGHT }}\n{{ Enter <all> . }}\n[ LADY_MACBETH ]: [ aside ] Out , spot !\n[ JON ]:\n"


def test_fountain_has_headings_action_names_and_parentheticals() -> None:
    assert to_fountain(SCRIPT) == (
        "INT. HALL - NIGHT\n\n!Enter <all> .\n\nLADY MACBETH\n(aside)\nOut , spot !\n\nJON\n...\n"
    )
    assert to_fountain("{{ SCENE II. A wood. }}") == ".SCENE II. A wood.\n"
    assert to_fountain("[ JON ]: *so*") == "JON\n\\*so\\*\n", "no emphasis"
    assert to_fountain("[ 1_CITIZEN ]: Speak.") == "@1 CITIZEN\nSpeak.\n", "a name without a letter first is forced"


def test_a_page_is_escaped() -> None:
    page = to_html(SCRIPT + "[ <script>x ]: a & b\n")
    assert "<b>LADY MACBETH</b> <em>(aside)</em> Out , spot !" in page
    assert "<h2>INT. HALL - NIGHT</h2>" in page
    assert "<em>Enter &lt;all&gt; .</em>" in page
    assert "<script" not in page


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
    script = world.pachyderm.files[world.generate.output, lineage["script"]["commit"]]
    script.update({"/new_script.2.txt": b"[ TWO ]: 2\n", "/new_script.3.txt": b"[ THREE ]: 3\n"})
    world.pachyderm.files[world.train.output, lineage["model"]["commit"]]["/report.html"] = b"<html>report</html>"
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
    assert run("script", "thrones", "--sample", "3", "--format", "fountain")[1] == "THREE\n3\n"


def test_the_score_is_printed_instead_of_the_script(world: World) -> None:
    code, _out, err = run("script", "thrones", "--score")
    assert (code, "has no score" in err) == (1, True)
    score = {"verdict": "a loop", "overall": "0.10", "originality": "1.00", "variety": "0.10"}
    world.model.status["script"]["score"] = score
    assert run("script", "thrones", "--score")[:2] == (0, "a loop (0.10: originality 1.00, variety 0.10)\n")
    assert run("script", "thrones", "--score", "--all")[0] == 2


def test_a_sample_that_does_not_exist_names_those_that_do(world: World) -> None:
    code, _out, err = run("script", "thrones", "--sample", "4")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "thrones has no sample 4: it has 1, 2, 3; raise spec.generation.samples" in err
    assert run("script", "thrones", "--sample", "0")[0] == 2
    assert run("script", "thrones", "--sample", "1", "--all")[0] == 2
    world.want({"generation": {"samples": 9, "keep": "best"}})
    advice = "spec.generation.keep: best keeps one; set keep: first"
    assert advice in run("script", "thrones", "--sample", "4")[2]


def test_the_report_goes_to_stdout_a_file_or_the_browser(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def launch(address: str) -> int:
        opened.append(address)
        return 0

    monkeypatch.setattr(click, "launch", launch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run("report", "thrones") == (0, "<html>report</html>", "")
    out = tmp_path / "report.html"
    assert run("report", "thrones", "--out", str(out))[0] == 0
    assert out.read_text() == "<html>report</html>"
    assert run("report", "thrones", "--out", str(out))[0] == 2
    assert run("report", "thrones", "--open")[0] == 0
    assert Path(opened[0].removeprefix("file://")).read_text() == "<html>report</html>"
