"""Tests of the ledger of the stage: what does not fit who is on, who has entered and what was said."""

import pytest

from scriptmodel_trainer.corpus.tokens import CLOSE_EXPOSITION, CLOSE_NAME, EOS, OPEN_EXPOSITION, OPEN_NAME
from scriptmodel_trainer.generation.stage import Stage

PEOPLE = {"anna": "ANNA", "ben": "BEN", "mira": "MIRA"}


def tokens(line: str) -> list[str]:
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
    assert stage.play(token for line in scene for token in tokens(line)) == faults


def test_a_direction_that_comes_again_is_found_at_the_end_of_its_sentence() -> None:
    stage = Stage(PEOPLE.values(), PEOPLE, set())
    stage.play(tokens("{ACT I .}"))
    assert stage.play(tokens("{ACT I .}")[:-1]) == 2


def test_a_sentence_may_come_again_after_a_while() -> None:
    stage = Stage(PEOPLE.values(), PEOPLE, set())
    stage.play(tokens("ANNA: It rains ."))
    assert stage.play(token for number in range(60) for token in tokens(f"BEN: Number {number} .")) == 0
    assert stage.play(tokens("ANNA: It rains .")) == 0


def test_a_copy_moves_on_by_itself() -> None:
    stage = Stage(PEOPLE.values(), PEOPLE, set())
    assert stage.copy().play(tokens("ANNA: It rains .")) == 0
    assert stage.play(tokens("ANNA: It rains .")) == 0
