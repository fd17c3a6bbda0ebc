"""The time of every pattern grows at most linearly with the text, for any text."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from patterns import METHODS, Pattern, modules, patterns, slow

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.stream import events_of

BUDGET = 300.0  # times what a simple expression takes a character
WINDOW = 2048  # characters
# Patterns that look only at so many characters, as the code around them sees to.
WINDOWS = {
    **{"_HEAD": 200, "_PAGE": 200, "_CLOSING": 120, "_FRONT": 70, "_FURNITURE": 200, "_MUSIC": 240},
    **{"_ALONE": 200, "_LAST_WORD": 30},
    "_SENTENCE": 16_384,  # a line of a script, which has no bound
}


@pytest.mark.parametrize(
    "pattern", patterns(), ids=lambda pattern: f"{pattern.module.rpartition('.')[2]}.{pattern.name}"
)
def test_no_pattern_takes_long_for_its_own_worst_cases(pattern: Pattern) -> None:
    assert not slow(pattern, WINDOWS.get(pattern.name, WINDOW), BUDGET)


def test_every_pattern_is_compiled_by_its_module() -> None:
    """Introspection finds no expression that is written where it is used."""
    inline = [
        f"{path.name}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
    ]
    assert not inline


HANGING = {
    "brackets": "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + "(" * 10_000 + "a" + ")" * 10_000,
    "brackets by turns": "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + "([" * 10_000 + "a" + "])" * 10_000,
    "spaces in a slugline": "INT. HOUSE\n\nANNA\nHi.\n\n" * 4 + "INT. A" + " " * 20_000 + "x",
    "a heading": "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + "SCENE II. " + "A" * 10_000 + " alone x",
    "a bold name": "**ANNA**\n\nHi.\n\n" * 8 + "**A" + " " * 80_000 + "B** hi",
    "who sings": "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + "  " + "A-" * 8000 + " goes:",
    "marks above a letter": "a" + "\u0316\u0300" * 100_000,
    "ornaments": "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + ("*" * 197 + "a\n\n") * 100,
}


@pytest.mark.parametrize("text", HANGING.values(), ids=HANGING.keys())
def test_texts_that_hung_are_read_in_any_layout(text: str, tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(text, "utf-8")
    code = (
        "import sys, pathlib; from scriptmodel_trainer.corpus import layouts, reading;"
        "from scriptmodel_trainer.corpus.stream import events_of;"
        "from scriptmodel_trainer.corpus.tokens import event_tokens;"
        "(source,) = reading.find_sources([pathlib.Path(sys.argv[1])], print);"
        "[event_tokens(event) for layout in (None, *layouts.LAYOUTS.values())"
        " if layout is None or layout.name not in layouts.IN_XML for event in events_of(source, layout)[2]]"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # noqa: E731 - it hung for minutes and hours
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "play.txt")], preexec_fn=limit, check=False)
    assert done.returncode == 0


def test_a_long_line_is_cut_and_loses_no_word(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    path.write_text("ANNA. Hi.\n\nBEN. Hi.\n\n" * 8 + "ANNA. " + "so long " * 3000 + "\n")
    (source,) = reading.find_sources([path], print)
    events = events_of(source, layouts.layout_named("caps-period"))[2]
    assert sum(event.text.count("so long") for event in events) == 3000
