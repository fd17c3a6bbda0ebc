"""The ScriptModel to start from, and numbers that need quotes."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from scriptmodel_cli.documents import read_documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.object_file import checked
from scriptmodel_cli.main import main

UNCOMMENTED = ("# overrides:", "# samples:", "# speaker:", "# prompt:")


def test_it_is_accepted_by_the_api_server_with_its_comments_too(tmp_path: Path) -> None:
    text = CliRunner().invoke(main, ["init", "thrones"]).stdout
    for each in ((), *((mark,) for mark in UNCOMMENTED), UNCOMMENTED):
        changed = text
        for mark in each:
            assert mark in changed
            changed = changed.replace(mark, mark[2:])
        (tmp_path / "thrones.yaml").write_text(changed)
        model = read_documents(tmp_path / "thrones.yaml").scriptmodel
        assert model["metadata"]["name"] == "thrones"
        assert checked(model["spec"])
    assert yaml.safe_load(CliRunner().invoke(main, ["init"]).stdout)["metadata"]["name"] == "my-script"


@pytest.mark.parametrize(
    ("name", "words"), [("1984", "must be a string: quote it"), ("true", "must be a string"), ("null", "is required")]
)
def test_a_name_that_looks_like_a_number_stays_a_name(tmp_path: Path, name: str, words: str) -> None:
    file = tmp_path / "model.yaml"
    file.write_text(CliRunner().invoke(main, ["init", name]).stdout)
    assert read_documents(file).scriptmodel["metadata"]["name"] == name
    file.write_text(file.read_text().replace(f'"{name}"', name))
    with pytest.raises(InputError, match=f"metadata.name {words}"):
        read_documents(file)


def test_it_overwrites_no_file(tmp_path: Path) -> None:
    out = tmp_path / "thrones.yaml"
    assert CliRunner().invoke(main, ["init", "thrones", "--out", str(out)]).exit_code == 0
    before = out.read_text()
    done = CliRunner().invoke(main, ["init", "other", "--out", str(out)])
    assert (done.exit_code, done.stderr) == (2, f"Error: {out} already exists: name another file\n")
    assert out.read_text() == before


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('# temperature: "0.8"', "temperature: 0.8", 'spec.generation.temperature: must be a string: quote it, "0.8"'),
        ("# prompt: To be", "prompt: yes", 'spec.generation.prompt: must be a string: quote it, "true"'),
        (
            "# overrides:",
            "overrides: {dropout: 0.5} #",
            'spec.model.overrides.dropout: must be a string: quote it, "0.5"',
        ),
        (
            "# overrides:",
            "overrides: {learningRate: 1e-3} #",
            'spec.model.overrides.learningRate: must be a string: quote it, "0.001"',
        ),
    ],
)
def test_a_number_in_a_string_field_has_to_be_quoted(tmp_path: Path, before: str, after: str, words: str) -> None:
    file = tmp_path / "thrones.yaml"
    text = CliRunner().invoke(main, ["init"]).stdout
    file.write_text(text.replace(before, after))
    done = CliRunner().invoke(main, ["local", "-f", str(file)])
    assert (done.exit_code, done.stderr) == (2, f"Error: the ScriptModel is invalid: {words}\n")
