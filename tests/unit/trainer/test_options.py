"""Options are read from their lines in the help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from running import run_trainer

from scriptmodel_trainer.cli.commands import COMMANDS
from scriptmodel_trainer.cli.options import LINE, add_options


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_line_of_a_command_is_an_option(command: Any) -> None:
    assert not LINE.sub("", command.options).strip()


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("--words N  length limit [default: 500]", [], 500),
        ("--words N  length limit [default: 600; 20 with --next]", [], None),
        ("--title TEXT  title [default: A new script]", [], ""),
        ("--log text|json  format [default: text]", ["--log", "json"], "json"),
        ("--data PATH...  scripts", ["--data", "a", "b", "--data", "c"], [Path("a"), Path("b"), Path("c")]),
        ("given [FILE|URL]  packed base", [], None),
        ("folders DIR DIR  two folders", ["a", "b"], [Path("a"), Path("b")]),
        ("--explain  labels", ["--explain"], True),
    ],
)
def test_the_metavar_and_the_default_say_what_a_value_is(line: str, words: list[str], expected: object) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, line, ())
    (value,) = vars(parser.parse_args(words)).values()
    assert value == expected


def test_an_option_is_spelled_out() -> None:
    """A log in JSON is known before the words are parsed, by the whole name of its option."""
    done = run_trainer(["generate", "model", "--lo", "json"])
    assert (done.returncode, "unrecognized arguments: --lo json" in done.stderr) == (2, True)
