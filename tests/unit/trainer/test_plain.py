"""The layout `plain`: tokens and sub-words that give back any file byte for byte, charged in full."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_scripts import SCRIPT, VOCABULARY, tokens_of, vocabulary_of

from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.layouts import LAYOUTS, PLAIN
from scriptmodel_trainer.corpus.plain import ERRORS, plain_text
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_whole
from scriptmodel_trainer.model.subwords import LETTERS, continues, learn_pieces, pieces_of, words_of

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
