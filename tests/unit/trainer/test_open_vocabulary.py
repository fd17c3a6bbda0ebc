"""The open vocabulary of layouts of scripts: sub-words spell every word, names of speakers above all."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from forged import rewrite_json
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model_files import described
from random_models import weights_of
from running import run_trainer, train
from samples import play
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.corpus.exact import BYTES
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import TokenStream, read_corpus, read_whole
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.evaluation.nats_per_character import nats_per_character
from scriptmodel_trainer.evaluation.perplexity import CLASSES, token_classes
from scriptmodel_trainer.generation.detokenizing import count_pieces, detokenize
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Place, kind_of_piece
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.subwords import continues, words_of
from scriptmodel_trainer.model.vocabulary import Vocabulary, build_open_vocabulary

SMALL = ["hidden_units=24", "embedding_units=16", "batch_size=16", "steps=5"]
SMALL += ["vocabulary_size=120", "subwords=true"]
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
    return read_corpus(find_sources([folder], lambda _: None), None, lambda _: None)


@pytest.fixture(scope="module")
def vocabulary(corpus: TokenStream) -> Vocabulary:
    return build_open_vocabulary(corpus.splits["train"], corpus.lexicon, 120)


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
    assert vocabulary.unknown not in numbers
    assert vocabulary.joined(vocabulary.words[number] for number in numbers.tolist()) == text
    assert np.array_equal(vocabulary.translated(corpus.splits[split], corpus.lexicon), numbers)
    assert len(numbers) > len(text)


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
    found = build_open_vocabulary(np.array([lexicon.index(word) for word in training], np.int32), lexicon, 60)
    numbers = found.encode(text)
    assert (numbers == found.unknown).sum() == text.count(tokens.UNKNOWN)
    assert found.joined(found.words[number] for number in numbers.tolist()) == text


def test_names_are_kept_whole_or_spelled(vocabulary: Vocabulary) -> None:
    assert vocabulary.spells
    assert not vocabulary.exact
    assert "ZERUBBABEL" not in vocabulary
    assert "ZERUBBABEL" in vocabulary.spelled_names
    assert {"ANNA", "Mira", "ZERUBBABEL"} <= set(vocabulary.names)
    assert vocabulary.id_of(vocabulary.pieces("ZERUBBABEL")[0]) in vocabulary.name_starts


def test_a_model_of_words_spells_nothing() -> None:
    closed = Vocabulary(("<unk>", "<eos>", "the", *BYTES))
    assert not closed.spells
    assert closed.pieces("lamp") == ("lamp",)
    assert closed.joined(["the", "##a"]) == ["the", "##a"]


def test_the_validation_perplexity_is_that_of_the_stored_model(model: TrainedModel, corpus: TokenStream) -> None:
    vocabulary = model.vocabulary
    ids = vocabulary.translated(corpus.splits["valid"], corpus.lexicon, corpus.starts["valid"])
    losses = negative_log_likelihoods(Network(model.weights), ids, vocabulary.first)
    assert np.exp(losses.mean()) == pytest.approx(model.metrics.perplexity.valid, rel=1e-6)


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
    assert found["oov"] == 0
    assert found["tokens"] == len(numbers)
    assert found["nats_per_character"] == pytest.approx(losses.sum() / len(detokenize(text)), rel=1e-6)
    assert nats_per_character(float(losses.sum()), text, vocabulary) == pytest.approx(found["nats_per_character"])
    for place in (0, 40):
        mass = 0.0
        for other in range(len(vocabulary)):
            continued = np.concatenate([numbers[:place], np.array([other], np.int32)])
            mass += np.exp(-negative_log_likelihoods(network, continued, vocabulary.first)[-1])
        assert mass == pytest.approx(1, abs=1e-4)


def test_metrics_and_summary_of_a_model_know_whole_words(model: TrainedModel) -> None:
    assert model.metrics.test is not None
    assert model.metrics.test.oov == 0
    assert "unknown" not in model.metrics.test.by_class
    assert 0 < (model.metrics.test.nats_per_character or 0) < 4
    assert model.metrics.validation is not None
    summary = model.origin.corpus.summary
    assert ("ZERUBBABEL", 1) in summary.frequent_speakers
    assert summary.speakers == len(model.vocabulary.names)
    assert not any(continues(word) for word, _ in summary.frequent_words)


def test_sub_words_of_a_name_are_in_the_class_of_names(vocabulary: Vocabulary) -> None:
    numbers = vocabulary.encode([tokens.OPEN_NAME, "ZERUBBABEL", tokens.CLOSE_NAME, "zigzags", ","])
    name, word = len(vocabulary.pieces("ZERUBBABEL")), len(vocabulary.pieces("zigzags"))
    classes = [CLASSES[number] for number in token_classes(vocabulary, numbers).tolist()]
    assert classes == ["marker", *["name"] * name, "marker", *["word"] * word, "punctuation"]


def test_a_name_that_occurs_once_speaks_first_and_unknown_words_stay_in_the_prompt(model_folder: Path) -> None:
    command = ["generate", model_folder, "--words", "40"]
    done = run_trainer([*command, "--speaker", "zerubbabel", "--prompt", "The zyzzyvas' «Zürich» waits"])
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith('[ ZERUBBABEL ]: The zyzzyvas\' "Zürich" waits')
    assert len(done.stdout.split()) <= 40
    new = run_trainer([*command, "--speaker", "Xanthippe", "--prompt", "Anna zigzags"])
    assert new.stderr == ""
    assert new.stdout.startswith("[ Xanthippe ]: Anna zigzags")
    known = run_trainer([*command, "--prompt", "Zerubbabel: 中文"])
    assert known.stdout.startswith("[ ZERUBBABEL ]: 中文")


def test_a_name_without_letters_is_no_speaker(model_folder: Path) -> None:
    done = run_trainer(["generate", model_folder, "--speaker", "?!"])
    assert done.returncode == 2
    assert "unknown speaker" in done.stderr


def test_a_name_that_is_spelled_is_generated(model: TrainedModel) -> None:
    """The network is led to the name's sub-words by their bias alone."""
    pieces = [model.vocabulary.id_of(piece) for piece in model.vocabulary.pieces("ZERUBBABEL")]
    assert len(pieces) > 1
    weights = {**model.weights, "output/bias": model.weights["output/bias"].copy()}
    weights["output/bias"][pieces[0]] += 50
    script = (
        Writer(Network(weights), model.vocabulary).write(40, Sampling(0.0), (1,), Opening("", "The lamp waits")).tokens
    )
    name = script[script.index(tokens.OPEN_NAME) + 1]
    assert name.startswith(model.vocabulary.words[pieces[0]])


def test_a_sub_word_continues_an_open_word_only(vocabulary: Vocabulary) -> None:
    grammar = Grammar(frozenset(map(kind_of_piece, vocabulary.words)) | {Kind.NAME})
    at = grammar.start
    for kind, follows in (
        (Kind.OPEN_NAME, False),
        (Kind.NAME, True),
        (Kind.CONTINUATION, True),
        (Kind.CLOSE_NAME, False),
        (Kind.WORD, True),
        (Kind.CONTINUATION, True),
        (Kind.COMMA, False),
        (Kind.WORD, True),
        (Kind.ENDER, False),
    ):
        assert kind in grammar.allowed(at)
        at = grammar.advance(at, kind)
        assert (Kind.CONTINUATION in grammar.allowed(at)) is follows, kind
    assert at.place is Place.SPEECH


def test_what_could_be_half_a_character_or_a_marker_is_not_written() -> None:
    for piece in ("<0x41>", "##<0x41>", "<", "##<", "##a>", "##\x1b", "##(", "<unk>", "."):
        assert kind_of_piece(piece) is Kind.UNWRITTEN, piece
    assert {kind_of_piece(piece) for piece in ("##a", "##_", "##'s", "##.")} == {Kind.CONTINUATION}


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


def test_scripts_written_together_are_those_written_alone(vocabulary: Vocabulary) -> None:
    seeds = [(7, sample) for sample in range(3)]
    writer = Writer(Network(weights_of(vocabulary, 2, 0.3)), vocabulary)
    assert writer.write_together(30, Sampling(), seeds, Opening()) == [
        writer.write(30, Sampling(), seed, Opening()) for seed in seeds
    ]


def test_the_judge_reads_whole_words(model_folder: Path, folder: Path) -> None:
    done = run_trainer(["judge", model_folder, "--data", folder, "--json", "--samples", "2"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert 0 < figures["words_per_speech"] < 100
    assert figures["known_words"] > 0.1


def test_training_starts_from_a_model_that_spells(model_folder: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "play.md").write_text(play(60, 5) + RARE.replace("ZERUBBABEL", "QUIRINUS") * 3, "utf-8")
    assert train(tmp_path, tmp_path / "model", "--from", str(model_folder)) == 0
    base, warm = load_model(model_folder), load_model(tmp_path / "model")
    assert warm.vocabulary.words == base.vocabulary.words
    assert {"ZERUBBABEL", "QUIRINUS"} <= set(warm.vocabulary.names)
    unread = base.vocabulary.id_of("##zag") if "##zag" in base.vocabulary else base.vocabulary.id_of("zigzagging")
    assert base.weights["embedding"][unread].any() == warm.weights["embedding"][unread].any()
    refused = run_trainer(
        ["train", "--data", tmp_path, "--out", tmp_path / "other", "--from", model_folder, "--set", "subwords=false"]
    )
    assert refused.returncode == 2
    assert "use --set subwords=true" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_a_model_of_words_learns_to_spell(model: TrainedModel, folder: Path, tmp_path: Path) -> None:
    words = [setting for setting in SMALL if setting != "subwords=true"]
    assert train(folder, tmp_path / "base", "--preset", "demo", "--epochs", "1", "--set", *words) == 0
    assert train(folder, tmp_path / "warm", "--from", str(tmp_path / "base"), "--set", "subwords=true") == 0
    base, warm = load_model(tmp_path / "base"), load_model(tmp_path / "warm")
    assert not base.vocabulary.spells
    assert not described(tmp_path / "base")["spelled_names"]
    assert warm.vocabulary.spells
    assert warm.vocabulary.words[: len(base.vocabulary)] == base.vocabulary.words
    assert warm.metrics.test is not None
    assert warm.metrics.test.oov == 0


def test_a_base_without_speakers_learns_the_markers_of_speeches(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("the lamp waits for nobody <eos> " * 60)
    (tmp_path / "play.md").write_text(play(40), "utf-8")
    small = ["--preset", "demo", "--epochs", "1", "--set", *SMALL]
    assert train(tmp_path / "plain.txt", tmp_path / "base", "--layout", "plain", *small) == 0
    assert train(tmp_path / "play.md", tmp_path / "warm", "--from", str(tmp_path / "base")) == 0
    warm = load_model(tmp_path / "warm").vocabulary
    assert {tokens.OPEN_NAME, tokens.CLOSE_NAME} <= set(warm.words)
    assert "ANNA" in warm.names


def test_a_forged_name_is_refused(model_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(model_folder, tmp_path / "model")
    for forged in ([""], [3], "ANNA"):
        rewrite_json(tmp_path / "model", lambda value, forged=forged: value.update(spelled_names=forged))
        with pytest.raises(BadInputError, match="spelled_names"):
            load_model(tmp_path / "model")


def test_a_word_that_looks_like_a_piece_is_spelled() -> None:
    lexicon = ["##ing", "walking", "king", "<0x41>"]
    found = build_open_vocabulary(np.array([0, 1, 1, 2, 2, 3], np.int32), lexicon, 200)
    assert found.pieces("##ing")[0] == "#"
    assert list(words_of(found.pieces("##ing"))) == ["##ing"]
