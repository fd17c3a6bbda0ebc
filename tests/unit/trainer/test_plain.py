"""The layout `plain`: tokens that give back any file byte for byte, and the models, scores and scripts of such text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import weights_of
from running import run_trainer
from samples import play
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.layouts import LAYOUTS, PLAIN
from scriptmodel_trainer.corpus.plain import ERRORS, MARKERS, plain_text, plain_tokens
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_whole
from scriptmodel_trainer.corpus.tokens import EOS
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.subwords import LETTERS, continues, learn_pieces, pieces_of, words_of
from scriptmodel_trainer.model.vocabulary import Vocabulary, build_vocabulary
from scriptmodel_trainer.reporting.report import render_report

SCRIPT = """First Citizen:
Before we proceed any further, hear me speak.

KING RICHARD II:
'Tis he--the king's own o'er-heard word; I'll to't!  "What?" (He laughs.) McDuff isn't X3.

ALL:
Speak, speak.
"""


def tokens_of(text: str) -> list[str]:
    return list(plain_tokens(text))


def vocabulary_of(text: str, size: int = 60) -> Vocabulary:
    tokens = tokens_of(text)
    lexicon = list(dict.fromkeys(tokens))
    numbers = {token: number for number, token in enumerate(lexicon)}
    return build_vocabulary(np.array([numbers[token] for token in tokens], np.int32), lexicon, size)


VOCABULARY = vocabulary_of(SCRIPT)

PIECES = [
    "'s",
    "'Tis",
    "'em",
    "--",
    "\n\n",
    "O'Neil",
    "McX",
    "I",
    "o",
    "  ",
    "ſt",
    "İi",
    "ǅ",
    "ß",
    "中文",
    "é",
    "<eos>",
    "##a",
]
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4), st.sampled_from(list("aZ .,'-\n\r\t1_")))).map(
    "".join
)


def test_what_is_usual_costs_no_token() -> None:
    assert tokens_of("ALL:\nThe lamp, I said. It's o'er!\n\n") == [
        *(plain.UPPER, "all", ":", plain.NEWLINE, "the", "lamp", ",", "i", "said", ".", "it", "'s", "o'er", "!"),
        plain.PARAGRAPH,
    ]
    assert tokens_of("the lamp ,it  was Anna") == [
        *(plain.LOWER, "the", "lamp", plain.SPACE, ",", plain.JOIN, "it", plain.SPACE, "was", plain.CAPITAL, "anna")
    ]
    assert tokens_of("a\tb\udcff") == [plain.LOWER, "a", "<0x09>", "b", "<0xFF>"]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(), TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_come_back_from_tokens_that_are_canonical(content: bytes) -> None:
    text = content.decode("utf-8", ERRORS)
    tokens = tokens_of(text)
    assert plain_text(tokens).encode("utf-8", ERRORS) == content
    assert tokens_of(plain_text(tokens)) == tokens
    assert not any(character.isspace() or character < " " for token in tokens for character in token)


@given(st.lists(st.sampled_from(VOCABULARY.words)))
def test_any_tokens_have_a_text(tokens: list[str]) -> None:
    plain_text(words_of(tokens)).encode("utf-8", ERRORS)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b" a ", b"a  \n \n\n\nB", b"x\r\ny\r\n", b"\xef\xbb\xbfA", b"\xff\xfe\x00", b"a" * 70_000]
)
def test_a_file_comes_back_byte_for_byte(content: bytes, tmp_path: Path) -> None:
    files = {"a.txt": content + b"word ", "b.txt": SCRIPT.encode() + content, "c.txt": ("ä, b\n" * 14_000).encode()}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        sources = find_sources([tmp_path / name], lambda _: None) if b"\0" not in data else []
        for source in sources:
            layout = LAYOUTS[PLAIN]
            tokens = [token for event in layout.parse(layout.read(source), []) for token in event.text.split()]
            assert plain_text(tokens).encode("utf-8", ERRORS) == data


def test_long_lines_are_cut_without_a_loss(tmp_path: Path) -> None:
    data = ("word " * 250_000 + "x" * 1_200_000 + "  .").encode()
    (tmp_path / "a.txt").write_bytes(data)
    whole = read_whole(find_sources([tmp_path], lambda _: None), LAYOUTS[PLAIN])
    assert plain_text(whole.lexicon[number] for number in whole.ids.tolist()).encode() == data


def test_frequent_pairs_become_pieces_and_the_same_words_give_the_same_pieces() -> None:
    counts = {"walking": 9, "talking": 9, "king": 5, "lamp": 1}
    assert learn_pieces(counts, 40) == learn_pieces(dict(reversed(counts.items())), 40)
    assert {"king", "##alking", "walking"} <= set(learn_pieces(counts, 40))
    assert len(learn_pieces(counts, 12)) == 12


def test_a_word_is_written_with_the_longest_pieces_and_bytes_where_none_fits() -> None:
    known = {"wal", "walk", "##ing", "##i", "##n"}
    assert list(pieces_of("walking", known)) == ["walk", "##ing"]
    assert list(pieces_of("é", known)) == ["<0xC3>", "##<0xA9>"]
    assert list(pieces_of("waliж", known)) == ["wal", "##i", "##<0xD0>", "##<0xB6>"]
    assert list(words_of(["walk", "##ing", "<0xC3>", "##<0xA9>", "<0xFF>", "<0x0A>", "#"])) == [
        "walking",
        "é",
        "<0xFF>",
        "<0x0A>",
        "#",
    ]


@pytest.mark.parametrize("text", ["the lamp", "The  lamp", "THE lamp\n"])
def test_a_single_line_is_plain_text_too(text: str) -> None:
    assert vocabulary_of(text).plain


def test_sub_words_come_from_the_training_text_and_all_letters_and_bytes_are_in() -> None:
    assert {*LETTERS, *plain.MARKERS} <= set(VOCABULARY.words)
    assert VOCABULARY.plain
    learned = set(VOCABULARY.words) - {*LETTERS, *plain.MARKERS}
    assert all(word.removeprefix("##").lower() in SCRIPT.lower() for word in learned if word.lstrip("#").isalpha())
    assert any(continues(word) for word in learned)


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
