"""The command `scriptmodel` with a running operator: plan before, status and log during, plan after a change."""

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from dev.processes import free_port
from dev.stack import Localpach, Operator
from tests.held import epoch_done
from tests.integration.cluster import HELD_IMAGE, Cluster, condition, manifest
from tests.integration.command import Command
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

pytestmark = pytest.mark.timeout(900)  # a whole training, with the program started a dozen times beside it
EPOCHS = 4


@pytest.fixture
def command(cluster: Cluster, localpach: Localpach) -> Command:
    return Command(cluster, localpach.address)


def written(folder: Path, spec: dict[str, Any]) -> Path:
    file = folder / "model.yaml"
    file.write_text(json.dumps(manifest("hamlet", spec)))
    return file


def read(process: subprocess.Popen[str], until: str | None = None) -> str:
    """Return what the program prints up to the line that contains `until`, or to its end, which must be a success."""
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if until is not None and until in line:
            return text
    assert process.stderr
    assert (until, process.wait()) == (None, 0), text + process.stderr.read()
    return text


def test_from_a_plan_to_a_script_and_to_a_plan_of_a_change(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm, command: Command, hold: Path, tmp_path: Path
) -> None:
    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    model: dict[str, Any] = {"preset": "test", "overrides": {"epochs": EPOCHS}}
    spec = {"corpus": {"repo": {"name": corpus}}, "model": model, "generation": {"words": 30, "samples": 2}}
    spec["training"] = {"image": HELD_IMAGE}
    file = written(tmp_path, spec)
    before = {name: info.version for name, info in pachyderm.pipelines().items()}

    plan = command("plan", "-f", file)
    assert plan.returncode == 1, plan.stderr
    assert [line.split()[1] for line in plan.stdout.splitlines() if line.startswith("+")] == ["create", "create"]
    assert ["--set", "epochs", f"{EPOCHS}"] in [line.split() for line in plan.stdout.splitlines()]
    assert {name: info.version for name, info in pachyderm.pipelines().items()} == before
    assert "NotFound" in cluster.kubectl("get", "sm", "hamlet", check=False)

    hold.write_text(epoch_done(2))
    cluster.kubectl("apply", "-f", str(file))
    with command.start("status", "hamlet", "-w") as watching:
        lines = read(watching, until=" sample: ")
        with command.start("logs", "hamlet", "-f") as following:
            log = read(following, until="Epoch: 2 Valid Perplexity: ")
            hold.unlink()
            log += read(following)
        lines += read(watching)
    assert "Preset test: " in log
    assert f"Epoch: {EPOCHS} Valid Perplexity: " in log
    assert log.splitlines()[-1].startswith("Test Perplexity: ")
    assert lines.splitlines()[-1].split()[1] == "Generated"
    training = [line for line in lines.splitlines() if line.split()[1] == "Training" and " sample: " in line]
    assert "perplexity best" in training[-1]

    status = cluster.get("hamlet")["status"]
    assert status["training"]["epochProgress"] == f"{EPOCHS}/{EPOCHS}"
    assert float(status["training"]["perplexity"]["test"]) > 1
    assert 0 < status["script"]["words"] <= 30
    screen = command("status", "hamlet").stdout
    assert f"100%  epoch {EPOCHS}/{EPOCHS}" in screen
    check_results(command, tmp_path)

    why = command("why", "hamlet")
    assert why.stdout.startswith("Ready: the script is written")
    assert "-train" in why.stdout

    nothing = command("plan", "hamlet")
    assert (nothing.returncode, "Nothing would change." in nothing.stdout.splitlines()) == (0, True)
    assert command("plan", "-f", file).returncode == 0
    version = cluster.get("hamlet")["metadata"]["resourceVersion"]
    # An override that is left out of the file goes, as kubectl apply would have it.
    change = command("plan", "-f", written(tmp_path, {**spec, "model": {"preset": "test", "seed": 7}}), "-o", "json")
    assert change.returncode == 1, change.stderr
    (train,) = json.loads(change.stdout)["changes"]
    assert {field["name"]: (field["before"], field["after"]) for field in train["fields"]} == {
        "--seed": ("0", "7"),
        "--set epochs": (f"{EPOCHS}", ""),
    }
    assert cluster.get("hamlet")["metadata"]["resourceVersion"] == version
    check_log_without_pods(cluster, command)


def check_results(command: Command, folder: Path) -> None:
    """The report, the samples and their formats are read from the commits of the real trainer."""
    report = command("report", "hamlet")
    assert report.stdout.lower().startswith("<!doctype html>"), report.stderr
    assert command("report", "hamlet", "--out", folder / "report.html").returncode == 0
    assert (folder / "report.html").read_text() == report.stdout
    samples = [command("script", "hamlet", "--sample", number).stdout for number in ("1", "2")]
    assert all(samples)
    assert command("script", "hamlet", "--all").stdout == "\n".join(samples)
    fountain = command("script", "hamlet", "--sample", "2", "--format", "fountain")
    assert fountain.stdout.startswith("Title: A new script\n"), fountain.stderr
    missing = command("script", "hamlet", "--sample", "3")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "Error: hamlet has no sample 3: it has 1, 2; raise spec.generation.samples\n"


def check_log_without_pods(cluster: Cluster, command: Command) -> None:
    """Suspending removes the pods; the training's log is in its model, that of generate is gone."""
    assert command("suspend", "hamlet").returncode == 0
    cluster.reason("hamlet", "Suspended", 60)
    log = command("logs", "hamlet")
    assert f"Epoch: {EPOCHS} Valid Perplexity: " in log.stdout, log.stderr
    events = [json.loads(line) for line in command("logs", "hamlet", "--raw").stdout.splitlines()]
    assert [event["event"] for event in events].count("epoch") == EPOCHS
    gone = command("logs", "hamlet", "--generate")
    assert gone.returncode == 1
    assert gone.stderr.startswith("Error: the log was removed with its pods")


def test_a_plan_that_cannot_be_made_is_one_line_and_exits_with_2(
    cluster: Cluster, shared_operator_paused: None, command: Command, tmp_path: Path
) -> None:
    missing = {"corpus": {"repo": {"name": f"none-{uuid.uuid4().hex[:8]}"}}}
    stuck = command("plan", "-f", written(tmp_path, missing))
    assert stuck.returncode == 2
    assert "it would be stalled: CorpusNotFound" in stuck.stdout
    away = Command(cluster, f"127.0.0.1:{free_port()}")
    for done, words in (
        (away("plan", "-f", tmp_path / "model.yaml"), "reading the id of the engine: "),
        (
            command("plan", "-f", written(tmp_path, {**missing, "model": {"preset": "huge"}})),
            'Unsupported value: "huge"',
        ),
        (command("plan", "-f", written(tmp_path, {**missing, "modell": {}})), "unknown field"),
        (command("plan"), "give either NAME or -f FILE"),
        (command("plan", "nobody"), "ScriptModel 'nobody' does not exist"),
    ):
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_stalled_object_ends_the_live_view_with_1(cluster: Cluster, operator: Operator, command: Command) -> None:
    cluster.apply("lost", {"corpus": {"repo": {"name": f"none-{uuid.uuid4().hex[:8]}"}}})
    done = command("status", "lost", "-w")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].split()[1] == "CorpusNotFound"
    assert done.stderr.startswith("Error: lost is stalled (CorpusNotFound): ")
    assert condition(cluster.get("lost"), "Stalled")["status"] == "True"
