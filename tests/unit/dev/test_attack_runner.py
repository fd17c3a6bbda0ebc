"""The runner of attack generators: what it repeats, where it stops and what it reports."""

import random

import pytest

from tests.attack.runner import FindingError, main


def test_a_case_depends_on_seed_and_number_alone(capsys: pytest.CaptureFixture[str]) -> None:
    drawn: dict[int, list[float]] = {}

    def attack(number: int, chance: random.Random) -> str:
        drawn.setdefault(number, []).append(chance.random())
        return "refused"

    assert main(attack, ["--seed", "7", "--cases", "5"]) == 0
    assert main(attack, ["--seed", "7", "--cases", "1", "--start", "3"]) == 0
    assert {number: len(set(values)) for number, values in drawn.items()} == dict.fromkeys(range(5), 1)
    assert len(drawn[3]) == 2
    assert "5  refused" in capsys.readouterr().out


def test_findings_are_reported_with_how_to_repeat_them(capsys: pytest.CaptureFixture[str]) -> None:
    def attack(number: int, chance: random.Random) -> str:
        if number == 2:
            raise FindingError("a file was lost")
        if number == 3:
            raise ValueError("a bug")
        return "read"

    assert main(attack, ["--seed", "7", "--cases", "4"]) == 1
    out, err = capsys.readouterr()
    assert "2  FINDING" in out
    assert "FINDING in case 2 (--seed 7 --start 2 --cases 1): a file was lost" in err
    assert "ValueError: a bug" in err
