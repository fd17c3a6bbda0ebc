"""Gives damaged scripts to the trainer's reader: each must give a result or a clear error.

    python tests/fuzz/fuzz_trainer.py [--seconds 60] [--seed N]

Each round takes a script of this project (tests/gold/synthetic) or noise, damages it in a few random ways, and
normalises it with `auto` and with one forced layout. It prints the seed and, on a failure,
keeps the file that caused it; the same seed repeats the same rounds. The exit code is 1 after a failure.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.corpus.tokens import PAIRS
from scriptmodel_trainer.errors import BadInputError, ReaderError

_SCRIPTS = Path(__file__).parents[1] / "gold" / "synthetic"
_SLOWEST = 30.0  # seconds for one small file on a busy machine: beyond, some rule takes time without bound
_MARKS = [
    "[",
    "]",
    "(",
    ")",
    "_",
    "**",
    "\n\n",
    "\n",
    "\r",
    "\t",
    "\f",
    "\0",
    " ",
    "'",
    '"',
    "--",
    "…",
    "<eos>",
    "<boname>",
]
_MARKS += [
    "INT. ",
    "ACT I\n",
    "SCENE.--",
    "Title: ",
    "[[",
    "/*",
    "*/",
    "^",
    "#",
    ">",
    "\u00ad",
    "\u200f",
    "\ufeff",
    "\ud83d",
    "\n\n<br>\n\n",
    "\n\n<center></center>\n",
    "<p>\n",
    "<b>",
    "</i>",
]
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp037", "koi8-r", "utf-7")


def main() -> int:
    """Fuzz until the time is up; 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rounds, failure = fuzz(seed, time.monotonic() + options.seconds, Path(folder))
    print(f"{rounds} files read" if failure is None else failure)
    return 0 if failure is None else 1


def fuzz(seed: int, deadline: float, folder: Path, rounds: int | None = None) -> tuple[int, str | None]:
    """Read damaged files until the deadline or for so many rounds; what failed, or None."""
    draw = random.Random(seed)
    for done, data in enumerate(damaged(draw)):
        if time.monotonic() > deadline or done == rounds:
            return done, None
        forced = draw.choice(list(layouts.LAYOUTS.values()))
        for layout in (None, forced):
            problem = read(data, layout, folder)
            if problem is not None:
                kept = Path(tempfile.gettempdir(), f"fuzz-{seed}-{done}")
                kept.write_bytes(data)
                return done, f"round {done}, layout {layout.name if layout else 'auto'}: {problem}\nkept as {kept}"
    raise AssertionError("the rounds never end by themselves")


def read(data: bytes, layout: layouts.Layout | None, folder: Path) -> str | None:
    """Normalise these bytes; what is wrong with the outcome, or None."""
    path = folder / "script.txt"
    path.write_bytes(data)
    began = time.monotonic()
    try:
        sources = reading.find_sources([path], lambda _: None)
        write_normalized(sources, layout, folder / "out")
    except ReaderError:
        return traceback.format_exc()
    except BadInputError as error:
        return None if str(error) else "an error that says nothing"
    except Exception:
        return traceback.format_exc()
    if time.monotonic() - began > _SLOWEST:
        return f"{len(data)} bytes took {time.monotonic() - began:.0f} s"
    chosen = layout or layouts.detect(reading.sample_lines(sources[0]))[0]
    return None if chosen.name in ("plain", "normalized") else ill_formed((folder / "out").read_text("utf-8"))


def ill_formed(stream: str) -> str | None:
    """Return the errors of a token stream, line by line: groups that do not nest or are left open."""
    for line in stream.splitlines():
        stack: list[str] = []
        for token in line.split():
            if token in PAIRS:
                stack.append(PAIRS[token])
            elif token in PAIRS.values() and (not stack or stack.pop() != token):
                return f"ill-formed: {line[:300]}"
        if stack:
            return f"left open: {line[:300]}"
    return None


def damaged(draw: random.Random) -> Iterator[bytes]:
    """Files without end."""
    scripts = [path.read_bytes() for path in sorted(_SCRIPTS.glob("*.txt"))]
    kinds: list[Callable[[random.Random, bytes], bytes]] = [
        _bytes,
        _marks,
        _pieces,
        _encoded,
        _lines,
        _giant,
        _repeated,
    ]
    while True:
        data = draw.choice(scripts)
        if draw.random() < 0.05:
            data = draw.randbytes(draw.randrange(2000))
        for damage in draw.choices(kinds, k=draw.randint(1, 3)):
            data = damage(draw, data)
        yield data[:400_000]


def _bytes(draw: random.Random, data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(draw.randint(1, 30)):
        if spoilt:
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
    return bytes(spoilt)


def _marks(draw: random.Random, data: bytes) -> bytes:
    for _ in range(draw.randint(1, 40)):
        at = draw.randint(0, len(data))
        data = data[:at] + draw.choice(_MARKS).encode("utf-8", "surrogatepass") + data[at:]
    return data


def _pieces(draw: random.Random, data: bytes) -> bytes:
    pieces = [data[at : at + draw.randint(1, 200)] for at in (draw.randint(0, len(data)) for _ in range(40))]
    return b"".join(pieces)


def _encoded(draw: random.Random, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(draw.choice(_ENCODINGS), "replace")


def _lines(draw: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=draw.random() < 0.8)
    change = draw.choice(("shuffle", "join", "blank", "indent"))
    if change == "shuffle":
        draw.shuffle(lines)
    elif change == "blank":
        lines = [line for line in lines if line.strip()]
    elif change == "indent":
        lines = [b" " * draw.randint(0, 50) + line for line in lines]
    return (b" " if change == "join" else b"").join(lines)


def _giant(draw: random.Random, data: bytes) -> bytes:
    return (
        data
        + draw.choice((b"a", b"A. ", b"[", b"(", b"_", b"'", b'"', b"-", b". ", b"MARY AND ", b" ", b"\n ")) * 60_000
    )


def _repeated(draw: random.Random, data: bytes) -> bytes:
    return data * draw.randint(2, 6)


if __name__ == "__main__":
    sys.exit(main())
