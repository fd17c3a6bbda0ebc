"""The commands and pages of a writer say what they mean in words of a writer."""

from pathlib import Path

import pytest
from plain_words import INTERNAL
from running import run_trainer

from scriptmodel_trainer import reporting
from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.reporting.report import render_report

TEMPLATES = Path(reporting.__file__).parent / "templates"


@pytest.mark.parametrize("command", ["write", "voice", "ui", "judge", "export", "base"])
def test_the_help_of_a_writers_command_is_plain_and_spells_it_as_it_was_typed(command: str) -> None:
    text = run_trainer([command, "--help"], {"SCRIPTMODEL_PROGRAM": "scriptmodel"}).stdout
    assert not INTERNAL.findall(text)
    assert f"usage: scriptmodel {command} " in text
    assert "scriptmodel-trainer" not in text


def test_the_help_of_write_explains_the_figure_that_its_progress_shows() -> None:
    text = " ".join(run_trainer(["write", "--help"]).stdout.split())
    assert "Perplexity says among how many words the model hesitates for the next one" in text


def test_an_error_begins_with_the_command_that_was_typed() -> None:
    done = run_trainer(["voice", "draft.txt"], {"SCRIPTMODEL_PROGRAM": "scriptmodel"})
    expected = "scriptmodel: error: the following arguments are required: --with; see scriptmodel voice --help\n"
    assert done.stderr == expected


@pytest.mark.parametrize(
    "page", [*sorted(TEMPLATES.glob("ui/*.html")), TEMPLATES / "standalone/page.html"], ids=lambda path: path.name
)
def test_a_page_of_a_writer_is_plain(page: Path) -> None:
    assert not INTERNAL.findall(page.read_text("utf-8").replace("max_tokens", ""))


def test_the_report_is_plain(model: Path) -> None:
    page = render_report(load_model(model, judged=True))
    assert not INTERNAL.findall(page.replace('<th scope="row">preset</th>', ""))
