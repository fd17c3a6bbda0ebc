"""Hostile corpora: our own scripts, damaged; and what repeats in the trainer's own patterns, Unicode and brackets.

Each file is normalised in every layout that is drawn. It must end in a result or a clear error, its stream must be well
formed, and it may cost no more CPU than ten times what a play of its size does.
"""

import functools
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.tokens import PAIRS
from scriptmodel_trainer.errors import BadInputError, ReaderError
from tests.attack.runner import FindingError, main
from tests.unit.trainer.patterns import attacks, patterns

_SIZE = 60_000  # characters
_MOST = 10.0
"""Times the CPU of a play that a file may cost."""
_SCRIPTS = Path(__file__).parents[1] / "gold" / "synthetic"
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
_PLAYS = [path.read_bytes() for path in sorted(_SCRIPTS.glob("*.txt"))]
_DAMAGING_WORDS = "[ ] ( ) _ ** ' \" -- … [[ /* */ ^ # > <eos> <boname> <b> </i> INT. SCENE.-- Title:"
_MARKS = (
    *_DAMAGING_WORDS.split(),
    *"\n\r\t\f\0 \u00ad\u200f\ufeff\ud83d",
    *("\n\n", "ACT I\n", "\n\n<br>\n\n", "\n\n<center></center>\n", "<p>\n"),
)
_RUNS = (b"a", b"A. ", b"[", b"(", b"_", b"'", b'"', b"-", b". ", b"MARY AND ", b" ", b"\n ")
_ODD_ENCODINGS = ("utf-8-sig", "latin-1", "cp037", "koi8-r", "utf-7")


@functools.cache
def _pumps() -> tuple[str, ...]:
    """Beginnings and repetitions of each pattern of the trainer."""
    return tuple(text for pattern in patterns() for text in dict.fromkeys(attacks(pattern.compiled, 40)))


def attack(number: int, chance: random.Random) -> str:
    """Normalise one file, and compare its cost with that of a play."""
    del number
    layout = chance.choice((None, *layouts.LAYOUTS.values()))
    grows = _text(chance).encode(chance.choice(_ENCODINGS), "replace")
    data = chance.choice((grows, _damaged(chance)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.txt")
        path.write_bytes(data)
        most = _MOST * _cost_of_play() * max(1.0, len(data) / _SIZE)
        cost, outcome = _cost(path, layout)
        # Another process may have disturbed the first.
        if cost > most and (again := _cost(path, layout)[0]) > most:
            times = _MOST * again / most
            raise FindingError(f"{times:.0f} times a play, as {layout.name if layout else 'auto'}: {data[:200]!r}")
        chosen = (
            layout or layouts.detect(reading.sample_lines(reading.find_sources([path], lambda _: None)[0]))[0]
            if outcome == "read"
            else None
        )
        if chosen and chosen.name not in ("plain", "normalized"):
            check_nesting(Path(folder, "out").read_text("utf-8"))
    return outcome


def check_nesting(stream: str) -> None:
    """Raise FindingError if a line of a token stream has groups that do not nest or are left open."""
    for line in stream.splitlines():
        stack: list[str] = []
        for token in line.split():
            if token in PAIRS:
                stack.append(PAIRS[token])
            elif token in PAIRS.values() and (not stack or stack.pop() != token):
                raise FindingError(f"ill-formed: {line[:300]}")
        if stack:
            raise FindingError(f"left open: {line[:300]}")


def _damaged(chance: random.Random) -> bytes:
    data = chance.choice(_PLAYS)
    if chance.random() < 0.05:
        data = chance.randbytes(chance.randrange(2000))
    for damage in chance.choices(_DAMAGES, k=chance.randint(1, 3)):
        data = damage(chance, data)
    return data[:400_000]


def _bytes(chance: random.Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 30)):
        if spoilt:
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(spoilt)


def _marks(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.randint(1, 40)):
        at = chance.randint(0, len(data))
        data = data[:at] + chance.choice(_MARKS).encode("utf-8", "surrogatepass") + data[at:]
    return data


def _pieces(chance: random.Random, data: bytes) -> bytes:
    pieces = [data[at : at + chance.randint(1, 200)] for at in (chance.randint(0, len(data)) for _ in range(40))]
    return b"".join(pieces)


def _encoded(chance: random.Random, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(chance.choice((*_ENCODINGS, *_ODD_ENCODINGS)), "replace")


def _lines(chance: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=chance.random() < 0.8)
    change = chance.choice(("shuffle", "join", "blank", "indent"))
    if change == "shuffle":
        chance.shuffle(lines)
    elif change == "blank":
        lines = [line for line in lines if line.strip()]
    elif change == "indent":
        lines = [b" " * chance.randint(0, 50) + line for line in lines]
    return (b" " if change == "join" else b"").join(lines)


def _giant(chance: random.Random, data: bytes) -> bytes:
    return data + chance.choice(_RUNS) * 60_000


def _repeated(chance: random.Random, data: bytes) -> bytes:
    return data * chance.randint(2, 6)


_DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_bytes, _marks, _pieces, _encoded),
    *(_lines, _giant, _repeated),
)


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
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for script in _SCRIPTS.glob("*.txt"):
            text = script.read_text("utf-8", errors="replace") + "\n\n"
            path = Path(folder, "play.txt")
            path.write_text(text * (_SIZE // len(text) + 1), "utf-8")
            costs.append(_cost(path, None)[0])
    return sum(costs) / len(costs)


def _cost(path: Path, layout: layouts.Layout | None) -> tuple[float, str]:
    """Return the CPU seconds of normalising a file, and whether it was read or refused."""
    started = time.process_time()
    try:
        write_normalized(reading.find_sources([path], lambda _: None), layout, path.with_name("out"))
    except ReaderError:
        raise
    except BadInputError:
        return time.process_time() - started, "refused"
    return time.process_time() - started, "read"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))  # too much memory is a finding
    sys.exit(main(attack))
