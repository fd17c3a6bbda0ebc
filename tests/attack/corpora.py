"""Hostile corpora that grow: what repeats in the trainer's own patterns, Unicode, encodings and brackets, repeated,
and the shapes of tests.attack.shapes.

Each file is normalised in every layout that is drawn. It must end in a result or a clear error, its stream must be well
formed, and it may cost no more CPU than ten times what a play of its size does.
"""

import functools
import random
import resource
import sys
import tempfile
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from tests.attack import shapes
from tests.attack.damaged import check_nesting
from tests.attack.runner import FindingError, main
from tests.unit.trainer.patterns import attacks, patterns

_SIZE = 60_000  # characters
_SHAPED = 0.15  # of the cases
_OPENINGS = (
    *(
        "INT. HOUSE - DAY\n\nANNA\nHi.\n\n",
        "**ANNA**\n\nHi.\n\n",
        "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8,
        "ACT I\n\nSCENE II. ",
    ),
    *(
        "ANNA: Hi.\n\nBEN: Hi.\n\n" * 8,
        "ANNA\n\nHi.\n\nBEN\n\nHi.\n\n" * 8,
        "DRAMATIS PERSONAE\n\n",
        "Title: A\n\n",
        "",
    ),
)
_WORDS = "( [ ([ ) _ * ** = - -- . ... ' \" “ a A 1 A- /* */ [[ ]] { } < > <i> | \\ # ~ [1] {A _a_ _A._"
_PARTS = (
    *_WORDS.split(),
    *(
        "A B",
        "ANNA ",
        "Anna ",
        "ANNA. ",
        "ANNA: ",
        "ANNA\n",
        "INT. ",
        " alone x",
        " goes:",
        " sings",
        "Enter ",
        "CUT TO:\n",
    ),
    *("ACT I\n\n", "SCENE\n\n", "THE END\n\n", "(1) ", "(a) ", "a-\n", "Mr. ", "A, B and ", "a.\n\n", "CHORUS, CARL. "),
    *(" ", "\t", "\n", "\n\n", "\u0316\u0300", "\u0300\u200b", "\u00ad", "\u00ad\n", "\u2028", "\u0085", "\ufeff"),
    *("\u202e", "\x1b[", "\U0001f600", "\u1100", "_A._ "),
)
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-16", "utf-16-be", "cp1252", "utf-32")


@functools.cache
def _pumps() -> tuple[str, ...]:
    """Beginnings and repetitions of each pattern of the trainer."""
    return tuple(text for pattern in patterns() for text in dict.fromkeys(attacks(pattern.compiled, 40)))


def attack(number: int, chance: random.Random) -> str:
    """Normalise one file, and compare its cost with that of a play."""
    del number
    text, layout = _text(chance), chance.choice((None, *layouts.LAYOUTS.values()))
    if chance.random() < _SHAPED:
        shape = chance.choice(shapes.SHAPES)
        text, layout = shape.text(_SIZE), layouts.layout_named(shape.layout)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.txt")
        path.write_bytes(text.encode(chance.choice(_ENCODINGS), "replace"))
        cost, outcome = shapes.cost(path, layout)
        if cost > shapes.MOST * _cost_of_play():
            again, _ = shapes.cost(path, layout)  # another process may have disturbed the first
            if again > shapes.MOST * _cost_of_play():
                times = again / _cost_of_play()
                raise FindingError(f"{times:.0f} times a play, as {layout.name if layout else 'auto'}: {text[:200]!r}")
        chosen = (
            layout or layouts.detect(reading.sample_lines(reading.find_sources([path], lambda _: None)[0]))[0]
            if outcome == "read"
            else None
        )
        if chosen and chosen.name not in ("plain", "normalized"):
            check_nesting(Path(folder, "out").read_text("utf-8"))
    return outcome


def _text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.4:
        body = chance.choice(_pumps()) if chance.random() < 0.5 else _mixed(chance)
        body += chance.choice(("", "\n", "\n\n", " "))
        body *= max(1, _SIZE // max(1, len(body)))
    elif kind < 0.8:
        unit, count = _mixed(chance), chance.choice((20, 100, 199, 240, 1000, 4000, 20_000))
        line = (
            unit * max(1, count // len(unit))
            + chance.choice(("", "x", "!", ":", ")", "."))
            + chance.choice(("\n", "\n\n"))
        )
        body = line * max(1, _SIZE // len(line))
    else:
        half = _SIZE // 2
        opens, closes = chance.choice((("(", ")"), ("[", "]"), ("([", "])"), ("_(", ")_"), ("“(", ")”"), ("{A", "}")))
        body = opens * (half // len(opens)) + "a" + closes * (half // len(closes))
    return (chance.choice(_OPENINGS) + body)[: 2 * _SIZE]


def _mixed(chance: random.Random) -> str:
    return "".join(chance.choices(_PARTS, k=chance.choice((1, 1, 2, 3, 5))))


@functools.cache
def _cost_of_play() -> float:
    """Return the average CPU seconds of plays of this size."""
    with tempfile.TemporaryDirectory() as folder:
        return shapes.cost_of_play(_SIZE, Path(folder))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))  # too much memory is a finding
    sys.exit(main(attack))
