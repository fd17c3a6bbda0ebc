"""Figures per character: proper distributions, and every word charged."""

import hashlib
import json
import math
from pathlib import Path

import pytest
from running import run_trainer
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus, read_whole
from scriptmodel_trainer.evaluation.nats_per_character import validation_of
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.reporting.report import render_report


def test_evaluate_and_report_show_nats_per_character(model: Path, tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(
        "# A Play\n\n## ACT I\n\n"
        + "**ANNA**  \nThe lamp zigzags. It waits for nobody!  \n\n**Mira**  \nMy zeppelin?  \n\n" * 9
    )
    found = json.loads(run_trainer(["evaluate", model, "--data", tmp_path, "--json"]).stdout)
    trained = load_model(model)
    whole = read_whole(find_sources([tmp_path], lambda _: None), None)
    tokens = [whole.lexicon[number] for number in whole.ids.tolist()]
    vocabulary = trained.vocabulary
    losses = negative_log_likelihoods(Network(trained.weights), vocabulary.encode(tokens), vocabulary.id_of("<eos>"))
    assert found["nats_per_character"] == pytest.approx(losses.sum() / len(detokenize(tokens)), rel=1e-6)
    assert "per character" in run_trainer(["evaluate", model, "--data", tmp_path]).stdout
    assert trained.metrics.test is not None
    assert 0 < (trained.metrics.test.nats_per_character or 0) < 5
    assert "Surprise at a letter" in render_report(trained)


def test_a_model_holds_what_others_are_compared_with_it_by(model: Path, corpus: Path) -> None:
    trained = load_model(model)
    read = read_corpus(find_sources([corpus], lambda _: None), None, lambda _: None)
    tokens = [read.lexicon[number] for number in read.splits["valid"].tolist()]
    losses = negative_log_likelihoods(
        Network(trained.weights), trained.vocabulary.encode(tokens), trained.vocabulary.id_of("<eos>")
    )
    found = trained.metrics.validation
    assert found is not None
    assert found.digest == hashlib.sha256("".join(f"{token}\0" for token in tokens).encode()).hexdigest()
    expected = losses.sum() / len(detokenize(tokens))
    assert found.nats_per_character == pytest.approx(expected, rel=0.01)


def test_the_digest_of_a_validation_text_does_not_depend_on_vocabulary_or_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.evaluation.nats_per_character._CHUNK", 1000)  # the text is more
    known, tokens = Vocabulary(("<eos>", "the", "lamp")), ["the", "lamp", "burns"] * 500
    first = validation_of(20.0, len(tokens), tokens, known)
    other = validation_of(30.0, len(tokens), tokens, Vocabulary(("<eos>", "burns")))
    assert first.digest == other.digest != validation_of(20.0, len(tokens), tokens[:-1], known).digest
    assert (first.nats_per_character or 9) < (other.nats_per_character or 0)
    assert validation_of(math.inf, len(tokens), tokens, known).nats_per_character is None
