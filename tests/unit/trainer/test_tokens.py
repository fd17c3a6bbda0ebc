"""Running text to words, and events to the token stream."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import ENDERS, MARKERS, PAIRS, event_tokens, name_token
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.generation.detokenizing import detokenize


def speech(text: str, speaker: str = "ANNA") -> str:
    return " ".join(event_tokens(Event(EventKind.SPEECH, text, speaker)))


def exposition(text: str) -> str:
    return " ".join(event_tokens(Event(EventKind.EXPOSITION, text)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("What d'you expect? They're savages.", "What d’ you expect <question> They 're savages <eos>"),
        ("Wait . . . no!", "Wait <ellipsis> no <exclamation>"),
        ("What?! Never!!", "What <question> Never <exclamation>"),
        ("Well… yes.", "Well <ellipsis> yes <eos>"),
        ("one,--two; three: four--", "one , -- two ; three : four -- <eos>"),
        ("one—two", "one -- two <eos>"),
        ("no full stop", "no full stop <eos>"),
        ("He (the king) sleeps.", "He <open-brack> the king <close-brack> sleeps <eos>"),
        ("Thank you. [Exit]", "Thank you <eos> <open-brack> Exit <close-brack>"),
        ('He said "go." Twice.', "He said <boquote> go <eos> <eoquote> Twice <eos>"),
        ("He said “go”.", "He said <boquote> go <eoquote> <eos>"),
        ("say 'paragon:' a paramour is naught", "say <boquote> paragon : <eoquote> a paramour is naught <eos>"),
        ("'Tis o' the lovers' fault", "'Tis o' the lovers' fault <eos>"),
        ("’Tis Anna’s", "'Tis Anna 's <eos>"),
        ("Mr. Smith paid 1,000 to the U.S.A. men", "Mr. Smith paid 1,000 to the U.S.A. men <eos>"),
        ("To MRS. GULL. THE FIRST. Bell", "To MRS. GULL <eos> THE FIRST <eos> Bell <eos>"),
        ("a half-told tale", "a half-told tale <eos>"),
        ("open [bracket. No end", "open <open-brack> bracket <eos> No end <close-brack> <eos>"),
        ("stray) closer] here", "stray closer here <eos>"),
        ("[outer (inner) outer] word", "<open-brack> outer inner <close-brack> outer word <eos>"),
        ('she [reads "a', "she <open-brack> reads <boquote> a <eoquote> <close-brack> <eos>"),
        ("empty () brackets", "empty brackets <eos>"),
        ("naïve café", "naïve café <eos>"),
    ],
)
def test_speech(text: str, tokens: str) -> None:
    assert speech(text) == f"<boname> ANNA <eoname> {tokens}"


def test_exposition_ends_inside_its_braces() -> None:
    assert exposition("Enter ANNA") == "<open-exp> Enter ANNA <eos> <close-exp>"
    assert exposition("A pause.") == "<open-exp> A pause <eos> <close-exp>"


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("MRS. HUSHABYE", "MRS_HUSHABYE"),
        ("PRINCE HENRY & POINS", "PRINCE_HENRY_POINS"),
        ("  The Clerk. ", "The_Clerk"),
        ("D'ARTAGNAN", "DARTAGNAN"),
        ("OLD_BEN", "OLD_BEN"),
        ("...", ""),
    ],
)
def test_names_lose_their_punctuation_and_join_with_underscores(name: str, token: str) -> None:
    assert name_token(name) == token


@pytest.mark.parametrize("text", ["", "   ", "...", "[ ]", "?!", "--"])
def test_an_event_without_words_gives_nothing(text: str) -> None:
    assert not speech(text)
    assert not exposition(text)


TEXT = st.text(alphabet="abÄ ,.;:!?…()[]“”\"'’-—&\n1", max_size=80) | st.text(max_size=80)


@given(TEXT)
@example("1?'?")
def test_any_text_gives_a_balanced_stream_with_each_sentence_ended_once(text: str) -> None:
    tokens = speech(text).split()
    stack = []
    for token in tokens:
        if token in PAIRS:
            stack.append(PAIRS[token])
        elif token in PAIRS.values():
            assert stack.pop() == token
    assert not stack
    pairs = itertools.pairwise(tokens)
    assert not any(first in ENDERS and second in ENDERS for first, second in pairs)


@given(TEXT)
def test_no_letter_is_lost(text: str) -> None:
    letters = [character for character in text if character.isascii() and character.isalnum()]
    kept = [c for token in split_words(text) if token not in MARKERS for c in token if c.isascii() and c.isalnum()]
    assert kept == letters


@given(TEXT)
def test_tokens_hold_no_space(text: str) -> None:
    assert all(token and len(token.split()) == 1 for token in split_words(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("for the 'orrors", ["for", "the", "’orrors"]),
        ("for the ’orrors", ["for", "the", "’orrors"]),
        ("’Ullo, ’Enry", ["’Ullo", ",", "’Enry"]),
        ("'tis ours, they're late", ["'tis", "ours", ",", "they", "'re", "late"]),
        ("L'homme qu’il a, jusqu'à l’été", ["L’", "homme", "qu’", "il", "a", ",", "jusqu’", "à", "l’", "été"]),
        ("d'you know t'other", ["d’", "you", "know", "t’", "other"]),
        ("l'amore dell'altra", ["l’", "amore", "dell’", "altra"]),
        ("o'clock, ma'am, don't", ["o", "'clock", ",", "ma", "'am", ",", "don", "'t"]),
    ],
)
def test_a_shortened_word_stands_apart_or_together_as_it_was(text: str, words: list[str]) -> None:
    assert split_words(text) == words
    assert detokenize(["<boname>", "ANNA", "<eoname>", *words]) == f"[ ANNA ]: {text.replace('’', chr(39))}\n"
