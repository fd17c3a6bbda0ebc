"""Takes of a sentence, of which the best is kept, the ledger of the stage, and scripts that are written at once."""

import dataclasses
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from random_models import SCRIPT, WORDS, faults, network, spelling

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.corpus.tokens import CLOSE_EXPOSITION, CLOSE_NAME, EOS, OPEN_EXPOSITION, OPEN_NAME
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.grammar import Grammar, kind_of
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.page import Page
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.stage import Stage
from scriptmodel_trainer.generation.takes import Take, best_take, ranks_of
from scriptmodel_trainer.generation.writer import Writer, writer_of
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.trigrams import count
from scriptmodel_trainer.model.verse import Lines

SEEDS = [(5, 0), (5, 1), (5, 2)]
SPEECH = [tokens.OPEN_NAME, "ANNA", tokens.CLOSE_NAME]
END = tokens.EOS


def test_scripts_of_takes_are_well_formed_and_depend_on_their_seed_alone(model: Path) -> None:
    writers = [(writer_of(load_model(model)), 0.9), (Writer(network(SCRIPT, 1), SCRIPT), 3.0)]
    for writer, temperature in writers:
        sampling = Sampling(temperature, takes=4)
        scripts = [writer.write(60, sampling, seed, Opening("ANNA", "the lamp")) for seed in SEEDS]
        assert len({tuple(script.tokens) for script in scripts}) == len(SEEDS)
    assert not [fault for script in scripts for fault in faults(detokenize(script.tokens), 60)]


def test_the_first_sentence_answers_nothing_so_it_is_not_chosen(model: Path) -> None:
    writer = writer_of(load_model(model))
    for seed in SEEDS:
        few, many = (writer.write(60, Sampling(1.0, takes=takes), seed, Opening()).tokens for takes in (2, 9))
        end = next(place for place, token in enumerate(few) if token in tokens.ENDERS)
        assert few[: end + 1] == many[: end + 1]
        assert few != many


def test_a_first_sentence_that_does_not_fit_the_stage_is_not_kept() -> None:
    vocabulary, unfit = spelling(["Enter", "SCENE", "ANNA", "BEN", ",", *sorted(tokens.MARKERS)], "ANNA", "BEN"), [0, 0]
    for seed, (place, takes) in itertools.product(range(40), enumerate((1, 8))):
        writer = Writer(network(vocabulary, seed, 1.0), vocabulary)
        written = writer.write(12, Sampling(1.5, takes=takes), (seed,), Opening()).tokens
        end = next(place for place, token in enumerate(written) if token in tokens.ENDERS)
        unfit[place] += Stage(("ANNA", "BEN"), {"anna": "ANNA", "ben": "BEN"}, set()).play(written[: end + 1])
    assert unfit[0] > unfit[1] == 0


@pytest.mark.parametrize("takes", [0, 65])
def test_the_number_of_takes_has_limits(takes: int) -> None:
    with pytest.raises(BadInputError, match="--takes"):
        Sampling(takes=takes)


def kept(*written: tuple[list[str], float], stage: Stage | None = None) -> int:
    """Return the number of the take that is kept, given the words of each and the log probability of its tokens."""
    net = network(SCRIPT, 1)
    page = Page(SCRIPT, Grammar(frozenset(map(kind_of, WORDS))), 100, {}, Lines())
    first = Take(page, Reader(net), stage or Stage(("ANNA", "BEN"), {"anna": "ANNA", "ben": "BEN"}, set()))
    takes = []
    for words, likely in written:
        new = [WORDS.index(word) for word in words]
        takes.append(dataclasses.replace(first.copy(), new=new, likely=[likely] * len(new)))
    return takes.index(best_take(SCRIPT, takes, np.arange(len(SCRIPT))))


def test_the_likeliest_take_is_kept() -> None:
    written = [*SPEECH, "the", "lamp", "waits", END]
    assert kept((written, -3.0), (written, -1.0), (written, -2.0)) == 1


def test_a_rare_word_is_worth_some_likelihood() -> None:
    common, rare = ([*SPEECH, word, END] for word in ("the", WORDS[-1]))
    assert kept((common, -2.0), (rare, -2.1)) == 1
    assert kept((common, -2.0), (rare, -4.0)) == 0


def test_a_new_word_beside_those_of_a_base_is_as_rare_as_the_plays_have_it() -> None:
    net = network(SCRIPT, 1)
    assert ranks_of(net).tolist() == list(range(len(SCRIPT)))
    net.trigrams = count(np.array([2, 0, 2, 1, 2, 1], np.int32), len(SCRIPT), first=0)
    assert ranks_of(net)[:4].tolist() == [2, 1, 0, 3]


def test_a_take_with_a_fault_is_kept_only_without_another() -> None:
    oneself, other = ([*SPEECH, "lamp", ",", name, END] for name in ("ANNA", "BEN"))
    assert kept((oneself, -1.0), (other, -5.0)) == 1
    assert kept((oneself, -2.0), (oneself, -1.0)) == 1


def test_the_first_take_decides_whether_a_direction_follows() -> None:
    speech, direction = [*SPEECH, "lamp", END], [tokens.OPEN_EXPOSITION, "lamp", END]
    assert kept((speech, -5.0), (direction, -1.0)) == 0
    aside = [*SPEECH, tokens.OPEN_BRACKET, "lamp", tokens.CLOSE_BRACKET, END]
    assert kept((speech, -5.0), (aside, -1.0)) == 0
    assert kept((aside, -5.0), (speech, -1.0)) == 1


def test_a_take_of_the_length_of_the_first_one_is_preferred() -> None:
    long, short = [*SPEECH, *["the", "lamp", "waits"] * 4, END], [*SPEECH, "lamp", END]
    assert kept((long, -2.0), (short, -1.9), (long, -2.0)) == 0
    assert kept((short, -2.0), (long, -1.9)) == 0


def test_pairs_that_the_corpus_never_has_are_not_written() -> None:
    net = network(SCRIPT, 1)
    speech = [*SPEECH, "the", "lamp", "waits", END]
    text = [WORDS.index(word) for word in speech * 30]
    net.trigrams = count(np.array(text, np.int32), len(SCRIPT), SCRIPT.first)
    assert {WORDS[number] for number in net.trigrams.never_after(WORDS.index("the"))} == {*speech} - {"lamp"}
    assert not len(net.trigrams.never_after(WORDS.index("'tis"))), "it is too rare to know"
    written = {*itertools.pairwise(Writer(net, SCRIPT).write(400, Sampling(2.0), (1,), Opening()).tokens)}
    assert {pair for pair in written if pair[0] == "the"}.isdisjoint({("the", "waits"), ("the", END), ("the", "the")})


PEOPLE = {"anna": "ANNA", "ben": "BEN", "mira": "MIRA"}


def tokens_in(line: str) -> list[str]:
    """Return the tokens of `NAME: words`, or of `{words}`, a direction."""
    line = line.replace(" .", f" {EOS}").replace(" !", f" {EOS}")
    if line.startswith("{"):
        return [OPEN_EXPOSITION, *line.strip("{}").split(), CLOSE_EXPOSITION]
    name, words = line.split(": ")
    return [OPEN_NAME, name, CLOSE_NAME, *words.split()]


@pytest.mark.parametrize(
    ("scene", "faults"),
    [
        (["ANNA: Come , Anna !"], 1),
        (["ANNA: Come , Ben !"], 0),
        (["ANNA: Come , Mrs. Anna ."], 1),
        (["ANNA: This is Anna ."], 0),
        (["{Exit BEN .}", "BEN: I am here ."], 1),
        (["BEN: I go . <open-brack> goes out <close-brack>", "ANNA: He goes .", "BEN: I am here ."], 1),
        (["{Exit BEN .}", "{Enter BEN .}", "BEN: I am here ."], 0),
        (["{Exit BEN .}", "ANNA: Ben , come back ."], 1),
        (["{Exit BEN .}", "ANNA: I love Ben ."], 0),
        (["{Exeunt .}", "ANNA: I am here ."], 1),
        (["{Exeunt .}", "{SCENE II .}", "ANNA: I am here .", "BEN: It rains , Anna ."], 0),
        (["{Exeunt .}", "{Enter two lords .}", "ANNA: I am here ."], 0),
        (["{EXEUNT .}", "ANNA: I am here ."], 1),
        (["{Exeunt ANNA and BEN .}", "MIRA: I am here ."], 0),
        (["{Enter BEN .}", "ANNA: It rains .", "MIRA: It does ."], 1),
        (["{Enter BEN .}", "ANNA: It rains on Ben .", "MIRA: It does ."], 0),
        (["{Enter BEN .}", "BEN: It rains .", "MIRA: It does ."], 0),
        (["{Enter SCENE .}"], 1),
        (["{Enter 2 .}"], 1),
        (["{Enter MRS. ANNA .}", "ANNA: Good morning ."], 0),
        (["{Enter OLD BEN .}", "BEN: Good morning ."], 0),
        (["{ENTER A LADY .}"], 0),
        (["ANNA: It rains .", "BEN: It rains ."], 1),
        (["{He sits .}", "{He sits .}"], 1),
        (["{He sits}", "{He sits}"], 1),
        (["{ACT I .}", "{SCENE II .}"], 1),
        (["{ACT I .}", "{A room .}", "{SCENE II .}"], 0),
        (["{ACT I .}", "ANNA: It rains .", "{ACT II .}"], 0),
    ],
)
def test_what_does_not_fit_the_stage_is_counted(scene: list[str], faults: int) -> None:
    stage = Stage([*PEOPLE.values(), "OLD_BEN"], PEOPLE, {"mrs."})
    assert stage.play(token for line in scene for token in tokens_in(line)) == faults


@pytest.mark.parametrize("command", [["evaluate", "model", "--data", "missing"], ["generate", "model"]])
def test_products_of_one_script_use_one_thread(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    assert main(command) != 0
    assert os.environ.get("OPENBLAS_NUM_THREADS") == "1"
