"""The vocabulary: frequent words are whole, sub-words spell every other, and only whole words are written."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from random_models import weights_of
from running import run_trainer, train
from samples import play, read_stream
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import TokenStream, read_whole
from scriptmodel_trainer.generation.detokenizing import count_pieces, detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.spelling import spelled_out, without_unseen
from scriptmodel_trainer.model.subwords import LETTERS, continues
from scriptmodel_trainer.model.vocabulary import Vocabulary, build_vocabulary

SMALL = ["hidden_units=24", "embedding_units=16", "batch_size=16", "steps=5"]
SMALL += ["vocabulary_size=60"]
RARE = "\n\n**ZERUBBABEL**  \nThe zigzagging zeppelin waits for nobody.  \n\n_Exit ZERUBBABEL_\n\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus in which a speaker has one speech."""
    folder = tmp_path_factory.mktemp("open")
    (folder / "play.train.md").write_text(play(160) + RARE + play(60, 2), "utf-8")
    (folder / "play.valid.md").write_text(play(20, 3) + RARE.replace("ZERUBBABEL", "XANTHIPPE"), "utf-8")
    return folder


@pytest.fixture(scope="module")
def corpus(folder: Path) -> TokenStream:
    return read_stream(folder)


@pytest.fixture(scope="module")
def vocabulary(corpus: TokenStream) -> Vocabulary:
    return build_vocabulary(corpus.splits["train"], corpus.lexicon, 60)


@pytest.fixture(scope="module")
def model_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "model"
    assert train(folder, out, "--preset", "demo", "--epochs", "3", "--set", *SMALL) == 0
    return out


@pytest.fixture(scope="module")
def model(model_folder: Path) -> TrainedModel:
    return load_model(model_folder, judged=True)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_play_comes_back_from_its_sub_words_and_nothing_is_unknown(
    split: str, corpus: TokenStream, vocabulary: Vocabulary
) -> None:
    text = [corpus.lexicon[number] for number in corpus.splits[split].tolist()]
    numbers = vocabulary.encode(text)
    assert vocabulary.joined(vocabulary.words[number] for number in numbers.tolist()) == text
    assert np.array_equal(vocabulary.translated(corpus.splits[split], corpus.lexicon), numbers)
    assert len(numbers) > len(text)


def test_names_and_words_are_whole_or_spelled(vocabulary: Vocabulary) -> None:
    assert vocabulary.is_word("ANNA")
    assert not vocabulary.is_word("ZERUBBABEL")
    assert vocabulary.spelled_names[-1] == "ZERUBBABEL"
    assert {"ANNA", "Mira", "ZERUBBABEL"} <= set(vocabulary.names)
    parts = {vocabulary.words[number] for number in vocabulary.parts}
    assert {"z", "Z", "9"} <= parts
    assert not any(map(continues, parts))


TOKENS = st.one_of(
    st.sampled_from(
        ["##a", "##", "#", "###a", "<0x41>", "a<0x41>", "##<0x41>", "<eos>", "<boname>", "the", "thé", "--"]
    ),
    st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(TOKENS, min_size=1), st.lists(TOKENS))
def test_any_words_come_back_from_the_sub_words_of_others(training: list[str], text: list[str]) -> None:
    lexicon = list(dict.fromkeys(training))
    found = build_vocabulary(np.array([lexicon.index(word) for word in training], np.int32), lexicon, 60)
    numbers = found.encode(text)
    assert found.joined(found.words[number] for number in numbers.tolist()) == text


def test_each_next_token_has_a_proper_distribution_and_the_text_is_charged_in_full(
    model: TrainedModel, model_folder: Path, folder: Path
) -> None:
    data = folder / "play.valid.md"
    found = json.loads(run_trainer(["evaluate", model_folder, "--data", data, "--json"]).stdout)
    whole = read_whole(find_sources([data], lambda _: None), None)
    text = [whole.lexicon[number] for number in whole.ids.tolist()]
    network, vocabulary = Network(model.weights), model.vocabulary
    numbers = vocabulary.encode(text)
    losses = negative_log_likelihoods(network, numbers, vocabulary.first)
    assert found["tokens"] == len(numbers)
    assert found["nats_per_character"] == pytest.approx(losses.sum() / len(detokenize(text)), rel=1e-6)
    for place in (0, 40):
        mass = 0.0
        for other in range(len(vocabulary)):
            continued = np.concatenate([numbers[:place], np.array([other], np.int32)])
            mass += np.exp(-negative_log_likelihoods(network, continued, vocabulary.first)[-1])
        assert mass == pytest.approx(1, abs=1e-4)


LONG_NAMES = ("THE OLD AND VERY VENERABLE LORD OF ALL", "ANNA")


@settings(max_examples=80, deadline=None)
@example(seed=150744, more=6, prompt="", cast=None)  # a spelled name of so many words that no speech followed
@example(seed=383, more=8, prompt="", cast=LONG_NAMES)  # a name of the cast that is longer than those of the model
@given(
    st.integers(0, 10**6),
    st.integers(4, 70),
    st.sampled_from(["", "'twas the zeppelin", "(zyx", "é 'Z"]),
    st.sampled_from([None, LONG_NAMES]),
)
def test_any_weights_write_whole_scripts_of_at_most_so_many_words(
    vocabulary: Vocabulary, seed: int, more: int, prompt: str, cast: tuple[str, ...] | None
) -> None:
    words = more + (11 if prompt else 0)
    writer = Writer(Network(weights_of(vocabulary, seed)), vocabulary)
    script = writer.write(words, Sampling(3.0), (seed,), Opening("", prompt, cast=cast)).tokens
    text = writer.text(script)
    assert count_pieces(text) <= words
    assert "<" not in text
    assert not any(map(continues, script))
    assert script.count(tokens.OPEN_NAME) == script.count(tokens.CLOSE_NAME)
    for opener, closer in zip(script, script[2:], strict=False):
        assert (opener == tokens.OPEN_NAME) <= (closer == tokens.CLOSE_NAME)


def test_the_judge_reads_whole_words(model_folder: Path, folder: Path) -> None:
    done = run_trainer(["judge", model_folder, "--data", folder, "--json", "--samples", "2"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert 0 < figures["words_per_speech"] < 100
    assert figures["known_words"] > 0.1


def test_a_base_without_speakers_learns_the_markers_of_speeches(tmp_path: Path) -> None:
    (tmp_path / "sentences.txt").write_text("the lamp waits for nobody <eos> " * 60)
    (tmp_path / "play.md").write_text(play(40), "utf-8")
    small = ["--preset", "demo", "--epochs", "1", "--set", *SMALL]
    assert train(tmp_path / "sentences.txt", tmp_path / "base", "--layout", "normalized", *small) == 0
    assert train(tmp_path / "play.md", tmp_path / "warm", "--from", str(tmp_path / "base")) == 0
    warm = load_model(tmp_path / "warm").vocabulary
    assert {tokens.OPEN_NAME, tokens.CLOSE_NAME} <= set(warm.words)
    assert "ANNA" in warm.names


def test_a_model_names_a_speaker_of_a_given_text_that_it_spells(model_folder: Path) -> None:
    command = ["generate", model_folder, "--words", "40"]
    done = run_trainer([*command, "--speaker", "zerubbabel", "--prompt", "The zyzzyvas' «Zürich» waits"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('[ ZERUBBABEL ]: The zyzzyvas\' "Zürich" waits')
    known = run_trainer([*command, "--prompt", "Zerubbabel: 中文"])
    assert known.stdout.startswith("[ ZERUBBABEL ]: 中文")


def test_what_the_network_writes_is_whole_words_of_the_corpus(model: TrainedModel, corpus: TokenStream) -> None:
    """The network is led to sub-words by their bias."""
    pieces = [number for number, word in enumerate(model.vocabulary.words) if continues(word)]
    weights = {**model.weights, "output/bias": model.weights["output/bias"].copy()}
    weights["output/bias"][[*pieces, *model.vocabulary.parts]] += 50
    writer = Writer(Network(weights), model.vocabulary)
    for seed in range(5):
        assert set(writer.write(60, Sampling(2.0), (seed,), Opening()).tokens) <= set(corpus.lexicon)


SPELLING = Vocabulary(("<eos>", "<boname>", ",", "often", "twice", "once", "never", *LETTERS, "of", "##ten"))
TRAIN = np.array([3, 3, 3, 3, 4, 4, 5, 0, 1, 2], np.int32)


def test_each_word_is_spelled_so_many_times_and_stays_whole_once() -> None:
    counts = np.bincount(spelled_out(TRAIN, SPELLING, 2.0, 1), minlength=len(SPELLING))
    assert counts[:7].tolist() == [1, 1, 1, 2, 1, 1, 0]  # of 4 "often" and 2 "twice"
    assert counts[SPELLING.id_of("of")] == counts[SPELLING.id_of("##ten")] == 2
    assert np.bincount(spelled_out(TRAIN, SPELLING, 1.0, 1, known=4))[3:5].tolist() == [4, 1]
    assert spelled_out(TRAIN, SPELLING, 0.0, 1) is TRAIN


def test_tokens_that_neither_training_nor_its_base_had_get_the_vector_of_the_rarest() -> None:
    base = np.array([[1, 0], [2, 0], [3, 3], [3, 3], [5, 5]], np.float32)  # which read all but 2 and 3
    trained = {"embedding": base + 1, "output/bias": np.array([2, 1, 4, 0, 3], np.float32)}
    found = without_unseen(trained, np.array([0, 0, 1], np.int32), base)
    assert found["embedding"].tolist() == [[2, 1], [3, 1], [3, 1], [3, 1], [6, 6]]
    assert found["output/bias"].tolist() == [2, 1, -2, -2, 3]


def test_a_vocabulary_comes_from_training_only_most_frequent_first() -> None:
    vocabulary = build_vocabulary(np.array([1, 1, 1, 2, 0], np.int32), ["<eos>", "common", "rare", "unseen"], 10)
    assert vocabulary.words[:3] == ("common", "<eos>", "rare")
    assert not vocabulary.is_word("unseen")


def test_a_vocabulary_keeps_its_size_and_never_cuts_markers_or_what_closes_them() -> None:
    lexicon = ["<eos>", "<boname>", "A", "<eoname>", *[f"w{number}" for number in range(50)]]
    stream_of_all = np.concatenate([np.repeat(np.arange(4, 54), 3), np.array([1, 2, 3, 0])]).astype(np.int32)
    vocabulary = build_vocabulary(stream_of_all, lexicon, 20)
    assert sum(map(vocabulary.is_word, lexicon)) == 20
    assert {"<eos>", "<boname>", "<eoname>"} <= set(vocabulary.words)
    larger = build_vocabulary(stream_of_all, lexicon, 100)
    assert [larger.words[number] for number in larger.speakers] == ["A"]
    assert "<close-exp>" in build_vocabulary(np.array([0, 1], np.int32), ["<open-exp>", "word"], 16)
