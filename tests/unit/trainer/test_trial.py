"""A run of a search pauses, continues bit-identically, and records each kind of failure."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import COMMAND, run_trainer

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.artifacts.trials import TrialSpec
from scriptmodel_trainer.errors import DivergedError, ExitCode, StoppedError, WriteError
from scriptmodel_trainer.runs.watch import watch
from scriptmodel_trainer.training.stopping import StopSignals

SETTINGS = ["--preset", "demo", "--set", "hidden_units=8", "embedding_units=8", "batch_size=32", "epochs=3"]
WORKER = {"SCRIPTMODEL_TRIAL_WORKER": "0"}


class Run:
    """A run of a search, whose input and output have the folders that Pachyderm gives a datum."""

    def __init__(self, root: Path, corpus: Path, name: str = "0003", **parameters: str) -> None:
        self.source, self.out = root / "trial" / name, root / "out" / name
        self.source.mkdir(parents=True)
        self.parameters = parameters
        self.words = ["trial", "--trial", str(root / "trial"), "--data", str(corpus), "--out", str(root / "out")]
        self.words += ["--log", "json", *SETTINGS]

    def describe(self) -> None:
        spec = {"parameters": self.parameters, "seed": 3}
        (self.source / "trial.json").write_text(json.dumps(spec))

    def work(self, code: int = 0, **environment: str) -> tuple[list[dict[str, Any]], str]:
        """Train in this process, which has loaded TensorFlow, and return the events and the notes."""
        self.describe()
        shutil.rmtree(self.out, ignore_errors=True)  # as in Pachyderm
        done = run_trainer(self.words, WORKER | environment)
        assert done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    @property
    def record(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.out / "trial.json").read_text("utf-8"))
        return value

    def failure(self) -> tuple[str, str]:
        return self.record["state"], self.record["reason"]


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_once")
def test_a_run_is_the_training_of_its_settings(corpus: Path, tmp_path: Path) -> None:
    run, state = Run(tmp_path, corpus, dropout="0.3", trigrams="true"), tmp_path / "state"
    (state / "0004").mkdir(parents=True)
    (state / "0004" / "checkpoint-a.safetensors").write_bytes(b"of another run")
    events, _ = run.work(SCRIPTMODEL_STATE_DIR=str(state))
    assert {event["trial"] for event in events} == {"0003"}
    record = run.record
    assert (record["state"], [epoch for epoch, _ in record["curve"]]) == ("complete", [1, 2, 3])
    assert [*state.glob("*/checkpoint-*")] == [state / "0004" / "checkpoint-a.safetensors"]
    whole = tmp_path / "whole"
    train = ["train", *run.words[3:5], "--out", whole, "--seed", "3", *SETTINGS, "dropout=0.3", "trigrams=true"]
    assert run_trainer(train).returncode == 0
    one, other = load_model(run.out), load_model(whole)
    assert all(np.array_equal(array, other.weights[name]) for name, array in one.weights.items())
    curve = [valid for _, valid in record["curve"]]
    assert curve == [epoch.valid_perplexity for epoch in other.metrics.epochs]
    assert one.metrics.perplexity.valid < record["perplexity"] == min(curve), "trigrams are no part of the search"
    assert one.metrics.validation is not None
    assert one.metrics.validation.nats_per_character < record["value"]


@pytest.mark.parametrize(
    ("error", "code", "ended"),
    [
        (WriteError("the disk is full"), ExitCode.WRITE_FAILED, False),
        (DivergedError("the loss is not finite"), ExitCode.DONE, True),
    ],
)
def test_a_full_disk_costs_no_state_and_a_run_that_ends_leaves_none(
    error: Exception, code: ExitCode, ended: bool, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("scriptmodel_trainer.training.loop.fit", fails)
    saved = tmp_path / "state" / "0003" / "checkpoint-a.safetensors"
    saved.parent.mkdir(parents=True)
    saved.write_bytes(b"of this run, as far as that can be known")
    run = Run(tmp_path, corpus)
    run.work(code=code, SCRIPTMODEL_STATE_DIR=str(tmp_path / "state"))
    assert saved.exists() is not ended
    assert (run.out / "trial.json").exists() is ended
    assert not ended or run.failure() == ("failed", "diverged")


def test_a_run_that_diverges_is_a_result(corpus: Path, tmp_path: Path) -> None:
    run = Run(tmp_path, corpus, learning_rate="1e6", clip_norm="1e6")
    run.work(SCRIPTMODEL_STATE_DIR=str(tmp_path / "trial"))
    assert run.failure() == ("failed", "diverged")
    assert {path.name for path in run.out.iterdir()} == {"trial.json"}
    assert (run.source / "trial.json").exists(), "of the folder with the state, the state alone is deleted"


@pytest.mark.parametrize(
    ("parameters", "words", "message"),
    [
        ({"dropout": "2"}, [], "dropout=2 is out of range"),
        ({"epochs": "0"}, ["--epochs", "1"], "epochs=0 is out of range"),
        ({"warm": "0.1"}, [], "unknown setting"),
    ],
)
def test_settings_that_no_network_has_are_a_result_and_an_option_is_not(
    parameters: dict[str, str], words: list[str], message: str, corpus: Path, tmp_path: Path
) -> None:
    run = Run(tmp_path, corpus, **parameters)
    run.words += words
    run.work()
    assert run.failure() == ("failed", "bad-input")
    assert message in run.record["message"]
    run.words += ["--set", "layers=9"]
    run.work(code=ExitCode.BAD_INPUT)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ('{"seed": -1}', "at `$.seed`"),
        ("[", "does not describe a trial"),
        (None, "does not hold exactly one folder with a trial.json"),
    ],
)
def test_a_folder_that_describes_no_run_is_refused(described: str | None, reason: str, tmp_path: Path) -> None:
    run = Run(tmp_path, tmp_path)
    if described is not None:
        (run.source / "trial.json").write_text(described)
    done = run_trainer(run.words)
    assert done.returncode == ExitCode.BAD_INPUT
    assert reason in json.loads(done.stdout)["message"]


def watched(code: str, folder: Path, cgroup: Path = Path("/nowhere")) -> tuple[int, dict[str, Any]]:
    """Watch a Python program as if it trained a run."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code]
    ended = watch(command, folder, TrialSpec(), StopSignals(), cgroup)
    path = folder / "trial.json"
    return ended, json.loads(path.read_text("utf-8")) if path.exists() else {}


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed", "SIGKILL"),
        ("import os; os.abort()", "killed", "SIGABRT"),
        ("raise ValueError", "error", "exit code 1"),
    ],
)
def test_a_process_that_dies_is_a_result(code: str, reason: str, message: str, tmp_path: Path) -> None:
    for name in ("checkpoint-a.safetensors", "train.log.jsonl"):
        (tmp_path / name).touch()
    ended, record = watched(code, tmp_path)
    assert (ended, record["state"], record["reason"]) == (0, "failed", reason)
    assert message in record["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]


def test_a_process_that_reported_why_it_ended_is_not_recorded(tmp_path: Path) -> None:
    assert watched("raise SystemExit(2)", tmp_path) == (2, {})


def test_a_run_near_its_memory_limit_is_ended_with_a_record(tmp_path: Path) -> None:
    for name, content in (("max", "1000"), ("current", "990"), ("stat", "anon 1\ninactive_file 30\nactive_file 20\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert watched("", tmp_path / "out", tmp_path) == (0, {})  # files in memory are no use of it
    (tmp_path / "memory.stat").write_text("inactive_file 10\n")
    ended, record = watched("import time; time.sleep(60)", tmp_path / "out", tmp_path)
    assert (ended, record["reason"]) == (0, "out-of-memory")


def test_a_kill_for_want_of_memory_is_distinguished_from_others(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom 1\noom_kill 1\n")
    code = f"import os; open({str(events)!r}, 'w').write('oom_kill 2'); os.kill(os.getpid(), 9)"
    assert watched(code, tmp_path / "out", tmp_path)[1]["reason"] == "out-of-memory"


def test_a_signal_is_passed_on_once_and_the_code_is_that_of_the_signal(tmp_path: Path) -> None:
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(143)); open('ready', 'w'); time.sleep(60)"
    code = f"import os; os.chdir({str(tmp_path)!r}); {code}"

    def stop_later(signals: StopSignals) -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        signals.requested = ExitCode.TERMINATED

    signals = StopSignals()
    threading.Thread(target=stop_later, args=(signals,)).start()
    command = [sys.executable, "-c", code]
    assert watch(command, tmp_path, TrialSpec(), signals) == 143
    (tmp_path / "ready").unlink()
    signals = StopSignals()
    threading.Thread(target=stop_later, args=(signals,)).start()
    with pytest.raises(StoppedError, match="before anything was saved"):
        watch(
            [sys.executable, "-c", code.replace("lambda *_: sys.exit(143)", "signal.SIG_DFL")],
            tmp_path,
            TrialSpec(),
            signals,
        )


@pytest.mark.slow
def test_a_killed_training_leaves_what_it_reached(corpus: Path, tmp_path: Path) -> None:
    run = Run(tmp_path, corpus)
    run.words += ["epochs=1000"]
    run.describe()
    process = subprocess.Popen([str(COMMAND), *run.words], stdout=(tmp_path / "log").open("w"))
    while not (run.out / "trial.json").exists():
        assert process.poll() is None
        time.sleep(0.02)
    worker = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
    os.kill(int(worker), signal.SIGKILL)
    assert process.wait(timeout=60) == 0
    assert run.failure() == ("failed", "killed")
    assert run.record["curve"]
    last = json.loads((tmp_path / "log").read_text().splitlines()[-1])
    assert (last["event"], last["trial"], last["reason"], last["epochs_total"]) == ("trial", "0003", "killed", 1000)
