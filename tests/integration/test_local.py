"""`scriptmodel local`: from a file to a script with the real trainer, and no cluster at all."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from dev.paths import OPERATOR_ENV, ROOT, TRAINER_ENV
from scriptmodel_cli.main import main
from tests.held import GENERATES, TRAINS, held_trainer
from tests.integration.cluster import QUICK_TRAINER
from tests.integration.texts import play
from tests.unit.operator.conformance import check_status

pytestmark = pytest.mark.timeout(900)  # each run starts localpach and the trainer, on whatever machine
SAMPLE: dict[str, Any] = yaml.safe_load(Path("manifests/samples/shakespeare.yaml").read_text())
SMALL = {"model": {"preset": "test"}, "generation": {**SAMPLE["spec"]["generation"], "words": 30}}
COMMAND = [str(OPERATOR_ENV / "bin" / "scriptmodel"), "local", f"--trainer={TRAINER_ENV}"]
QUICKLY = f"--trainer={QUICK_TRAINER}"
FOR_EVER = {"preset": "test", "overrides": {"epochs": 5000}}
"""A model that this trainer never finishes."""
ENV = {**os.environ, "KUBECONFIG": "/nonexistent", "SCRIPTMODEL_PACHD": ""}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "plays").mkdir()
    (tmp_path / "plays" / "hamlet.txt").write_text(play())
    return tmp_path / "plays"


@pytest.fixture
def beside() -> Iterator[Path]:
    """A folder beside the trainer's environment: of /tmp, a job sees what has the environment of its image alone."""
    with TemporaryDirectory(dir=TRAINER_ENV.parent) as folder:
        yield Path(folder)


def write(folder: Path, *documents: dict[str, Any], **spec: Any) -> Path:
    """The sample, small enough for a test, with other parts of its spec where given."""
    model = {**SAMPLE, "spec": {**SAMPLE["spec"], **SMALL, **spec}}
    file = folder / "model.yaml"
    file.write_text("\n---\n".join(map(json.dumps, [model, *documents])))
    return file


def local(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, args)], env=ENV, capture_output=True, text=True, check=False)


@contextlib.contextmanager
def start(*args: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Yields a command, which is killed unless it has ended."""
    command = [*COMMAND, *map(str, args)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=ENV, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def shown(process: subprocess.Popen[str], word: str) -> str:
    """Return the status lines up to the one with that word."""
    assert process.stderr
    lines = ""
    while word not in lines:
        line = process.stderr.readline()
        assert line, f"no {word} in {lines}"
        lines += line
    return lines


def kept(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "scriptmodel.json").read_text())
    check_status(found["status"], found["metadata"]["generation"])
    return found


def reasons(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the reasons of the status lines."""
    return [line.split()[1] for line in done.stderr.splitlines() if line[2:3] == ":"]


def test_a_base_in_the_corpus_is_started_from_and_an_absent_one_fails_once(tmp_path: Path, corpus: Path) -> None:
    python, model, state = TRAINER_ENV / "bin/python", tmp_path / "model", tmp_path / "state"
    trained = [python, "-m", "scriptmodel_trainer", "train", "--data", corpus, "--out", model, "--preset", "test"]
    subprocess.run(trained, check=True, capture_output=True)
    card = {"name": "small", "language": "en", "licence": "CC0-1.0", "texts": ["A Play"], "not_for": "anything"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    packed = [python, "-m", "dev.base.pack", model, tmp_path / "card.json", tmp_path / "small.tar"]
    subprocess.run(packed, check=True, env={**ENV, "PYTHONPATH": str(ROOT)})
    (corpus / "bases" / "small").mkdir(parents=True)
    unpack = ["tar", "--extract", f"--file={tmp_path / 'small.tar'}", f"--directory={corpus / 'bases' / 'small'}"]
    subprocess.run(unpack, check=True)
    done = local("--keep", state, "--corpus", corpus, "-f", write(tmp_path, model={"base": "small"}))
    assert done.returncode == 0, done.stderr
    assert kept(state)["status"]["lineage"]["base"] == "small"
    done = local("--keep", state, "--corpus", corpus, "-f", write(tmp_path, model={"base": "other"}))
    assert (done.returncode, "there is no base other (installed: small)" in done.stderr) == (1, True), done.stderr
    assert reasons(done).count("TrainingFailed") == 1


def test_from_a_file_to_a_script_and_a_changed_file_updates_in_place(
    tmp_path: Path, corpus: Path, beside: Path
) -> None:
    state, hold = tmp_path / "state", beside / "hold"
    trainer = f"--trainer={held_trainer(beside / 'trainer', TRAINER_ENV, hold)}"
    hold.write_text(TRAINS)
    with start("-f", write(tmp_path), "--corpus", corpus, "--keep", state, trainer) as running:
        errors = shown(running, "Training")
        hold.write_text(GENERATES)
        errors += shown(running, "Generating")
        hold.unlink()
        assert running.stdout
        assert running.stderr
        output, errors = running.stdout.read(), errors + running.stderr.read()
    first = subprocess.CompletedProcess(running.args, running.returncode, output, errors)
    assert first.returncode == 0, first.stderr
    assert reasons(first)[-2:] == ["Generating", "Generated"]
    assert "Pending" not in reasons(first), "the operator in this process needs no waiting for"
    assert len(first.stdout.split()) > 10
    before = kept(state)
    assert (state / "script" / "new_script.txt").read_text() == first.stdout
    assert (state / "model" / "report.html").exists()
    reported = subprocess.run(
        [TRAINER_ENV / "bin/scriptmodel-trainer", "report", state / "model", "--out", tmp_path / "page.html"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.returncode == 0, reported.stderr
    # The same again: the corpus is equal, so nothing is put and nothing is computed.
    same = local("-f", write(tmp_path), "--corpus", corpus, "--keep", state, trainer)
    assert same.stdout == first.stdout
    assert "Training" not in reasons(same)
    assert kept(state)["status"]["lineage"] == before["status"]["lineage"]
    # Another generation: a new script from the same model.
    file = write(tmp_path, generation={"words": 8, "seed": 4})
    changed = local("-f", file, "--keep", state, "--out", tmp_path / "script.txt", trainer)
    assert changed.returncode == 0, changed.stderr
    assert 0 < len((tmp_path / "script.txt").read_text()) < len(first.stdout)
    after = kept(state)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["generation"] == 2
    assert after["status"]["lineage"]["model"] == before["status"]["lineage"]["model"]
    assert after["status"]["lineage"]["script"] != before["status"]["lineage"]["script"]


def test_a_search_shows_its_runs_and_the_best_model_is_kept(tmp_path: Path, corpus: Path) -> None:
    state = tmp_path / "state"
    parameters = [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}]
    file = write(tmp_path, search={"parameters": parameters, "numTrials": 3, "parallelTrials": 2})
    done = local("-f", file, "--corpus", corpus, "--keep", state, QUICKLY)
    assert done.returncode == 0, done.stderr
    assert "of 3 runs done" in done.stderr
    search = kept(state)["status"]["search"]
    assert (search["completed"], search["top"][0]["trial"]) == ("3/3", "0001")
    assert (state / "model" / "model.json").exists()


def test_a_config_map_in_the_same_file_is_the_corpus_in_any_project(tmp_path: Path) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plays"}, "data": {"a.txt": play()}}
    spec = {"corpus": {"configMap": {"name": "plays"}}, "pachyderm": {"project": "stage"}}
    done = local("-f", write(tmp_path, config_map, **spec), QUICKLY)
    assert done.returncode == 0, done.stderr
    assert "No state was kept" in done.stderr
    assert done.stdout


def test_a_failure_is_reported_with_the_trainers_message(tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text("\n \n")
    file = write(tmp_path, training={"backoffLimit": 0})
    done = local("-f", file, "--corpus", tmp_path / "blank.txt")
    assert done.returncode == 1
    assert "Error: the ScriptModel is stalled (TrainingFailed): " in done.stderr.splitlines()[-1]
    assert "word" in done.stderr.splitlines()[-1]


def test_a_suspended_file_ends_with_a_status_of_its_own(tmp_path: Path, corpus: Path) -> None:
    done = local("-f", write(tmp_path, suspend=True), "--corpus", corpus)
    assert done.returncode == 3
    line = done.stderr.splitlines()[-1]
    assert line == "Error: the ScriptModel is suspended: set `suspend: false` in the file to run it"


def test_invalid_input_is_one_line_before_anything_starts(tmp_path: Path, corpus: Path) -> None:
    for spec, args, words in (
        ({"model": {"preset": "huge"}}, [], "spec.model.preset: must be 'auto', 'demo'"),
        ({"corpus": {"configMap": {"name": "x"}}}, [], "the file has no ConfigMap 'x'"),
        ({"corpus": {"configMap": {"name": "x"}}}, ["--corpus", corpus], "--corpus needs spec.corpus.repo"),
        ({}, ["--trainer", tmp_path], "has no bin/scriptmodel-trainer"),
        ({}, ["--out", tmp_path / "none" / "script.txt"], "name a file in a writable folder"),
        ({}, ["--out", corpus / "hamlet.txt"], "hamlet.txt already exists: name another file, or add --force"),
        ({}, ["--keep", corpus / "hamlet.txt" / "state"], "cannot create"),
    ):
        options = [f"--trainer={TRAINER_ENV}", "-f", str(write(tmp_path, **spec)), *map(str, args)]
        done = CliRunner().invoke(main, ["local", *options], env=ENV)
        assert done.exit_code == 2
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    done = local("-f", write(tmp_path))
    assert "repo default/shakespeare is empty: give its files with --corpus PATH" in done.stderr


def test_a_localpach_that_exits_ends_the_run(tmp_path: Path, corpus: Path) -> None:
    state = tmp_path / "state"
    file = write(tmp_path, model=FOR_EVER)
    with start(QUICKLY, "-f", file, "--corpus", corpus, "--keep", state) as process:
        shown(process, "Training")
        localpach = subprocess.check_output(["pgrep", "-f", f"localpach serve --root={state}"], text=True)
        os.kill(int(localpach), signal.SIGTERM)
        _out, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Error: localpach ended unexpectedly: " in errors


def test_an_interrupt_stops_everything_and_the_same_command_continues(tmp_path: Path, corpus: Path) -> None:
    state = tmp_path / "state"
    file = write(tmp_path, model=FOR_EVER)
    with start(QUICKLY, "-f", file, "--corpus", corpus, "--keep", state) as process:
        shown(process, "Training")
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "With --keep the same command resumes." in errors
    assert "Traceback" not in errors
    # localpach is gone, so its root is free; a shorter training ends.
    file = write(tmp_path, model={"preset": "test"})
    done = local("-f", file, "--keep", state, QUICKLY)
    assert done.returncode == 0, done.stderr
    assert kept(state)["metadata"]["generation"] == 2
