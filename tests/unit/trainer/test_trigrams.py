"""Trigrams: the formula, their share, and what training, evaluation and generation do with them."""

import dataclasses
import itertools
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forged import arrays_file, rewrite, stored_arrays
from hypothesis import given
from hypothesis import strategies as st
from running import train
from samples import read_stream
from stepwise import negative_log_likelihoods, stepwise_negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_whole
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.trigrams import count, fitted_share
from scriptmodel_trainer.storage.files import arrays_bytes
from scriptmodel_trainer.training.fine_tuning import load_base, preset_after

VOCABULARY = 12
SMALL = ["--preset", "demo", "--epochs", "2", "--set"]
SMALL += ["batch_size=16", "hidden_units=16", "embedding_units=12", "steps=5"]
Stream = np.ndarray[Any, np.dtype[np.int32]]
streams = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=60).map(lambda ids: np.array(ids, np.int32))


def skewed(length: int, seed: int = 1) -> Stream:
    """Words as unequal as those of a language, each of them likely after two others."""
    random = np.random.default_rng(seed)
    ids = [0, 1]
    for _ in range(length):
        follows = (3 * ids[-1] + ids[-2]) % VOCABULARY
        ids.append(follows if random.random() < 0.6 else int(VOCABULARY * random.random() ** 3))
    return np.array(ids, np.int32)


def textbook(text: Stream, first: int) -> Callable[[tuple[int, ...], int], float]:
    """Interpolated Kneser-Ney with dictionaries, as Chen and Goodman write it."""
    words = [first, *text.tolist()]
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    pairs = set(itertools.pairwise(words))
    counts: dict[int, Counter[tuple[int, ...]]] = {
        3: Counter(triples),
        2: Counter(triple[1:] for triple in triples),
        1: Counter((word,) for _, word in pairs),
    }

    def discount(order: int, number: int) -> float:
        having = Counter(counts[order].values())
        if not all(having[each] for each in (1, 2, 3, 4)):
            return 0.5
        share, of = having[1] / (having[1] + 2 * having[2]), min(number, 3)
        return min(max(of - (of + 1) * share * having[of + 1] / having[of], 0.1), of - 0.1)

    def probability(context: tuple[int, ...], word: int) -> float:
        order = len(context) + 1
        shorter = probability(context[1:], word) if context else 1 / VOCABULARY
        following = {gram: number for gram, number in counts[order].items() if gram[:-1] == context}
        kept = {gram: number for gram, number in following.items() if order < 3 or number > 1}
        if not kept:
            return shorter
        total = sum(following.values())
        shares = {gram: (number - discount(order, number)) / total for gram, number in kept.items()}
        return shares.get((*context, word), 0.0) + (1 - sum(shares.values())) * shorter

    return probability


@pytest.mark.parametrize("length", [1, 2, 3, 40, 2000])
def test_probabilities_are_those_of_the_textbook(length: int) -> None:
    text, other = skewed(length)[:length], skewed(60, seed=2)
    found, expected = count(text, VOCABULARY, 5), textbook(text, 5)
    before = [5, *other.tolist()]
    contexts = [tuple(before[max(0, place - 1) : place + 1]) for place in range(len(other))]
    wanted = [expected(context, word) for context, word in zip(contexts, other.tolist(), strict=True)]
    np.testing.assert_allclose(found.probabilities(other, 5), wanted, rtol=1e-5)


@given(streams, streams)
def test_each_distribution_sums_to_one_and_holds_what_a_stream_is_given(text: Stream, other: Stream) -> None:
    found = count(text, VOCABULARY, 3)
    before, last = None, 3
    for word, expected in zip(other.tolist(), found.probabilities(other, 3).tolist(), strict=True):
        distribution = found.distribution(before, last)
        assert distribution.min() > 0
        assert float(distribution.sum(dtype=np.float64)) == pytest.approx(1, abs=1e-5)
        assert distribution[word] == expected
        before, last = last, word


@given(st.lists(st.tuples(*[st.floats(0.001, 1)] * 3), min_size=5, max_size=50), st.booleans())
def test_no_other_share_makes_the_text_more_probable(drawn: list[tuple[float, float, float]], caching: bool) -> None:
    network, trigrams, kept = np.array(drawn).T
    copied = (1 - kept) / 2 if caching else np.zeros(len(kept))
    kept = kept if caching else np.ones(len(kept))

    def loss(share: float) -> float:
        return float(-np.log(kept * ((1 - share) * network + share * trigrams) + copied).sum())

    found = fitted_share(network, trigrams.astype(np.float32), kept, copied)
    assert 0 <= found <= 1
    assert loss(found) <= min(map(loss, np.linspace(0, 1, 101))) + 1e-6 * len(drawn)


@pytest.fixture(scope="module", params=[[], ["cache_window=60"]], ids=["alone", "with a cache"])
def mixed(request: pytest.FixtureRequest, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    assert train(corpus, folder, *SMALL, *request.param, "trigrams=true") == 0
    return folder


def tokens(corpus: Path, folder: Path) -> Stream:
    model, whole = load_model(folder), read_whole(find_sources([corpus], print), None)
    return model.vocabulary.translated(whole.ids, whole.lexicon, whole.starts)[:700]


def test_the_network_is_that_of_a_training_without_trigrams(mixed: Path, corpus: Path, tmp_path: Path) -> None:
    described = json.loads((mixed / "model.json").read_text("utf-8"))
    cache = [f"cache_window={described['parameters']['cache_window']}"]
    assert train(corpus, tmp_path, *SMALL, *cache) == 0
    model, plain = load_model(mixed), load_model(tmp_path)
    assert all(np.array_equal(weights, plain.weights[name]) for name, weights in model.weights.items())
    assert model.metrics.fingerprint != plain.metrics.fingerprint
    assert model.trigrams is not None
    assert 0 < model.trigrams.share <= 1
    assert plain.trigrams is None
    assert model.metrics.perplexity.valid < plain.metrics.perplexity.valid
    count = sum(array.size for array in plain.weights.values())
    assert described["weights"] == count + model.trigrams.size


def test_evaluation_and_generation_follow_the_mixture(mixed: Path, corpus: Path) -> None:
    model, stream = load_model(mixed), tokens(corpus, mixed)
    network, alone = model.network(), dataclasses.replace(model, trigrams=None).network()
    first = model.vocabulary.first
    assert model.trigrams is not None
    found = negative_log_likelihoods(network, stream, first)
    stepwise = stepwise_negative_log_likelihoods(Reader(network), stream, first)
    np.testing.assert_allclose(found, stepwise, rtol=1e-3, atol=1e-3)
    without = negative_log_likelihoods(alone, stream, first)
    assert found.mean() < without.mean()
    share = model.trigrams.share
    if alone.cache is None:
        expected = (1 - share) * np.exp(-without) + share * model.trigrams.probabilities(stream, first)
        np.testing.assert_allclose(np.exp(-found), expected, rtol=1e-4, atol=1e-6)


def test_the_figures_of_the_metrics_are_those_of_the_mixture(mixed: Path, corpus: Path) -> None:
    model, read = load_model(mixed), read_stream(corpus)
    for split, expected in (("valid", model.metrics.perplexity.valid), ("test", model.metrics.perplexity.test)):
        ids = model.vocabulary.translated(read.splits[split], read.lexicon, read.starts[split])
        losses = negative_log_likelihoods(model.network(), ids, model.vocabulary.first)
        assert math.exp(losses.mean()) == pytest.approx(expected, rel=1e-3), split


def test_a_training_from_a_model_has_trigrams_as_that_has_unless_it_is_set(mixed: Path) -> None:
    base = load_base(mixed)
    assert preset_after(base, None, {})[1].trigrams
    assert not preset_after(base, None, {"trigrams": "false"})[1].trigrams


def forged(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def forge(folder: Path) -> None:
        arrays = stored_arrays(arrays_file(folder, "trigrams"))
        change(arrays)
        rewrite(folder, "trigrams", arrays_bytes(arrays))

    return forge


def fill(name: str, value: float) -> Callable[[Path], None]:
    return forged(lambda arrays: arrays.update({name: np.full_like(arrays[name], value)}))


FORGED: dict[str, Callable[[Path], None]] = {
    "other bytes": lambda folder: arrays_file(folder, "trigrams").write_bytes(b"PK"),
    "no share": forged(lambda arrays: arrays.pop("share")),
    "a share that is NaN": fill("share", np.nan),
    "words of another kind": forged(lambda arrays: arrays.update(words=arrays["words"].astype(np.float64))),
    "words without a probability": fill("words", 0.0),
    "n-grams beyond the vocabulary": fill("bigrams/words", 1 << 30),
    "n-grams in no order": forged(lambda arrays: arrays.update({"bigrams/words": arrays["bigrams/words"][::-1]})),
    "rows that end early": fill("bigrams/rows", 0),
    "rows that go back": forged(lambda arrays: arrays["bigrams/rows"].__setitem__(1, len(arrays["bigrams/words"]))),
    "fewer contexts": forged(lambda arrays: arrays.update({"trigrams/backoffs": arrays["trigrams/backoffs"][1:]})),
    "shares that are NaN": fill("bigrams/shares", np.nan),
    "backoffs of one for all": fill("bigrams/backoffs", 1.0),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_forged_trigrams_are_refused_in_one_line(forge: Callable[[Path], None], mixed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mixed, tmp_path / "model")
    forge(folder)
    with pytest.raises(BadInputError) as refused:
        load_model(folder)
    assert "is damaged" in refused.value.line()
    assert len(refused.value.line()) < 1000


def test_words_that_are_all_but_impossible_stay_comparable() -> None:
    found = dataclasses.replace(count(np.array([1, 2, 1], np.int32), 3, 0), share=0.0)
    logits = found.mixed_logits(None, 0, np.array([0, 1e6, -1e6], np.float32))
    assert np.isfinite(logits).all()
    assert logits.argmax() == 1
