"""The programs themselves: their commands, help and errors, an engine's options, and what replaces a cluster."""

import json
import os
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from scriptmodel_cli.documents import Documents, read_documents
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.object_file import Objects, checked
from scriptmodel_cli.local.run import everything
from scriptmodel_cli.main import SECTIONS, main
from scriptmodel_operator import installation
from scriptmodel_operator.api.identity import API_VERSION, KIND
from scriptmodel_operator.cli import main as operator
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.jobs.storage import StorageConfig

COMMANDS = [
    (name, *entry)
    for section in SECTIONS.values()
    for name, entry in section.items()
    if not entry[0].startswith("scriptmodel_cli.local.write:")  # it becomes the trainer, whose help it shows
]
HEAVY = ("kopf", "kubernetes", "grpc", "python_pachyderm", "pydantic", "aiohttp")


@pytest.mark.parametrize(("name", "place", "doc"), COMMANDS, ids=[each[0] for each in COMMANDS])
def test_every_command_of_the_table_exists_and_has_help(name: str, place: str, doc: str) -> None:
    module, _, attribute = place.partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    reported = CliRunner().invoke(main, [name, "-h"]).output
    assert "--kubeconfig" in reported
    assert (command.help or "").splitlines()[0].split()[0] in doc.split(maxsplit=1)[0]


def imported(*words: str) -> set[str]:
    """The heavy packages that a run of the command has imported at its end."""
    program = (
        "import sys\n"
        "from scriptmodel_cli.main import main\n"
        "try:\n"
        f"    main({list(words)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('imported', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_imports_nothing_heavy_and_a_list_neither_pachyderm_nor_models() -> None:
    assert imported("-h") == set()
    assert imported("list", "--kubeconfig", "/nonexistent") == {"kubernetes"}


@pytest.mark.parametrize(
    ("command", "reported"), [("push", "push [OPTIONS]"), ("local", "scriptmodel-operator[pachyderm]")]
)
def test_without_pachyderms_messages_only_what_speaks_to_one_fails(command: str, reported: str) -> None:
    program = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'python_pachyderm' else found(name, *rest)\n"
        "from scriptmodel_cli.main import main\n"
        f"main(['{command}', '-h'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert reported in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_command_line_is_one_line_that_refers_to_help() -> None:
    for words, reported in (
        (["statu"], "Error: unknown command 'statu' (did you mean status?): see scriptmodel -h"),
        (["status"], "Error: Missing argument 'NAME': see scriptmodel status -h"),
        (["plan", "-o", "pdf"], "see scriptmodel plan -h"),
    ):
        done = CliRunner().invoke(main, words, prog_name="scriptmodel")
        assert done.exit_code == 2
        assert reported in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("word", ["init", "-h"])
def test_a_full_standard_output_is_an_error_of_one_line(word: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "scriptmodel_cli.main", word],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "Error: write error: No space left on device\n")


@pytest.mark.parametrize(
    "address",
    ["", " ", "http://pachd:30650", "pachd:port", "pachd:30650/path", "dns:///", "ipv4:pachd:1", "xds:///pachd"],
)
def test_an_invalid_address_of_pachd_is_refused_before_any_request(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for program, words in ((operator, ["run", "--trainer-image=x"]), (operator, ["check"])):
        done = CliRunner().invoke(program, [*words, f"--pachd={address}"])
        assert done.exit_code == 2
        assert f"{address!r} is not HOST:PORT" in done.stderr
    if address:
        done = CliRunner().invoke(main, ["push", str(Path(__file__)), "--repo=r", f"--pachd={address}"])
        assert done.exit_code == 2
        assert done.stderr.splitlines()[-1].startswith(f"Error: {address!r} is not HOST:PORT".rstrip())


@pytest.mark.parametrize(("option", "name"), [("repo", ""), ("repo", "a b/c"), ("branch", ""), ("project", "a/b")])
def test_a_push_to_an_invalid_name_is_refused_before_anything_is_read(option: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text("JULIET: Ay me!")
    options = [f"--{each}={name if each == option else 'plays'}" for each in ("repo", "branch", "project")]
    done = CliRunner().invoke(main, ["push", str(tmp_path), "--pachd=nowhere:1", *options])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"Error: --{option}: {name!r} is not a valid name: use letters, digits, _ and -")


@pytest.mark.parametrize("name", ["", "..", "ham/let", "hamlet?x=y", "Hamlet", "hämlet", "-", "a b"])
def test_an_invalid_object_name_causes_no_request(name: str) -> None:
    """It would be part of an address of the API server."""
    for words in (["status", "--", name], ["plan", "--", name], ["list", f"--namespace={name}"]):
        if words[0] == "list" and not name:
            continue  # as if it were not said
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2
        assert f"{name!r} is not a valid object name: use lower case letters, digits, . and -" in done.stderr


BUCKET = "--storage=s3://plays/team"


def refusal(*options: str) -> str:
    """Return the last line of an operator that does not start with these options."""
    done = CliRunner().invoke(operator, ["check", "--kubeconfig=/nowhere", *options])
    assert done.exit_code in (1, 2)
    return done.output.splitlines()[-1]


def accepted(*options: str) -> bool:
    return refusal(*options) == "Error: kubeconfig /nowhere does not exist"


@pytest.mark.parametrize("options", [(), ("--pachd=pachd:30650", BUCKET)])
def test_exactly_one_engine_is_required(options: tuple[str, ...]) -> None:
    assert refusal(*options) == "Error: give exactly one of --pachd HOST:PORT and --storage s3://BUCKET/PATH"
    assert accepted("--pachd=pachd:30650")
    assert accepted(BUCKET)


def test_an_environment_variable_names_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTMODEL_STORAGE", "s3://plays")
    assert accepted()


@pytest.mark.parametrize(
    "option",
    [
        *(f"--storage={url}" for url in ("s3://plays", "s3://plays/", "s3://my.plays-2/a/b_c.d")),
        *(
            f"{option}={url}"
            for option in ("--storage-endpoint", "--storage-public-url")
            for url in (
                "https://s3.example.com:9000/",
                "http://localhost:7070",
                "http://[::1]:7070",
                "http://10.0.0.7",
                "http://s3",
                "http://s3.scriptmodel.svc.cluster.local",
            )
        ),
        "--url-lifetime=60",
        "--url-lifetime=604800",
        '--storage-egress=[{"ipBlock": {"cidr": "10.0.0.0/8"}}]',
    ],
)
def test_a_bucket_its_server_by_https_or_near_and_its_limits(option: str) -> None:
    assert accepted(BUCKET, option)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        *(
            ("--storage", url, "is not s3://BUCKET or s3://BUCKET/PATH, nor gs:// or az:// in its place")
            for url in ("plays", "https://plays", "s3://", "s3://P", "s3://plays//a", "s3://plays/../a", "s3://a@b")
        ),
        *(
            ("--storage-endpoint", f"http://{host}", "sends data as plain text outside of the cluster: use https")
            for host in ("s3.example.com", "8.8.8.8", "s3.svc.example.com", "svc.cluster.local.example.com")
        ),
        *(
            ("--storage-endpoint", url, "is not https://HOST[:PORT]")
            for url in ("s3", "ftp://s3", "https://s3/path", "https://user@s3", "https://s3?x", "https://")
        ),
        ("--url-lifetime", "59", "59"),
        ("--url-lifetime", "604801", "604801"),
        *(("--storage-egress", v, "is not a list of NetworkPolicyPeers as JSON") for v in ("{}", "[", "[1]", "[{}]")),
    ],
)
def test_a_value_of_another_form_is_refused(option: str, value: str, words: str) -> None:
    assert words in refusal(BUCKET, f"{option}={value}")


def test_a_bucket_that_is_away_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    away = StorageConfig(storage="s3://plays", storage_endpoint="http://127.0.0.1:1")
    (found,) = installation.reported(installation.check_bucket(away), "--storage")
    assert found.startswith("FAILED  reading v1/engine.json in s3://plays: ")
    assert "check --storage" in found


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(
            (option, value)
            for option in ("request", "limit")
            for value in ("", "cpu", "=1", "cpu=", "cpu=half", "cpu=1 ")
        ),
        ("label", "team"),
        ("label", "=a"),
    ],
)
def test_a_default_of_runs_has_a_name_and_a_value(option: str, value: str) -> None:
    done = CliRunner().invoke(operator, ["run", "--pachd=pachd:1", "--trainer-image=x", f"--run-{option}={value}"])
    assert (done.exit_code, f"{value!r} is not NAME=" in done.stderr) == (2, True)


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
