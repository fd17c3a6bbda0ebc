"""Every script is well formed, with any weights."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import PLAIN, SCRIPT, WORDS, faults, network, spelling, weights_of

from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.corpus.tokens import OPEN_EXPOSITION, OPEN_NAME
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.detokenizing import count_pieces, detokenize
from scriptmodel_trainer.generation.grammar import Grammar, Kind, cost, kind_of
from scriptmodel_trainer.generation.log_lines import sample_line
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling, choose
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.vocabulary import Vocabulary
from tests.seed import run_seed


@pytest.fixture(scope="module")
def scripts() -> dict[int, tuple[int, Sequence[str]]]:
    """Scripts of random networks: the length limit in words and the tokens, by seed."""
    written = {}
    first = run_seed()
    for number in range(first, first + 200):
        words = 4 + number % 90
        sampling = Sampling((0.0, 0.5, 1.0, 3.0)[number % 4], top_p=(1.0, 0.9)[number % 2])
        writer = Writer(network(SCRIPT, number), SCRIPT)
        written[number] = words, writer.write(words, sampling, (number,), Opening()).tokens
    return written


def test_scripts_of_random_networks_are_all_well_formed(scripts: dict[int, tuple[int, Sequence[str]]]) -> None:
    for number, (words, script) in scripts.items():
        assert not faults(detokenize(script), words), number


@pytest.mark.parametrize("seed", range(20))
def test_a_corpus_without_speakers_gives_sentences(seed: int) -> None:
    text = detokenize(Writer(network(PLAIN, seed), PLAIN).write(25, Sampling(), (seed,), Opening()).tokens)
    assert re.fullmatch(r"[^<>]+\.\n", text)
    assert count_pieces(text) <= 25


@pytest.mark.parametrize("seed", range(50))
def test_words_of_plain_text_add_no_brackets_and_no_second_full_stop(seed: int) -> None:
    words = ("the", "(lamp", "waits.", "]:", "{{", ".", "?", '"', "[Enter", "“so", "“", "Mr.]", "%", "<eos>", "<unk>")
    vocabulary = spelling(words)
    text = detokenize(Writer(network(vocabulary, seed), vocabulary).write(25, Sampling(), (seed,), Opening()).tokens)
    assert set(text.split()) <= {
        word + end for word in ("the", "lamp", "waits", "waits.", "Enter", "so", "Mr", "Mr.", "%") for end in ("", ".")
    } - {"waits..", "Mr.."}
    assert text.endswith(".\n")


@pytest.mark.parametrize(
    ("prompt", "speaker"),
    [("the lamp (waits", ""), ("", "BEN"), ('"the lamp,', "anna"), ("] the ..", "BEN"), ("'s", "")],
)
def test_an_opening_of_any_form_still_gives_a_whole_script(prompt: str, speaker: str) -> None:
    for seed in range(50):
        script = Writer(network(SCRIPT, seed), SCRIPT).write(40, Sampling(), (seed,), Opening(speaker, prompt)).tokens
        assert not faults(detokenize(script), 40)
        assert not speaker or detokenize(script).startswith(f"[ {speaker.upper()} ]:")


@pytest.mark.parametrize("prompt", ['"the lamp" waits', "“the lamp” waits", "«the lamp» waits"])
def test_quotation_marks_of_any_kind_in_a_prompt_open_and_close(prompt: str) -> None:
    for seed in range(20):
        script = Writer(network(SCRIPT, seed), SCRIPT).write(30, Sampling(), (1,), Opening("BEN", prompt)).tokens
        assert detokenize(script).startswith('[ BEN ]: "the lamp" waits')
        assert not faults(detokenize(script), 30)


def test_a_speaker_is_known_in_large_and_small_letters() -> None:
    vocabulary = spelling((*WORDS, "LeBeau", "ben"), "ANNA", "BEN", "LeBeau", "ben")
    for given_name, name in (
        ("lebeau.", "LeBeau"),
        ("LEBEAU", "LeBeau"),
        ("ben", "ben"),
        ("BEN", "BEN"),
        ("Ben", "BEN"),
    ):
        script = Writer(network(vocabulary, 1), vocabulary).write(30, Sampling(), (1,), Opening(given_name, "")).tokens
        assert detokenize(script).startswith(f"[ {name} ]:")


@pytest.mark.parametrize(
    ("speaker", "prompt", "begins"),
    [
        ("", "BEN: the lamp", "[ BEN ]: the lamp"),
        ("", "anna:the lamp", "[ ANNA ]: the lamp"),
        ("BEN", "Ben: the lamp", "[ BEN ]: the lamp"),
        ("Ben", "BEN: the lamp", "[ BEN ]: the lamp"),
        ("ANNA", "BEN: the lamp", "[ ANNA ]: BEN: the lamp"),
    ],
)
def test_a_name_and_a_colon_before_the_prompt_set_the_speaker(speaker: str, prompt: str, begins: str) -> None:
    writer = Writer(network(SCRIPT, 1), SCRIPT)
    assert detokenize(writer.write(30, Sampling(), (1,), Opening(speaker, prompt)).tokens).startswith(begins)


def test_unknown_names_of_an_opening_are_named_once() -> None:
    opening = Opening("", "the zeppelin", cast=("Zoe", "ANNA", "Zoe", "BENN"))
    assert Writer(network(SCRIPT, 1), SCRIPT).unknown(opening) == ["Zoe", "BENN (did you mean BEN?)"]


def test_one_aside_at_most_is_before_the_first_word_of_a_speech() -> None:
    texts = []
    for seed in range(40):
        writer = Writer(network(SCRIPT, seed), SCRIPT)
        texts.append(writer.text(writer.write(80, Sampling(1.5, takes=1), (seed,), Opening()).tokens))
    assert any("]: [" in text for text in texts)
    assert not [text for text in texts if re.search(r"\]: \[[^\]]*\] \[", text)]


def test_a_word_that_only_begins_a_sentence_of_the_prompt_is_known_and_stays() -> None:
    writer, opening = Writer(network(SCRIPT, 1), SCRIPT), Opening("", "Waits the lamp.")
    script, small = (
        writer.write(30, Sampling(), (1,), replace(opening, speaker="ANNA", prompt=prompt)).tokens
        for prompt in ("Waits the lamp.", "waits the lamp.")
    )
    assert script[3:] == ["Waits", *small[4:]]


@pytest.mark.parametrize("vocabulary", [SCRIPT, PLAIN, spelling(("the", "w" * 200, "<eos>"))])
def test_a_sample_line_is_short_well_formed_and_repeats_itself(vocabulary: Vocabulary) -> None:
    state = np.random.get_state()[1].tolist()  # the generator that all share
    for seed in range(30):
        weights = weights_of(vocabulary, seed)
        line = sample_line(vocabulary, 3, Sampling(), cutoff=0)(weights)
        assert len(line) <= 120
        assert line == sample_line(vocabulary, 3, Sampling(), cutoff=0)(weights)
        if vocabulary is SCRIPT:
            found = faults(line + "\n", 20)  # the line may be one within a script, which ends with a bracket
            assert not [fault for fault in found if "no sentence end" not in fault]
    assert np.random.get_state()[1].tolist() == state


def test_an_unknown_speaker_is_answered_with_known_ones() -> None:
    with pytest.raises(BadInputError) as caught:
        Writer(network(SCRIPT, 1), SCRIPT).write(30, Sampling(), (1,), Opening("ZOE", ""))
    assert caught.value.line() == 'unknown speaker "ZOE"; the model knows ANNA, BEN'
    with pytest.raises(BadInputError) as caught:
        Writer(network(SCRIPT, 1), SCRIPT).write(30, Sampling(), (1,), Opening("Anne", ""))
    assert caught.value.message == 'unknown speaker "Anne" (did you mean ANNA?)'


@pytest.mark.parametrize(
    ("scene", "turns"),
    [
        ("ANNA. The lamp.", True),
        ("ANNA. The “lamp.”", True),
        ("ANNA. (Waits.) The lamp waits!", True),
        ("ANNA. The lamp", False),
        ("ANNA. The lamp. (waits)", False),
    ],
)
def test_a_speech_that_ends_with_a_sentence_is_ended(scene: str, turns: bool) -> None:
    begun = set()
    for seed in range(20):
        writer = Writer(network(SCRIPT, seed), SCRIPT)
        written = writer.write(30, Sampling(takes=1 + seed % 2), (seed,), Opening(text=scene))
        begun.add(written.tokens[written.given])
    assert (begun <= {OPEN_NAME, OPEN_EXPOSITION}) is turns


def test_the_seed_repeats_a_script_and_another_changes_it() -> None:
    writer = Writer(network(SCRIPT, 1), SCRIPT)
    first, again, other = (writer.write(60, Sampling(1.5), (seed,), Opening()).tokens for seed in (1, 1, 2))
    assert first == again
    assert first != other


OF_SCRIPTS = frozenset(Kind) - {Kind.MARK, Kind.LINE_END, Kind.GAP, Kind.CASE}
OF_PLAIN_TEXT = frozenset((Kind.WORD, Kind.COMMA, Kind.MARK, Kind.LINE_END, Kind.GAP, Kind.CASE))


@pytest.mark.parametrize("kinds", [OF_SCRIPTS, OF_PLAIN_TEXT], ids=["scripts", "plain text"])
@settings(max_examples=300)
@given(st.lists(st.integers(0, 10_000), max_size=60))
def test_every_state_of_the_grammar_can_reach_the_end(kinds: frozenset[Kind], choices: list[int]) -> None:
    grammar = Grammar(kinds)
    at = grammar.start
    for choice in choices:
        allowed = sorted(grammar.allowed(at))
        assert allowed
        at = grammar.advance(at, allowed[choice % len(allowed)])
    pieces, steps = grammar.to_end(at)
    assert 0 <= pieces <= 6
    assert (steps == 0) == at.final


def test_counted_words_are_never_less_than_those_on_the_page(scripts: dict[int, tuple[int, Sequence[str]]]) -> None:
    grammar = Grammar(OF_SCRIPTS)
    for number, (words, script) in scripts.items():
        at, used, name = grammar.start, 0, False
        for token in script:
            kind = Kind.NAME if name else kind_of(token)
            used, at, name = used + cost(at, kind), grammar.advance(at, kind), token == tokens.OPEN_NAME
        assert count_pieces(detokenize(script)) <= used <= words, number


def test_rendering() -> None:
    script = (
        "<open-exp> Enter ANNA <eos> <close-exp> <boname> OLD_BEN <eoname> I do n't know , Anna 's gone <ellipsis> "
        "<boquote> Go <exclamation> <eoquote> <open-brack> aside <close-brack> 'Tis late -- too late <question> "
        "<boname> ANNA <eoname> And so -- <eos>"
    )
    assert detokenize(script.split()) == (
        "{{ Enter ANNA. }}\n"
        "[ OLD BEN ]: I don't know, Anna's gone... \"Go!\" [aside] 'Tis late--too late?\n"
        "[ ANNA ]: And so--\n"
    )


LOGITS = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=40)


@given(LOGITS, st.floats(0, 3), st.floats(0.01, 1), st.integers(0, 1000))
def test_a_forbidden_token_is_never_chosen(values: list[float], temperature: float, top_p: float, seed: int) -> None:
    logits = np.array([*values, -np.inf], np.float32)
    chosen = choose(logits, Sampling(temperature, top_p), np.random.default_rng(seed))
    assert np.isfinite(logits[chosen])
    if temperature == 0:
        assert logits[chosen] == logits.max()


@pytest.mark.parametrize(
    ("shares", "top_p", "drawn"),
    [
        ([0.7, 0.2, 0.1], 1, [0.7, 0.2, 0.1]),
        ([0.5, 0, 0.5], 1, [0.5, 0, 0.5]),
        ([0.6, 0.3, 0.1], 0.5, [1, 0, 0]),
        ([0.1, 0.3, 0.1, 0.5], 0.7, [0, 0.375, 0, 0.625]),
        ([0.2, 0.7, 0.1], 5e-324, [0, 1, 0]),
    ],
)
def test_words_of_the_nucleus_are_drawn_by_their_probability(
    shares: list[float], top_p: float, drawn: list[float]
) -> None:
    random = np.random.default_rng(1)
    with np.errstate(divide="ignore"):
        logits = np.log(np.array(shares, np.float32))
    chosen = [choose(logits, Sampling(1.0, top_p), random) for _ in range(6000)]
    assert np.bincount(chosen, minlength=len(shares)) / 6000 == pytest.approx(drawn, abs=0.02)


@pytest.mark.parametrize("arguments", [(-1, 1.0), (float("nan"), 1.0), (1, 0.0), (1, 1.5)])
def test_sampling_that_cannot_work_is_refused(arguments: tuple[float, float]) -> None:
    with pytest.raises(BadInputError):
        Sampling(*arguments)
