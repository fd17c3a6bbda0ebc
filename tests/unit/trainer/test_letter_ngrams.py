"""Word vectors with character n-grams: the n-grams, and their arithmetic."""

import numpy as np
import pytest
from tensors import tf

from scriptmodel_trainer.evaluation.perplexity import cut_for_validation
from scriptmodel_trainer.model.letter_ngrams import LetterNgrams, letter_ngrams_of
from scriptmodel_trainer.model.network_tensorflow import LanguageModel, vectors_of_words
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph, Validation
from scriptmodel_trainer.training.optimizers import Optimizer

WORDS = ("<eos>", "The", "the", "then", "lathe", "ox", *(f"word{number}ing" for number in range(44)))
STREAM = np.random.default_rng(5).integers(0, 50, 1500).astype(np.int32)
SETTINGS = {"hidden_units": "12", "embedding_units": "8", "steps": "5", "batch_size": "4"}


def letter_ngrams(most: int = 1000, optimizer: str = "sgd") -> LetterNgrams:
    found = letter_ngrams_of(WORDS, most, optimizer)
    assert found is not None
    return found


def dense(found: LetterNgrams) -> np.ndarray:
    matrix = np.zeros((found.words, found.ngrams))
    matrix[tuple(found.places.T)] = found.shares
    return matrix


def preset(**more: str) -> Preset:
    return with_overrides(PRESETS["demo"], SETTINGS | more)


def test_words_share_the_ngrams_that_at_least_three_of_them_have() -> None:
    found = letter_ngrams_of(("<eos>", "The", "the", "then", "lathe", "ox"), 1000, "sgd")
    assert found is not None
    # he is in four words; th, the, he$, e$ in three; ^t and ^th in two, and the$ is not The's
    assert found.ngrams == 5
    assert (dense(found) > 0).sum(axis=1).tolist() == [0, 3, 5, 3, 5, 0]


def test_a_step_is_at_most_twice_as_large_for_words_of_any_length() -> None:
    """SGD moves an n-gram by its share of the word's gradient, Adam by as much as any other vector."""
    by_sgd, by_adam = (dense(letter_ngrams()) ** 2).sum(axis=1), dense(letter_ngrams(optimizer="adam")).sum(axis=1)
    for lengths in (by_sgd, by_adam):
        assert lengths[1:5] == pytest.approx(1, abs=1e-6)
        assert lengths[6:] == pytest.approx(1, abs=1e-6)


def test_words_that_have_nothing_in_common_share_nothing() -> None:
    assert letter_ngrams_of(("<eos>", "ox", "sun"), 1000, "sgd") is None
    assert letter_ngrams_of(WORDS, 0, "sgd") is None


def test_the_product_and_its_gradient_are_those_of_the_matrix() -> None:
    found = letter_ngrams()
    random = np.random.default_rng(1)
    ngrams = tf.Variable(random.normal(size=(found.ngrams, 7)).astype(np.float32))
    upstream = random.normal(size=(found.words, 7)).astype(np.float32)

    @tf.function
    def gradient() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            vectors = vectors_of_words(found, ngrams)
            value = tf.reduce_sum(vectors * upstream)
        return vectors, tape.gradient(value, ngrams)

    vectors, to_ngrams = gradient()
    assert vectors.numpy() == pytest.approx(dense(found) @ ngrams.numpy(), abs=1e-5)
    assert to_ngrams.numpy() == pytest.approx(dense(found).T @ upstream, abs=1e-5)


@pytest.mark.parametrize("tied", ["true", "false"])
def test_the_weights_of_a_trained_model_predict_the_same_without_ngrams(tied: str) -> None:
    chosen = preset(tied_embeddings=tied)
    model = LanguageModel(chosen, 50, seed=2, letter_ngrams=letter_ngrams())
    rows = cut_for_training(STREAM, chosen.batch_size, chosen.steps, 0)
    graph = TrainingGraph(model, Optimizer(chosen, model.variables), rows, 3)
    graph.run(0, 0, [0.01] * 20)
    weights = model.weights()
    assert {name: array.shape for name, array in weights.items()} == chosen.shapes(50)
    assert np.abs(model.variables["ngrams"].numpy()).max() > 0.01
    whole = LanguageModel(chosen, 50, seed=9)
    whole.set_weights(weights)
    validation = cut_for_validation(STREAM, 0)
    expected = Validation(whole, validation).run()
    assert Validation(model, validation).run() == pytest.approx(expected, abs=1e-6)
