"""A training that is killed, stopped or out of time continues from its newest whole checkpoint."""

import contextlib
import errno
import io
import itertools
import json
import math
import os
import random
import shutil
import signal
import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from compiled import run_of
from killed import train_until_killed
from running import prepared, run_trainer
from samples import play

from scriptmodel_trainer.artifacts.model_directory import SLOTS, load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.cli.parser import parser
from scriptmodel_trainer.commands.train import train
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.errors import BadInputError, ExitCode, StoppedError, WriteError
from scriptmodel_trainer.model.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.model.presets import PRESETS, with_overrides
from scriptmodel_trainer.progress.events import Progressed, ProgressEvent, Warned
from scriptmodel_trainer.progress.listeners import JsonProgress, Progress, TextProgress
from scriptmodel_trainer.storage import files
from scriptmodel_trainer.storage.files import locked_file
from scriptmodel_trainer.storage.records import EpochRecord
from scriptmodel_trainer.training.checkpoints import LOCK, Checkpoint, Checkpoints, load_checkpoint, newest_in, paths_in
from scriptmodel_trainer.training.options import options_from
from scriptmodel_trainer.training.state import RunState
from scriptmodel_trainer.training.stopping import StopSignals
from tests.seed import run_seed

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_once")]

EPOCHS = 8
SETTINGS = ["hidden_units=32", "embedding_units=16", "layers=2", "batch_size=32", "steps=5", "dropout=0.2"]
SETTINGS += [f"epochs={EPOCHS}"]
Weights = dict[str, np.ndarray]


class Training:
    """One command line, whose output folder each attempt may lose, as in a pipeline."""

    def __init__(self, corpus: Path, folder: Path, more: Sequence[str] = (), out: str = "out") -> None:
        self.out, self.state = folder / out, folder / "state"
        self.words = ["train", "--data", str(corpus), "--out", str(self.out), "--state", str(self.state)]
        self.words += ["--preset", "demo", "--seed", "5", "--checkpoint-seconds", "0", "--log", "json"]
        self.words += ["--set", *SETTINGS, *more]

    def run(self, *more: str) -> tuple[int, list[dict[str, Any]]]:
        """Run in this process, which has loaded TensorFlow; returns the exit code and the events."""
        with contextlib.redirect_stdout(io.StringIO()) as output:
            code = main([*self.words, *more])
        return code, events_in(output.getvalue())

    def finish(self, *more: str) -> list[dict[str, Any]]:
        """Run to the end; returns the events."""
        code, events = self.run(*more)
        assert code == 0, events[-1:]
        return events

    def checkpoints(self) -> list[Path]:
        return paths_in(self.state)

    @property
    def metrics(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.out / "metrics.json").read_text("utf-8"))
        return value

    @property
    def weights(self) -> Weights:
        return load_model(self.out).weights


def assert_identical(first: Weights, second: Weights) -> None:
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def events_in(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def of_kind(events: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def warnings(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["code"] for event in of_kind(events, "warning")]


@pytest.fixture(scope="module")
def killed(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a killed run left in its state folder."""
    training = Training(corpus, tmp_path_factory.mktemp("killed"))
    train_until_killed(training.words, saves=10)  # in its second epoch
    return training.state


def test_a_run_that_is_killed_and_then_stopped_at_a_random_step_resumes(
    killed: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, kills = Training(corpus, tmp_path), 2
    shutil.copytree(killed, training.state)
    assert len(training.checkpoints()) == 2
    monkeypatch.setattr("scriptmodel_trainer.training.checkpointer.SAVE_RATIO", 0)  # or it may end before
    saves, save, last = itertools.count(1), Checkpoints.save, random.Random(run_seed()).randint(2, 5)

    def save_and_stop(state: Checkpoints, checkpoint: Checkpoint) -> bool:
        saved = save(state, checkpoint)
        if next(saves) == last:  # the first is of the resumption
            os.kill(os.getpid(), signal.SIGTERM)
        return saved

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    assert training.run()[0] == 143
    shutil.rmtree(training.out)
    events = training.finish()
    (resumed,) = of_kind(events, "resumed")
    assert resumed["restarts"] == training.metrics["restarts"] == kills
    assert 1 <= resumed["epoch"] <= EPOCHS
    assert 0 <= resumed["share"] <= 1
    assert [epoch["epoch"] for epoch in training.metrics["epochs"]] == list(range(1, EPOCHS + 1))
    log = [json.loads(line) for line in (training.out / "train.log.jsonl").read_text("utf-8").splitlines()]
    assert [bool(event["resumed_from"]) for event in of_kind(log, "start")] == [False] + [True] * kills
    assert all(event["state"] for event in of_kind(log, "start"))
    assert f">Restarts</dt><dd>{kills}</dd>" in (training.out / "report.html").read_text("utf-8")
    assert [path.name for path in training.state.iterdir()] == [LOCK], "a finished run removes its state"


def kept(folder: Path, progress: Progress | None = None) -> Checkpoints:
    return Checkpoints(folder, progress or TextProgress(io.StringIO()))


def state(epoch: int) -> Checkpoint:
    arrays = {"best/a": np.arange(9.0), "weights/b": np.ones((2, 3))[:, ::2]}
    return Checkpoint("this run", RunState(epoch), arrays)


def test_two_checkpoints_are_kept_by_turns_also_by_later_attempts(tmp_path: Path) -> None:
    for epoch in range(1, 6):
        attempt = kept(tmp_path)
        found = attempt.newest()
        assert (found.state.epoch if found else 0) == epoch - 1
        assert attempt.save(state(epoch))
    assert sorted(path.name for path in tmp_path.iterdir()) == [*SLOTS]
    assert [load_checkpoint(path).number for path in paths_in(tmp_path)] == [5, 4]
    assert_identical(load_checkpoint(paths_in(tmp_path)[0]).arrays, state(5).arrays)


def torn(content: bytes) -> bytes:
    return content[:-100]


def changed(content: bytes) -> bytes:
    return content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


@pytest.mark.parametrize("damage", [torn, changed, lambda _: b""])
def test_of_a_damaged_newest_checkpoint_the_one_before_is_taken(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    for epoch in (1, 2):
        saving = kept(tmp_path)
        saving.newest()
        saving.save(state(epoch))
    newest = paths_in(tmp_path)[0]
    newest.write_bytes(damage(newest.read_bytes()))
    found = kept(tmp_path, progress=JsonProgress((output := io.StringIO()).write)).newest()
    assert found is not None
    assert found.state.epoch == 1
    assert warnings(events_in(output.getvalue())) == ["state-damaged"]


def test_a_checkpoint_that_cannot_be_read_ends_the_run_with_the_cause_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.txt").write_text("the cat sees the dog and goes home\n" * 80)
    kept(tmp_path / "state").save(state(1))
    (saved,) = paths_in(tmp_path / "state")

    def broken(path: Path) -> BinaryIO:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files, "open_regular", broken)
    command = ["train", "--data", tmp_path / "lines.txt", "--preset", "test", "--out", tmp_path / "model"]
    done = run_trainer([*command, "--state", saved.parent, "--log", "json"])
    assert done.returncode == 3
    assert json.loads(done.stdout.splitlines()[-1])["message"] == f"{saved}: {os.strerror(errno.EIO)}"
    assert saved.exists()


def test_of_two_runs_on_one_folder_the_second_waits(corpus: Path, tmp_path: Path) -> None:
    training = Training(corpus, tmp_path)
    held = contextlib.ExitStack()
    held.enter_context(locked_file(training.state / LOCK, pytest.fail))
    waits: list[str] = []

    class Waiting(TextProgress):
        def report(self, event: ProgressEvent) -> None:
            super().report(event)
            if isinstance(event, Warned):
                waits.append(event.code)
                held.close()  # the first ends once the second waits

    options = options_from(parser().parse_args([*training.words, "--epochs", "1"]))
    assert train(options, Waiting(io.StringIO()), StopSignals())
    assert waits == ["state-locked"]


@pytest.mark.parametrize("full", [False, True], ids=["no folder", "full"])
def test_a_folder_that_cannot_be_written_is_one_warning(
    full: bool, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path, checkpoint: Checkpoint) -> None:
        raise WriteError(f"cannot write {path}: {os.strerror(errno.ENOSPC)}")

    training = Training(corpus, tmp_path)
    if full:
        monkeypatch.setattr("scriptmodel_trainer.training.checkpoints.save_checkpoint", fails)
    else:
        training.state.write_text("in the way")
    events = training.finish("--epochs", "2")
    (warning,) = of_kind(events, "warning")
    assert warning["code"] == "state-unwritable"
    assert str(training.state) in warning["message"]
    assert of_kind(events, "done")


def test_a_budget_below_an_epoch_gives_a_tested_model_and_a_raised_one_continues(corpus: Path, tmp_path: Path) -> None:
    training = Training(corpus, tmp_path)
    training.finish("--budget-seconds", "0.001")
    assert training.checkpoints()
    metrics = training.metrics
    assert metrics["stopped_by"] == "budget"
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == [1]
    assert metrics["test"]["tokens"] == metrics["tokens"]["test"]
    first = training.weights
    training.finish("--budget-seconds", "0.001")  # the same budget: nothing is left to train
    assert_identical(training.weights, first)
    training.finish("--budget-seconds", "1000")
    assert [epoch["epoch"] for epoch in training.metrics["epochs"]] == list(range(1, EPOCHS + 1))
    assert training.metrics["stopped_by"] == "epochs"
    assert not training.checkpoints()


def test_a_wrong_budget_is_an_error(corpus: Path, tmp_path: Path) -> None:
    words = Training(corpus, tmp_path).words
    with pytest.raises(BadInputError, match="--budget-seconds=0 is not a number of seconds above 0"):
        options_from(parser().parse_args([*words, "--budget-seconds", "0"]), {})
    with pytest.raises(BadInputError, match="SCRIPTMODEL_BUDGET_SECONDS=soon is not a number"):
        options_from(parser().parse_args(words), {"SCRIPTMODEL_BUDGET_SECONDS": "soon"})


def test_training_stops_early_after_so_many_epochs_without_a_better_validation(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([3.0, 2.0, 2.5, 1.9, 2.1, 2.0, 1.0])
    monkeypatch.setattr("scriptmodel_trainer.training.graph.Validation.run", lambda *_: next(figures))
    training = Training(corpus, tmp_path)
    training.finish("--set", "patience=2")
    metrics = training.metrics
    assert (metrics["stopped_by"], metrics["best_epoch"], len(metrics["epochs"])) == ("early-stopping", 4, 6)
    assert load_model(training.out).origin.preset.patience == 2
    assert not training.checkpoints()
    assert ">Ended by</dt><dd>early stopping</dd>" in (training.out / "report.html").read_text("utf-8")


def test_the_state_has_a_folder_of_its_own(corpus: Path, tmp_path: Path) -> None:
    done = run_trainer(
        ["train", "--data", corpus, "--out", tmp_path / "m", "--state", tmp_path / ".." / tmp_path.name / "m"]
    )
    assert done.returncode == 2
    assert done.stderr.endswith("is the model directory; give the state a folder of its own\n")


class StoppedInEpochTwo(TextProgress):
    """Requests the end of the run within its second epoch."""

    def __init__(self, signals: StopSignals) -> None:
        super().__init__(io.StringIO())
        self._signals = signals

    def report(self, event: ProgressEvent) -> None:
        super().report(event)
        if isinstance(event, Progressed) and event.epoch == 2 and event.fraction > 0.4:
            self._signals.requested = ExitCode.TERMINATED


STREAM = np.random.default_rng(5).integers(0, 50, 200).astype(np.int32)
TINY = {"hidden_units": "12", "embedding_units": "8", "steps": "3", "batch_size": "4", "epochs": "3"}
WORDS = [f"{letter}word{number}ing" for number in range(5) for letter in string.ascii_lowercase[:10]]

# Settings and parts of a run that have a state of their own, and what a checkpoint of it holds.
RUNS: dict[str, tuple[str, dict[str, str], dict[str, Any], str]] = {
    "SGD, two layers, dropout, a cache that starts of documents clear": (
        *("small", {"dropout": "0.3", "cache_window": "20"}, {"document": 7}),
        "state/2/1",
    ),
    "Adam in bfloat16, words left out": (*("demo", {"precision": "bfloat16", "word_dropout": "0.2"}, {}), "slots/"),
    "letter n-grams": (*("demo", {}, {"letter_ngrams": letter_ngrams_of(WORDS, 1000, "adam")}), "weights/ngrams"),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_stopped_run_resumes_to_the_weights_of_one_that_nothing_stopped(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "scriptmodel_trainer.training.graph.Pace.SECONDS", 0
    )  # one window a call, so that it can stop after each
    name, settings, parts, stored = RUNS[run]
    preset = with_overrides(PRESETS[name], TINY | settings)

    def fit(
        file: str, progress: TextProgress, signals: StopSignals, *, resume: bool = False
    ) -> tuple[Weights, list[EpochRecord]]:
        own = run_of(tmp_path / file, progress, preset, STREAM, **parts)
        from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

        result = loop.fit(replace(own, saved=own.store.newest() if resume else None), progress, signals)
        return result.weights, own.state.history

    signals, quiet = StopSignals(), TextProgress(io.StringIO())
    with pytest.raises(StoppedError, match="stopped in epoch 2"):
        fit("stopped", StoppedInEpochTwo(signals), signals)
    saved = newest_in(tmp_path / "stopped")
    assert saved is not None
    state = saved.arrays.items()
    assert any(array.any() for name, array in state if name.startswith(stored)), "it is part of what was saved"
    weights, epochs = fit("stopped", quiet, StopSignals(), resume=True)
    expected, expected_epochs = fit("whole", quiet, StopSignals())
    assert weights.keys() == preset.shapes(50).keys()
    assert_identical(weights, expected)
    assert [epoch.valid_perplexity for epoch in epochs] == [epoch.valid_perplexity for epoch in expected_epochs]


@pytest.mark.parametrize(("budget", "expected"), [(80.0, 26.0), (1000.0, 920.0), (20.0, 0.0), (math.inf, math.inf)])
def test_a_part_of_a_budget_is_kept_for_what_follows_the_training(budget: float, expected: float) -> None:
    assert RunState(seconds=50.0).seconds_left(budget) == expected


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("corpus.stream.event_tokens", lambda event: [token.lower() for token in event_tokens(event)]),
        ("model.vocabulary.speakers_of", lambda *_: ["ANNA"]),
    ],
    ids=["tokens", "speakers"],
)
def test_files_that_are_read_in_another_way_are_another_run(
    rule: str, changed: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a saved network calls word 7 must be word 7."""
    (tmp_path / "play.md").write_text(play(60), "utf-8")
    command = ["train", "--data", tmp_path, "--out", tmp_path / "model", "--preset", "test"]
    first, again = prepared(command).fingerprint, prepared(command).fingerprint
    assert first == again
    monkeypatch.setattr(f"scriptmodel_trainer.{rule}", changed)
    assert prepared(command).fingerprint != first
