"""Damaged scripts: each must give a well-formed stream or a clear error.

A case takes a script of ours (tests/gold/synthetic) or noise, damages it in a few random ways, and normalises it with
`auto` and with one forced layout.
"""

import random
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.tokens import PAIRS
from scriptmodel_trainer.errors import BadInputError, ReaderError
from tests.attack.runner import FindingError, main

_SCRIPTS = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "gold/synthetic").glob("*.txt"))]
_WORDS = "[ ] ( ) _ ** ' \" -- … [[ /* */ ^ # > <eos> <boname> <b> </i> INT. SCENE.-- Title:"
_MARKS = (
    *_WORDS.split(),
    *"\n\r\t\f\0 \u00ad\u200f\ufeff\ud83d",
    *("\n\n", "ACT I\n", "\n\n<br>\n\n", "\n\n<center></center>\n", "<p>\n"),
)
_RUNS = (b"a", b"A. ", b"[", b"(", b"_", b"'", b'"', b"-", b". ", b"MARY AND ", b" ", b"\n ")
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp037", "koi8-r", "utf-7")


def attack(number: int, chance: random.Random) -> str:
    """Normalise one damaged file, whose layout is detected and then forced."""
    del number
    data = _damaged(chance)
    forced = chance.choice(list(layouts.LAYOUTS.values()))
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [_read(data, layout, Path(folder)) for layout in (None, forced)]
    return " and ".join(outcomes)


def _read(data: bytes, layout: layouts.Layout | None, folder: Path) -> str:
    path = folder / "script.txt"
    path.write_bytes(data)
    try:
        sources = reading.find_sources([path], lambda _: None)
        write_normalized(sources, layout, folder / "out")
    except ReaderError:
        raise
    except BadInputError as error:
        if not str(error):
            raise FindingError("an error that says nothing") from error
        return "refused"
    chosen = layout or layouts.detect(reading.sample_lines(sources[0]))[0]
    if chosen.name not in ("plain", "normalized"):
        check_nesting((folder / "out").read_text("utf-8"))
    return "read"


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
    data = chance.choice(_SCRIPTS)
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
    return data.decode("utf-8", "replace").encode(chance.choice(_ENCODINGS), "replace")


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


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))  # too much memory is a finding
    sys.exit(main(attack))
