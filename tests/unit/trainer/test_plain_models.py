"""Training, scores and scripts of models of the layout `plain`."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_scripts import SCRIPT, VOCABULARY
from random_models import weights_of
from running import run_trainer
from samples import play
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.plain import ERRORS, MARKERS, plain_text, plain_tokens
from scriptmodel_trainer.corpus.tokens import EOS
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.reporting.report import render_report

SMALL = ["--preset", "demo", "--epochs", "2", "--set", "hidden_units=24", "steps=5", "vocabulary_size=200"]


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small model of the layout `plain`."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "play.md").write_text(play(120), "utf-8")
    done = run_trainer(["train", "--data", folder / "play.md", "--out", folder / "model", "--layout", "plain", *SMALL])
    assert done.returncode == 0, done.stderr
    return folder / "model"


def writer(seed: int, scale: float = 3.0) -> Writer:
    return Writer(Network(weights_of(VOCABULARY, seed, scale)), VOCABULARY)


def test_each_next_token_has_a_proper_distribution_and_the_text_is_charged_in_full(
    plain_model: Path, tmp_path: Path
) -> None:
    content = "**ZÖE**  \nThe lamp zigzags; IT waits,  for nobody!\r\n\n" * 3
    (tmp_path / "play.md").write_bytes(content.encode())
    found = json.loads(run_trainer(["evaluate", plain_model, "--data", tmp_path, "--json"]).stdout)
    model = load_model(plain_model)
    network, vocabulary = Network(model.weights), model.vocabulary
    numbers = vocabulary.encode([*plain_tokens(content), EOS])
    losses = negative_log_likelihoods(network, numbers, vocabulary.first)
    assert found["nats_per_character"] == pytest.approx(losses.sum() / len(content), rel=1e-6)
    for place in (0, 20):
        mass = 0.0
        for other in range(len(vocabulary)):
            text = np.concatenate([numbers[:place], np.array([other], np.int32)])
            mass += np.exp(-negative_log_likelihoods(network, text, vocabulary.first)[-1])
        assert mass == pytest.approx(1, abs=1e-4)


def test_tokens_that_training_never_read_do_not_derail_the_network(plain_model: Path) -> None:
    model = load_model(plain_model)
    network, vocabulary = Network(model.weights), model.vocabulary
    text = vocabulary.encode(plain_tokens(play(30, 2)))
    usual = negative_log_likelihoods(network, text, vocabulary.first).mean()
    for unseen in ("<0x07>", "##<0xFF>", "~"):
        number = vocabulary.id_of(unseen)
        assert negative_log_likelihoods(network, text, number)[1:].mean() < usual + 0.1


def test_figures_of_a_model_are_per_character_of_its_test_text(plain_model: Path) -> None:
    model = load_model(plain_model)
    assert model.metrics.test is not None
    assert 0 < (model.metrics.test.nats_per_character or 0) < 4
    assert "Surprise at a letter" in render_report(model)
    words = [word for word, _ in model.origin.corpus.summary.frequent_words]
    assert words
    assert not any(word.startswith(("<", "#")) for word in words)


def test_normalized_tokens_give_the_file_back(tmp_path: Path) -> None:
    content = SCRIPT.encode() + b"\xff \r\n"
    (tmp_path / "play.txt").write_bytes(content)
    done = run_trainer(["normalize", tmp_path / "play.txt", "--layout", "plain"])
    assert plain_text(done.stdout.split()).encode("utf-8", ERRORS) == content


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text("\n\n ... \n")
    done = run_trainer(
        ["train", "--data", tmp_path, "--out", tmp_path / "model", "--layout", "plain", "--preset", "test"]
    )
    assert done.returncode == 2
    assert "no words found" in done.stderr


def test_a_prompt_of_unknown_words_is_written_as_it_is(plain_model: Path) -> None:
    prompt = "**ZÖE**  \nZyzzyvas, McKay's 3"
    done = run_trainer(["generate", plain_model, "--words", "40", "--prompt", prompt])
    assert done.returncode == 0
    assert "unknown" not in done.stderr
    assert done.stdout.startswith(prompt)
    assert len(done.stdout.split()) <= 40
    assert "<unk>" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "MODEL", "--speaker", "ANNA"], "has no speakers"),
        (["evaluate", "MODEL", "--data", "CORPUS", "--layout", "markdown"], "use --layout plain"),
        (["judge", "MODEL", "--data", "CORPUS"], "was trained on plain text"),
        (["judge", "OTHER", "--data", "CORPUS", "--layout", "plain"], "layout plain does not recognise"),
        (["train", "--from", "MODEL", "--data", "CORPUS", "--out", "OUT"], "use --layout plain"),
        (["evaluate", "OTHER", "--data", "CORPUS", "--layout", "plain"], "not plain; use --layout auto"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    arguments: list[str], message: str, plain_model: Path, model: Path, corpus: Path, tmp_path: Path
) -> None:
    names = {"MODEL": plain_model, "OTHER": model, "CORPUS": corpus, "OUT": tmp_path / "out"}
    done = run_trainer([names.get(word, word) for word in arguments])
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_training_from_a_model_keeps_its_words_and_adds_new_ones(plain_model: Path, tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(60, 5) + "Zyzzyvas wait.\n", "utf-8")
    command = ["train", "--data", tmp_path / "play.md", "--out", tmp_path / "model", "--from", plain_model]
    done = run_trainer([*command, "--layout", "plain"])
    assert done.returncode == 0, done.stderr
    before, after = load_model(plain_model).vocabulary, load_model(tmp_path / "model").vocabulary
    assert after.plain
    assert after.words[: len(before)] == before.words
    assert "zyzzyvas" in after.words[len(before) :]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.sampled_from(["", "the lamp", "MIRA:\nIt is", "\x1b[1m é\n"]))
def test_any_weights_write_whole_lines_of_at_most_so_many_words(seed: int, more: int, prompt: str) -> None:
    words = len(list(plain_tokens(prompt))) + more
    script = writer(seed).write(words, Sampling(1.0), (seed,), Opening("", prompt)).tokens
    text = writer(seed).text(script)
    assert text.endswith("\n")
    assert len(text.split()) <= words
    assert all(character == "\n" or character.isprintable() for character in text)


@pytest.mark.parametrize("more", [(), ("a b", "\x1b[2J", "<0x1B>", "##<0x1B>", ",")])
def test_a_forged_vocabulary_without_words_writes_nothing(more: tuple[str, ...]) -> None:
    vocabulary = Vocabulary(("<eos>", *MARKERS, "<0x00>", *more))
    assert vocabulary.plain
    with pytest.raises(BadInputError, match="knows no words"):
        Writer(Network(weights_of(vocabulary, 1)), vocabulary).write(9, Sampling(), (1,), Opening())
