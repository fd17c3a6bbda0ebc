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
from scriptmodel_trainer.evaluation.nats_per_character import CODES, END, Speller, nats_per_character, validation_of
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.reporting.report import render_report

WORDS = ("the", "lamp", "Anna", "na", "a", "an")
LETTERS = "".join(sorted(set("".join(WORDS))))
OTHER = "ж"  # stands for each character that no word has
SPELLER = Speller(WORDS)


@pytest.mark.parametrize("context", ["", "\n", "\na", "n", "ann", "жan", "жж", "zzz", "\nAn"])
def test_the_next_character_has_a_proper_distribution(context: str) -> None:
    known = sum(SPELLER.probability(context, character) for character in (*LETTERS, END))
    others = (CODES - len(LETTERS)) * SPELLER.probability(context, OTHER)
    assert known + others == pytest.approx(1, abs=1e-12)


def test_words_up_to_a_length_and_the_unfinished_rest_sum_to_one() -> None:
    finished, unfinished = 0.0, {"": 1.0}
    for length in range(5):
        longer: dict[str, float] = {}
        for word, mass in unfinished.items():
            context = f"\n{word}"[-3:]
            finished += mass * SPELLER.probability(context, END)
            for letter in (*LETTERS, OTHER):
                times = CODES - len(LETTERS) if letter == OTHER else 1
                longer[word + letter] = mass * times * SPELLER.probability(context, letter)
        unfinished = longer
        assert finished + sum(unfinished.values()) == pytest.approx(1, abs=1e-9), length
    assert finished > 0.3


def test_a_word_costs_what_its_letters_cost() -> None:
    cost = -math.log(SPELLER.probability("\n", "a")) - math.log(SPELLER.probability("\na", END))
    assert SPELLER.nats("a") == pytest.approx(cost)
    assert SPELLER.nats("Annan") < SPELLER.nats("xyzzy") < math.inf


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
    speller = Speller(word for word in vocabulary.words if not word.startswith("<"))
    spelling = sum(speller.nats(token) for token in tokens if token not in vocabulary)
    assert spelling > 18 * 10
    assert found["nats_per_character"] == pytest.approx((losses.sum() + spelling) / len(detokenize(tokens)), rel=1e-6)
    assert nats_per_character(float(losses.sum()), tokens, vocabulary) == pytest.approx(
        found["nats_per_character"], rel=1e-6
    )
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
    expected = nats_per_character(float(losses.sum()), tokens, trained.vocabulary)
    assert found.nats_per_character == pytest.approx(expected, rel=0.01)


def test_the_digest_of_a_validation_text_does_not_depend_on_vocabulary_or_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.evaluation.nats_per_character._CHUNK", 1000)  # the text is more
    known, tokens = Vocabulary(("<unk>", "<eos>", "the", "lamp"), frozenset()), ["the", "lamp", "burns"] * 500
    first = validation_of(20.0, len(tokens), tokens, known)
    other = validation_of(30.0, len(tokens), tokens, Vocabulary(("<unk>", "<eos>", "burns"), frozenset()))
    assert first.digest == other.digest != validation_of(20.0, len(tokens), tokens[:-1], known).digest
    assert (first.nats_per_character or 9) < (other.nats_per_character or 0)
    assert validation_of(math.inf, len(tokens), tokens, known).nats_per_character is None
