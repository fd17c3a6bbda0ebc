"""What replaces the API server in `local`: validation, also of what `init` prints, and the object in a file."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scriptmodel_cli.documents import Documents, read_documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.object_file import Objects, checked
from scriptmodel_cli.local.run import everything
from scriptmodel_cli.main import main
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.desired.policy import Policy

REPO = {"repo": {"name": "plays"}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"corpus": REPO, "model": {"overides": {}}}, r"spec\.model\.overides: unknown field"),
        ({"corpus": REPO, "deletion_policy": "Retain"}, r"spec\.deletion_policy: unknown field"),
        ({"corpus": REPO, "generation": {"temperature": 0.8}}, r'temperature: must be a string: quote it, "0\.8"'),
        ({"corpus": REPO, "generation": {"words": 0}}, r"words: must be greater than or equal to 1, not 0"),
        ({"corpus": {"repo": {"name": "My Plays"}}}, r'corpus\.repo\.name: must match pattern .*, not "My Plays"'),
        ({"corpus": {"http": {"urls": ["ftp://x"]}}}, r'http\.urls\.0: must match pattern .*, not "ftp://x"'),
        ({"corpus": REPO, "training": {"activeDeadline": "6 hours"}}, r'activeDeadline: .*, not "6 hours"'),
        ({}, r"spec\.corpus: Field required"),
        ({"corpus": {}}, "name exactly one source of the corpus"),
        ({"corpus": {**REPO, "configMap": {"name": "plays"}}}, "name exactly one source of the corpus"),
    ],
)
def test_an_invalid_spec_is_refused_without_an_api_server(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked(spec)


def documents(**spec: Any) -> Documents:
    return Documents({"metadata": {"name": "hamlet"}, "spec": {"corpus": REPO, **spec}})


def test_a_folder_is_for_one_object(tmp_path: Path) -> None:
    Objects(tmp_path / "object.json").apply(documents(), "ml")
    with pytest.raises(InputError, match="holds ScriptModel ml/hamlet: use another --keep folder for other/hamlet"):
        Objects(tmp_path / "object.json").apply(documents(), "other")


@pytest.mark.parametrize("change", [{"metadata": {}}, {"metadata": []}, {"spec": []}, {"spec": None}])
def test_a_damaged_object_is_reported_with_its_file(tmp_path: Path, change: dict[str, Any]) -> None:
    file = tmp_path / "object.json"
    Objects(file).apply(documents(), "ml")
    text = file.read_text()
    for damaged in (text[:-1], "", "[]", "null", json.dumps({**json.loads(text), **change})):
        file.write_text(damaged)
        with pytest.raises(InputError, match=f"{file} is damaged: it is not a ScriptModel; use another --keep folder"):
            Objects(file)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"corpus": {"configMap": {"name": "hedda"}}}, "spec.corpus"),
        (
            {"corpus": REPO, "generation": {"continue": {"configMap": {"name": "hedda", "key": "scene.txt"}}}},
            "spec.generation.continue",
        ),
    ],
)
def test_a_config_map_that_the_file_lacks_is_named(tmp_path: Path, spec: dict[str, Any], field: str) -> None:
    manifest = tmp_path / "hamlet.yaml"
    manifest.write_text(
        yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, **documents().scriptmodel, "spec": spec})
    )
    done = CliRunner().invoke(main, ["local", f"--filename={manifest}"])
    assert done.exit_code == 2
    assert f"the file has no ConfigMap 'hedda', which {field} refers to: add it after ---" in done.stderr


def trainer_of(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a trainer that prints its words and ends with 3."""
    program = folder / "bin" / "scriptmodel-trainer"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$SCRIPTMODEL_PROGRAM|$*"\nexit 3\n')
    program.chmod(0o755)
    environment = {**os.environ, "SCRIPTMODEL_TRAINER": str(folder)}
    command = [sys.executable, "-m", "scriptmodel_cli.main", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("name", ["write", "voice", "judge", "export", "base"])
def test_a_writers_command_runs_the_trainers_with_the_same_words(name: str, tmp_path: Path) -> None:
    words = [name, "plays/", "--cast", "ANNA,OLD BEN", "--continue", "-", "-h"]
    done = trainer_of(tmp_path, *words)
    assert (done.returncode, done.stdout) == (3, f"scriptmodel|{' '.join(words)}\n"), done.stderr


def test_ui_of_a_folder_is_the_writers_page_of_the_model_in_it(tmp_path: Path) -> None:
    (tmp_path / "plays-written" / "model").mkdir(parents=True)
    (tmp_path / "plays-written" / "model" / "model.json").touch()
    done = trainer_of(tmp_path, "ui", "plays-written", "--no-browser")
    assert (done.returncode, done.stdout) == (3, "scriptmodel|ui plays-written/model --port 0 --no-browser\n"), (
        done.stderr
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["plays"], "plays has no model: `scriptmodel write plays` trains one in plays-written"),
        ([], "For a model on this computer: scriptmodel ui plays-written"),
    ],
)
def test_ui_without_a_model_or_a_cluster_says_what_to_type(words: list[str], text: str, tmp_path: Path) -> None:
    for name in ("plays", "plays-written"):
        (tmp_path / name).mkdir()
    missing = str(tmp_path / "none")
    done = trainer_of(tmp_path, "--kubeconfig", missing, "ui", *words)
    assert text in done.stderr


def test_the_users_own_object_may_have_everything_that_a_policy_can_refuse() -> None:
    found, limits = everything(), {"trainer_image", "checkpoint_claim", "namespaced"}
    for name in {field.name for field in fields(Policy)} - limits:
        allowed = getattr(found, name)
        assert allowed == ({"*": ("*",)} if isinstance(allowed, dict) else ("*",)), name


def test_a_time_is_a_text_and_so_is_each_key_as_in_kubernetes(tmp_path: Path) -> None:
    metadata, spec = "{name: a, labels: {since: 2024-01-01}}", "{training: {nodeSelector: {2: x, true: 2024-01-01}}}"
    kind = "kind: ScriptModel, apiVersion: scriptmodel.dev/v1alpha1"
    (tmp_path / "x.yaml").write_text(f"{{{kind}, metadata: {metadata}, spec: {spec}}}")
    found = read_documents(tmp_path / "x.yaml").scriptmodel
    assert found["metadata"]["labels"] == {"since": "2024-01-01"}
    assert found["spec"]["training"]["nodeSelector"] == {"2": "x", "true": "2024-01-01"}


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
