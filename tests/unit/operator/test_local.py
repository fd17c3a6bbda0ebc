"""What replaces the API server in `local`: validation, also of what `init` prints, and the object in a file."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from scriptmodel_cli.documents import Documents, read_documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.object_file import Objects, checked
from scriptmodel_cli.local.programs import find_trainer, localpach
from scriptmodel_cli.local.run import everything
from scriptmodel_cli.main import main
from scriptmodel_operator.api.identity import API_VERSION, FINALIZER, KIND
from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.kube.errors import KubeConflictError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import claim, write_status
from tests.integration.specs import TAKEN, searching

REPO = {"repo": {"name": "plays"}}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"corpus": REPO, "model": {"overides": {}}},
            r"spec\.model\.overides: unknown field \(did you mean overrides\?\)",
        ),
        ({"corpus": REPO, "deletion_policy": "Retain"}, r"spec\.deletion_policy: unknown field"),
        ({"corpus": REPO, "generation": {"temperature": 0.8}}, r'temperature: must be a string: quote it, "0\.8"'),
        ({"corpus": REPO, "generation": {"words": "700"}}, r"spec\.generation\.words: must be a valid integer"),
        ({"corpus": REPO, "generation": {"words": 0}}, r"spec\.generation\.words: must be greater than or equal to 1"),
        (
            searching({"name": "learningRate", "logUniform": {"min": "0", "max": "1"}}),
            r'logUniform\.min: must be above 0, not "0"',
        ),
        ({"corpus": {"repo": {"name": "My Plays"}}}, r'corpus\.repo\.name: must be letters, digits, _ and -, not "My'),
        ({"corpus": {"http": {"urls": ["ftp://x"]}}}, r"http\.urls\.0: must be the address of a file, such as"),
        ({"corpus": REPO, "training": {"activeDeadline": "6 hours"}}, r'must be a duration such as .*, not "6 hours"'),
        (
            {"corpus": REPO, "training": {"resources": {"limits": {"memory": "4 GB"}}}},
            r'must be an amount of memory .*, not "4 GB"',
        ),
        (
            {"corpus": REPO, "training": {"nodeSelector": {"a": "c d"}}},
            r"nodeSelector\.a: must be the value of a label",
        ),
        ({}, r"spec\.corpus: Field required"),
        ({"corpus": {}}, "name exactly one source of the corpus"),
        ({"corpus": {**REPO, "configMap": {"name": "plays"}}}, "name exactly one source of the corpus"),
    ],
)
def test_an_invalid_spec_is_refused_without_an_api_server(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked(spec)


@TAKEN
def test_values_that_the_api_server_accepts_are_accepted(training: dict[str, Any]) -> None:
    assert checked({"corpus": REPO, "training": training})


def documents(**spec: Any) -> Documents:
    return Documents({"metadata": {"name": "hamlet"}, "spec": {"corpus": REPO, **spec}})


async def test_the_operators_writer_writes_to_the_file_and_a_later_run_continues(tmp_path: Path) -> None:
    objects = Objects(tmp_path / "object.json")
    objects.apply(documents(), "ml")
    model = parse_object(objects.raw)
    assert (model.namespace, model.generation) == ("ml", 1)
    assert not objects.is_reconciled
    raw = objects.raw
    assert await claim(objects, raw, "localpach/a")
    with pytest.raises(KubeConflictError):
        await claim(objects, raw, "localpach/a")
    status = {"lastHandledReconcileAt": model.reconcile_at}
    await write_status(objects, parse_object(objects.raw), status)
    assert objects.is_reconciled
    assert parse_object(objects.raw).engine == "localpach/a"
    later = Objects(tmp_path / "object.json")
    later.apply(documents(suspend=True), "ml")
    again = parse_object(later.raw)
    assert (again.uid, again.generation, again.finalizers) == (model.uid, 2, (FINALIZER,))
    assert (again.status, later.is_reconciled) == (status, False)
    later.apply(documents(suspend=True), "ml")
    assert parse_object(later.raw).generation == 2, "nothing has changed"


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


def test_a_folder_that_cannot_be_used_is_reported_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "scriptmodel.json").mkdir()
    manifest = tmp_path / "hamlet.yaml"
    manifest.write_text(yaml.safe_dump({"apiVersion": API_VERSION, "kind": KIND, **documents().scriptmodel}))
    done = CliRunner().invoke(main, ["local", f"--filename={manifest}", f"--keep={tmp_path}"])
    assert done.exit_code == 2
    reported = f"Error: cannot use {tmp_path / 'scriptmodel.json'}: Is a directory; use another --keep folder\n"
    assert done.stderr == reported


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


async def test_config_maps_are_read_from_the_same_file(tmp_path: Path) -> None:
    config_map = {"kind": "ConfigMap", "metadata": {"name": "plays"}, "data": {"a.txt": "x"}}
    objects = Objects(tmp_path / "object.json")
    objects.apply(Documents(documents().scriptmodel, {"plays": config_map}), "ml")
    assert (await objects.get_config_map("ml", "plays"))["data"] == {"a.txt": "x"}
    with pytest.raises(KubeNotFoundError):
        await objects.get_config_map("ml", "others")


def test_the_trainer_of_the_commands_own_environment_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for environment in ("own", "trainer"):
        (tmp_path / environment / "bin").mkdir(parents=True)
        (tmp_path / environment / "bin/scriptmodel-trainer").touch()
    monkeypatch.setattr("sys.prefix", str(tmp_path / "own"))
    assert find_trainer(None) == tmp_path / "own"


def test_a_missing_trainer_is_reported_with_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="has no bin/scriptmodel-trainer: install the trainer there"):
        find_trainer(tmp_path)


def test_a_state_folder_in_use_is_refused_with_the_option_of_the_command(tmp_path: Path) -> None:
    root, log = tmp_path / "pachyderm", tmp_path / "log"
    again = localpach(root, log, [])
    with localpach(root, log, []), pytest.raises(click.ClickException, match="or use another --keep folder"), again:
        pass


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
        ("# prompt: To be", "prompt: yes", 'spec.generation.prompt: must be a string: quote it, "true"'),
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
