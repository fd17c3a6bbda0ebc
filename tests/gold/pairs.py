"""Short texts, each with the reading that it must have: `pairs/*.txt`, written by hand.

    %% the heading of a pair, which names what it shows
    ANNA. The tide is early.
    %read
    ANNA	The tide is early.

A line of the reading is the speaker (or `heading`, `direction`, `verbatim`) and the words on one line. `...` stands for
any events, `... 3` for three. Text that is dropped has no line.
So that a text shows what matters, `%repeat 8` repeats the lines up to its `%end`, `%let talk` names them, and `%talk`
or `%talk 8` puts them in; all files have the names of `shared.txt`. `%for a | b` below a heading makes a pair of each,
with `%it` in its place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.stream import events_of

PAIRS = Path(__file__).parent / "pairs"
_SHARED = "shared.txt"
_APART = {EventKind.HEADING: "heading", EventKind.EXPOSITION: "direction", EventKind.VERBATIM: "verbatim"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A text and the lines of its reading."""

    name: str
    text: str
    expected: tuple[str, ...]

    def difference(self, folder: Path) -> str:
        """What is read instead of the expected events, nothing if they are the same."""
        path = folder / "play.txt"
        path.write_text(self.text, "utf-8")
        found = "".join(f"{line}\n" for line in _read(path))
        return "" if re.fullmatch("".join(map(_pattern, self.expected)), found) else found


def all_pairs() -> Iterator[Pair]:
    """Return the pairs of all files."""
    shared: dict[str, list[str]] = {}
    assert not list(_expanded(_lines(PAIRS / _SHARED), shared))
    for path in sorted(PAIRS.glob("*.txt")):
        if path.name != _SHARED:
            _, *parts = re.split(r"^%% ", "\n".join(_expanded(_lines(path), dict(shared))), flags=re.MULTILINE)
            for part in parts:
                yield from _pairs_of(path.stem, part)


def _lines(path: Path) -> Iterator[str]:
    return iter(path.read_text("utf-8").removesuffix("\n").split("\n"))


def _expanded(lines: Iterator[str], named: dict[str, list[str]]) -> Iterator[str]:
    """Lines up to `%end`, with what is repeated and put in."""
    for line in lines:
        mark, _, rest = line.partition(" ")
        if line == "%end":
            return
        if mark == "%let":
            named[rest] = list(_expanded(lines, named))
        elif mark == "%repeat":
            yield from list(_expanded(lines, named)) * int(rest)
        elif mark.startswith("%") and mark[1:] in named:
            yield from named[mark[1:]] * int(rest or 1)
        else:
            yield line


def _pairs_of(topic: str, part: str) -> Iterator[Pair]:
    name, _, rest = part.partition("\n")
    values = [""]
    if rest.startswith("%for "):
        listed, _, rest = rest.removeprefix("%for ").partition("\n")
        values = listed.split(" | ")
    for value in values:
        text, expected = rest.replace("%it", value).split("\n%read\n")
        yield Pair(f"{topic}: {name} {value}".strip(), text + "\n", tuple(expected.strip("\n").split("\n")))


def _read(path: Path) -> Iterator[str]:
    (source,) = reading.find_sources([path], lambda _: None)
    for event in events_of(source, None)[2]:
        if event.kind is not EventKind.CUT:
            yield f"{_APART.get(event.kind, event.speaker)}\t{event.text}".replace("\n", " ")


def _pattern(line: str) -> str:
    if not line.startswith("..."):
        return re.escape(line) + "\n"
    return rf"(?:.*\n){{{line.removeprefix('... ')}}}" if line != "..." else r"(?:.*\n)*"
