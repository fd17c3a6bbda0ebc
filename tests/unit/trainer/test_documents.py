"""Starts of documents: a token before each file, at which the state is cleared, the same in training and generation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running import run_trainer, train
from samples import play, read_stream
from stepwise import negative_log_likelihoods, stepwise_negative_log_likelihoods
from tensors import tf

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_whole
from scriptmodel_trainer.corpus.tokens import DOCUMENT
from scriptmodel_trainer.evaluation.perplexity import cut_for_validation
from scriptmodel_trainer.generation.grammar import Kind, kind_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.network_tensorflow import LanguageModel, read_window
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.vocabulary import build_vocabulary, with_documents
from scriptmodel_trainer.storage.records import FILES, SCENES
from scriptmodel_trainer.training.fine_tuning import load_base, preset_after
from scriptmodel_trainer.training.graph import Validation

START = 49  # the token that starts a document
FIRST, OTHER, SECOND = (np.random.default_rng(seed).integers(0, 49, 300).astype(np.int32) for seed in range(3))
SMALL = ["--preset", "demo", "--epochs", "2", "--set", "hidden_units=16", "batch_size=32", "steps=5"]


def stream_of(*documents: np.ndarray[Any, np.dtype[np.int32]]) -> np.ndarray[Any, np.dtype[np.int32]]:
    parts = [part for document in documents for part in (np.array([START], np.int32), document)]
    return np.concatenate(parts[1:])


def model_of(**more: str) -> LanguageModel:
    settings = {"hidden_units": "12", "initial_range": "0.7", "steps": "7", "batch_size": "3", **more}
    preset: Preset = with_overrides(PRESETS["small"], settings)
    return LanguageModel(preset, 50, seed=2, document=START)


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plays")
    for number in range(4):
        (folder / f"{number}.md").write_text(play(50, number), "utf-8")
    return folder


@pytest.fixture(scope="module")
def model_folder(plays: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "model"
    assert train(plays, out, *SMALL, "document_starts=true") == 0
    return out


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_window_with_a_start_is_two_windows(precision: str) -> None:
    random = np.random.default_rng(7)
    inputs, output, cell, kernel, recurrent, bias = (
        tf.Variable(random.normal(size=shape).astype(np.float32))
        for shape in ((2, 7, 5), (2, 4), (2, 4), (5, 16), (4, 16), (16,))
    )
    variables = [inputs, output, cell, kernel, recurrent, bias]
    kept = np.ones((2, 7), np.float32)
    kept[:, 3] = 0
    weight = tf.constant(random.normal(size=(2, 7, 4)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        one, *ends = read_window(*variables, precision, tf.constant(kept))
        before, *_ = read_window(inputs[:, :3], *variables[1:], precision)
        zeros = tf.zeros_like(output)
        after, *expected_ends = read_window(inputs[:, 3:], zeros, zeros, *variables[3:], precision)
        two = tf.concat([before, after], axis=1)
        ours = tf.reduce_sum(one * weight) + tf.reduce_sum(ends[0] * ends[1])
        plain = tf.reduce_sum(two * weight) + tf.reduce_sum(expected_ends[0] * expected_ends[1])
    assert np.allclose(one, two, atol=1e-6)
    tolerance = 1e-5 if precision == "float32" else 0.02
    for found, expected in zip(tape.gradient(ours, variables), tape.gradient(plain, variables), strict=True):
        assert float(tf.norm(found - expected)) <= tolerance * float(tf.norm(expected))


def test_training_and_generation_read_a_start_alike() -> None:
    model, stream = model_of(), stream_of(FIRST, SECOND, OTHER)
    tokens = tf.constant(stream[None, :])
    features, _ = model.features(tokens[:, :120], model.zero_state(1))
    network = Network(model.weights(), START)
    assert features.numpy()[0] == pytest.approx(network.read(network.initial_state(), stream[:120]), abs=1e-5)
    whole = negative_log_likelihoods(network, stream, START)
    assert stepwise_negative_log_likelihoods(Reader(network), stream, START) == pytest.approx(whole, abs=1e-4)
    validation = Validation(model, cut_for_validation(stream, START)).run()
    assert validation == pytest.approx(whole.mean(), rel=1e-3)


def test_the_words_of_a_play_do_not_depend_on_the_play_before() -> None:
    network = Network(model_of().weights(), START)
    begin = len(FIRST) + 1
    alone = negative_log_likelihoods(network, SECOND, START)
    for before in (FIRST, OTHER):
        after = negative_log_likelihoods(network, stream_of(before, SECOND), START)[begin:]
        assert after == pytest.approx(alone, abs=1e-5)
    without = Network(model_of().weights())
    crossed = [negative_log_likelihoods(without, stream_of(play, SECOND), START)[begin] for play in (FIRST, OTHER)]
    assert crossed[0] != pytest.approx(crossed[1], abs=1e-4)


@pytest.mark.parametrize("split", [SCENES, FILES])
def test_a_split_starts_anew_where_another_file_starts(split: str, plays: Path) -> None:
    corpus = read_stream(plays, split)
    vocabulary = with_documents(build_vocabulary(corpus.splits["train"], corpus.lexicon, 300))
    assert vocabulary.first == vocabulary.document == len(vocabulary) - 1
    for name, ids in corpus.splits.items():
        starts = corpus.starts[name].tolist()
        numbers = vocabulary.translated(ids, corpus.lexicon, starts)
        text = vocabulary.joined(vocabulary.words[number] for number in numbers.tolist())
        places = [place for place, token in enumerate(text) if token == DOCUMENT]
        assert [place - before for before, place in enumerate(places)] == starts
        assert [token for token in text if token != DOCUMENT] == [corpus.lexicon[number] for number in ids.tolist()]
    assert len(corpus.starts["train"]) == (3 if split == SCENES else 1)


def test_named_splits_and_whole_corpora_know_their_files(tmp_path: Path) -> None:
    for name in ("a.train", "b.train", "c.valid", "d.valid", "e.test"):
        (tmp_path / f"{name}.txt").write_text(f"only {name} words <eos>\n" * 3)
    corpus = read_stream(tmp_path)
    assert {name: starts.tolist() for name, starts in corpus.starts.items()} == {
        "train": [12],
        "valid": [12],
        "test": [],
    }
    whole = read_whole(find_sources([tmp_path], lambda _: None), None)
    assert whole.starts.tolist() == [12, 24, 36, 48]


def test_a_model_starts_each_script_with_the_token_and_never_writes_it(model_folder: Path, plays: Path) -> None:
    model = load_model(model_folder)
    assert model.vocabulary.words[-1] == DOCUMENT
    corpus = read_stream(plays)
    tokens = {name: len(ids) + len(corpus.starts[name]) for name, ids in corpus.splits.items()}
    assert {**model.metrics.tokens, "train": 0} == {**tokens, "train": 0}
    assert model.metrics.tokens["train"] >= tokens["train"], "training reads some words spelled"
    assert kind_of(DOCUMENT) is Kind.UNWRITTEN
    done = run_trainer(["generate", model_folder, "--words", "60", "--temperature", "2", "--samples", "3"])
    assert done.returncode == 0
    assert "<" not in done.stdout
    assert all(word != DOCUMENT for word, _ in model.origin.corpus.summary.frequent_words)


def test_a_model_that_starts_from_another_has_starts_of_documents_if_that_has_them(model_folder: Path) -> None:
    base = load_base(model_folder)
    name, preset = preset_after(base, "demo", {"hidden_units": "16"})
    assert (name, preset.document_starts) == ("demo", True)
