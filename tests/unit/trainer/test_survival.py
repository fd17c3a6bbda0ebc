"""Runs that are killed, stopped, or meet a full disk lose nothing that was good."""

import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest
import tensorflow as tf
from killed import train_until_interrupted
from running import COMMAND, run_trainer

from scriptmodel_trainer.artifacts.model_directory import SLOTS, load_model, save_model
from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.model.trigrams import count
from scriptmodel_trainer.runs import assess
from scriptmodel_trainer.storage.files import locked
from scriptmodel_trainer.training.checkpoints import Checkpoint, paths_in, save_checkpoint
from scriptmodel_trainer.training.state import RunState
from scriptmodel_trainer.training.stopping import StopSignals

pytestmark = pytest.mark.slow

# Enough epochs to be interrupted after several checkpoints.
SETTINGS = ["layers=2", "hidden_units=24", "embedding_units=16", "steps=5", "batch_size=32", "dropout=0.2"]
SETTINGS += ["epochs=20", "trigrams=true"]


FEW = ["--epochs", "6"]


def command(corpus: Path, out: Path, *more: str) -> list[str]:
    words = ["train", "--data", str(corpus), "--out", str(out), "--preset", "demo", "--seed", "5"]
    return [*words, "--checkpoint-seconds", "0", "--set", *SETTINGS, *more]


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_model(folder).weights


def assert_identical(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_an_interrupted_run_saves_its_state_and_says_how_to_continue(corpus: Path, tmp_path: Path) -> None:
    done = train_until_interrupted(command(corpus, tmp_path, *FEW), saves=2)
    assert done.returncode == 130
    assert f"state saved in {tmp_path}: repeat the command to continue" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_stopped_while_scoring_the_test_split_continues_from_its_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "model"
    data.mkdir()
    for name in ("train", "valid", "test"):
        (data / f"a.{name}.txt").write_text("the river waits for nobody\n" * 80)
    train = ["train", "--data", str(data), "--out", str(out), "--preset", "test"]

    def scored_in_part(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the rest was scored")

    with monkeypatch.context() as patched:
        patched.setattr(assess, "scored", scored_in_part)
        stopped = run_trainer(train)
    assert stopped.returncode == 143
    assert f"state saved in {out}: repeat the command" in stopped.stderr
    done = run_trainer(train)
    assert done.returncode == 0, done.stderr
    assert "Train Perplexity" not in done.stdout, "no epoch is trained again"
    assert len(load_model(out).metrics.epochs) == 1


def test_a_network_whose_assessment_fails_is_assessed_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.txt").write_text("the river waits for nobody\n" * 80)
    out = tmp_path / "model"
    train = ["train", "--data", tmp_path / "lines.txt", "--out", out, "--preset", "test"]
    with monkeypatch.context() as patched:
        patched.setattr(assess, "lines_of", Mock(side_effect=KeyError("Stow")))
        with pytest.raises(KeyError, match="Stow") as raised:
            run_trainer(train)
    assert raised.value.__notes__ == [f"state saved in {out}: repeat the command to continue"]
    assert not (out / "model.json").exists()
    done = run_trainer(train)
    assert done.returncode == 0, done.stderr
    assert "Train Perplexity" not in done.stdout, "no epoch is trained again"
    assert {path.name for path in out.iterdir()} >= {"model.json", "metrics.json", "report.html"}
    assert not paths_in(out)


def test_a_checkpoint_of_another_run_is_replaced_and_a_damaged_one_is_not_used(corpus: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / SLOTS[0], Checkpoint("of another run", RunState(), {}))
    train = ["train", "--data", corpus, "--out", tmp_path, "--preset", "test"]
    done = run_trainer(train)
    assert done.returncode == 0
    assert f"{tmp_path} holds the state of another run, which is replaced" in done.stderr
    (tmp_path / SLOTS[0]).write_bytes(b"broken")
    done = run_trainer(train)
    assert done.returncode == 0
    assert "is damaged" in done.stderr
    assert not paths_in(tmp_path)


def test_a_second_training_into_the_same_folder_is_refused(corpus: Path, tmp_path: Path) -> None:
    with locked(tmp_path):  # as a training does for as long as it runs
        done = run_trainer(["train", "--data", corpus, "--out", tmp_path, "--preset", "test"])
    assert done.returncode == 3
    assert f"another training writes into {tmp_path}; wait for it" in done.stderr


def test_the_seed_repeats_a_model_exactly_and_another_gives_another(corpus: Path, tmp_path: Path) -> None:
    small = ["train", "--data", corpus, "--preset", "test", "--set", "hidden_units=8", "dropout=0.3"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run_trainer([*small, "--out", tmp_path / name, "--seed", str(seed)]).returncode == 0
    assert_identical(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not np.array_equal(weights(tmp_path / "a")["embedding"], weights(tmp_path / "c")["embedding"])


def test_a_finished_run_is_not_trained_again_and_its_model_is_replaced_by_another(corpus: Path, tmp_path: Path) -> None:
    command, described = ["train", "--data", corpus, "--out", tmp_path, "--preset", "test"], tmp_path / "model.json"
    assert run_trainer(command).returncode == 0
    before = described.stat().st_mtime_ns
    again = run_trainer(command)
    assert again.returncode == 0
    assert "already trained" in again.stderr
    assert described.stat().st_mtime_ns == before
    assert run_trainer([*command, "--seed", "2"]).returncode == 0
    assert load_model(tmp_path).origin.seed == 2
    described.write_text("{")
    assert run_trainer(command).returncode == 0
    assert load_model(tmp_path).origin.seed == 0


class KilledError(BaseException):
    """Stands for SIGKILL: nothing handles it."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the change number `step` of a file's name, or the deletion of a file, be the last; returns the changes."""
    done: list[str] = []

    def until_killed(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: Path, *more: Any, **options: Any) -> Any:
            if not path.exists():
                return change(path, *more, **options)
            if len(done) == step:
                raise KilledError
            done.append(path.name)
            return change(path, *more, **options)

        return changed

    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, until_killed(getattr(Path, name)))
    return done


@pytest.fixture(scope="module")
def two_models(model: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two models that differ in all files; the first has trigrams."""
    first, second = load_model(model, judged=True), tmp_path_factory.mktemp("second")
    assert first.ngrams is not None
    trigrams = count(np.arange(len(first.vocabulary), dtype=np.int32), len(first.vocabulary), 0)
    words = tuple(f"{word}s" if len(word) > 1 and word.isalpha() else word for word in first.vocabulary.words)
    changed = dataclasses.replace(
        first,
        vocabulary=dataclasses.replace(first.vocabulary, words=words),
        weights={name: array * 2 for name, array in first.weights.items()},
        metrics=msgspec.structs.replace(first.metrics, restarts=7),
        ngrams={name: hashes[1:] for name, hashes in first.ngrams.items()},
    )
    (second / "a").mkdir()
    (second / "b").mkdir()
    save_model(second / "a", dataclasses.replace(first, trigrams=trigrams), "first")
    save_model(second / "b", changed, "second")
    return second / "a", second / "b"


def test_a_kill_at_each_step_leaves_the_old_model_or_the_new_one(two_models: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = (load_model(folder, judged=True) for folder in two_models)
    outcomes = []
    for step in itertools.count():
        out = Path(shutil.copytree(two_models[0], tmp_path / str(step)))
        with pytest.MonkeyPatch.context() as patch:
            done = kill_at(step, patch)
            try:
                save_model(out, new, "second")
                break
            except KilledError:
                pass
        found = load_model(out, judged=True)
        outcomes.append(found.metrics.restarts == 7)
        expected = new if outcomes[-1] else old
        assert_identical(found.weights, expected.weights)
        assert (found.vocabulary, found.metrics) == (expected.vocabulary, expected.metrics)
        assert found.ngrams is not None
        assert (found.trigrams is None) is outcomes[-1]
        save_model(out, new, "second")  # the next training leaves nothing of the killed one
        assert contents(out) == contents(two_models[1])
    assert outcomes == sorted(outcomes)
    assert len(outcomes) == len(done) == 8  # weights, n-grams, model.json, metrics, report, and three older files
    assert 0 < sum(outcomes) < len(outcomes)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder but those of killed writers, which the next training removes at its start."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(".part")}


TINY = {
    "one word": "word",
    "one line": "All the world's a stage.",
    "a name only": "**ANNA**\n",
    "one giant line": "so long " * 60_000,
}


@pytest.mark.parametrize("text", TINY.values(), ids=TINY.keys())
def test_tiny_and_odd_corpora_train_and_write(text: str, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text(text)
    arguments = ["--preset", "test", "--set", "batch_size=100", "steps=20"]
    done = run_trainer(["train", "--data", tmp_path / "corpus.txt", "--out", tmp_path / "m", *arguments])
    if text == TINY["a name only"]:
        assert done.returncode == 2
        return
    assert done.returncode == 0, done.stderr
    written = run_trainer(["generate", tmp_path / "m", "--words", "12"])
    assert written.returncode == 0, written.stderr
    assert 0 < len(written.stdout.split()) <= 12


def test_generate_does_not_import_tensorflow(model: Path) -> None:
    done = subprocess.run(
        [str(COMMAND.with_name("python")), "-X", "importtime", "-m", "scriptmodel_trainer", "generate", str(model)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "numpy" in done.stderr
    assert "tensorflow" not in done.stderr
    assert "keras" not in done.stderr


def test_tensorflow_does_not_take_a_signal_for_an_error_of_a_function_that_it_traces() -> None:
    """As in the test after training, which is not deferred."""

    def inner(value: tf.Tensor) -> tf.Tensor:
        os.kill(os.getpid(), signal.SIGTERM)
        return value + 1

    @tf.function
    def traced(value: tf.Tensor) -> tf.Tensor:
        return inner(value)

    with StopSignals(), pytest.raises(StoppedError) as stopped:
        traced(tf.constant(1))
    assert (stopped.value.code, stopped.value.message) == (143, "stopped by SIGTERM")
    with StopSignals() as signals:
        signals.deferred = True
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StoppedError) as stopped:
            traced(tf.constant(1.0))
    assert stopped.value.code == 143, "the second signal stops at once"
