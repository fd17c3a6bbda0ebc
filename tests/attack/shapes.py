"""Big files in every shape that one can think of: none may cost ten times the CPU of plays of its size.

    python -m tests.attack.shapes [--megabytes 5] [--only WORD]

Prints, for each shape, the layout that it is read in, its CPU seconds and how many times those of a play that is.
The plays are our own scripts (tests/gold/synthetic), repeated up to the size. The exit code is 1 where a shape costs
too much.
"""

import argparse
import itertools
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.normalizing import write_normalized
from scriptmodel_trainer.errors import BadInputError, ReaderError

MOST = 10.0
"""Times the CPU of a play that a file may cost."""
_SCRIPTS = Path(__file__).parents[1] / "gold" / "synthetic"


@dataclass(frozen=True)
class Shape:
    """Files made of one repeated element; `text` returns one of about the given number of characters."""

    name: str
    layout: str
    text: Callable[[int], str]


def _names() -> Iterator[str]:
    """Names of speakers, each another one."""
    for length in itertools.count(4):
        for letters in itertools.product(string.ascii_uppercase, repeat=length):
            yield "B" + "".join(reversed(letters))  # neighbours begin differently


def _filled(opening: str, parts: Iterator[str], size: int) -> str:
    taken, length = [opening], len(opening)
    while length < size:
        taken.append(part := next(parts))
        length += len(part)
    return "".join(taken)


def _repeated(name: str, layout: str, opening: str, part: str) -> Shape:
    return Shape(name, layout, lambda size: opening + part * (max(0, size - len(opening)) // len(part) + 1))


def _of_names(name: str, layout: str, opening: str, part: str) -> Shape:
    """`part` again and again, each time with another name."""

    def text(size: int) -> str:
        return _filled(opening, map(part.format, _names()), size)

    return Shape(name, layout, text)


def _of_speakers(name: str, part: str) -> Shape:
    """Twenty thousand speakers in the first half, so many as are remembered, then `part` of one of them each time."""

    def text(size: int) -> str:
        names = list(itertools.islice(_names(), min(20_000, max(2, size // 36))))
        opening = "".join(f"{one}. Hi.\n\n{one}. Ho.\n\n" for one in names)
        threes = itertools.cycle(zip(names[::3], names[1::3], names[2::3], strict=False))
        named = (part.format(*three) for three in threes)
        return _filled(opening, named, size)

    return Shape(name, "caps-period", text)


def _halves(name: str, opens: str, closes: str) -> Shape:
    return Shape(
        name,
        "caps-period",
        lambda size: (
            _PLAY + opens * (size // 2 // len(opens.encode())) + "a" + closes * (size // 2 // len(closes.encode()))
        ),
    )


_PLAY = "ACT I\n\nANNA. Hi.\n\nBEN. Hi.\n\n" + "ANNA. Hi.\n\nBEN. Hi.\n\n" * 8
_COLONS = "ANNA: Hi.\n\nBEN: Hi.\n\n" * 8
_FILM = "INT. HOUSE - DAY\n\nANNA\nHi.\n\nBEN\nHi.\n\n" * 8
_STAGE = "caps-period"

SHAPES = (
    _of_names("speakers, each once", _STAGE, _PLAY, "{}. Hi there, how are you?\n\n"),
    _of_names("speakers, each twice", _STAGE, _PLAY, "{0}. Hi.\n\n{0}. Ho.\n\n"),
    _of_names("speakers, with colons", "caps-colon", _COLONS, "{}: Hi there.\n"),
    _of_names("speakers of a film", "fountain", _FILM, "{}\nHi there.\n\n"),
    _of_names("speakers in Markdown", "markdown", "**ANNA**\n\nHi.\n\n" * 8, "**{}**\n\nHi there.\n\n"),
    _of_speakers("20,000 speakers, then pictures of some", "{}    {}    {}\n\n"),
    _of_speakers("20,000 speakers, then who sings", "   {} turns to {} and {} sings:\n\nLa la.\n\n"),
    _of_speakers("20,000 speakers, then who says", "({} looks up at {} and {} says.) Words.\n\n"),
    _of_speakers("20,000 speakers, then their names alone", "{}\n\nHi.\n\n{}\n\n{}\n\n"),
    _of_speakers("20,000 speakers, then rows of names", "{}--{}--{}\n\n"),
    _repeated("one giant line", "auto", "", "so long a line "),
    _repeated("one giant line without spaces", "auto", "", "a"),
    _repeated("one line of names", "auto", "", "ANNA.  "),
    _repeated("one line of names and brackets", _STAGE, _PLAY, "ANNA. [BEN. (CARL. "),
    _repeated("one giant speech", _STAGE, _PLAY + "ANNA. ", "and so on, "),
    _repeated("one giant sentence of lines", _STAGE, _PLAY + "ANNA. ", "and so on\n"),
    _repeated("one giant verse", _STAGE, _PLAY + "ANNA. ", "And so it goes on,\n"),
    _halves("deep round brackets", "(", ")"),
    _halves("deep square and round brackets", "([", "])"),
    _halves("deep brackets on lines", "(\n", ")\n"),
    _halves("deep braces", "{A", "}"),
    _halves("deep quotation marks", "“", "”"),
    _repeated("brackets that never close", _STAGE, _PLAY, "[She goes on\nand on.\n\n"),
    _repeated("lines of brackets that never close", _STAGE, _PLAY, "  [She goes on\n"),
    _repeated("brackets that nothing opens", _STAGE, _PLAY, "and on] and on) "),
    _repeated("italics that never close", _STAGE, _PLAY, "_She goes on.\n\n"),
    _repeated("underscores", _STAGE, _PLAY, "_a "),
    _repeated("combining marks", "auto", "", "\u0316\u0300"),
    _repeated("letters with combining marks", _STAGE, _PLAY + "ANNA. ", "a\u0316\u0300\u0327 "),
    _repeated("Hangul jamo", "auto", "", "\u1100\u1161\u11a8"),
    _repeated("joiners and soft hyphens", _STAGE, _PLAY + "ANNA. ", "a\u00ad\u200b\u2060"),
    _repeated("control characters", "auto", "", "\x1b[31mred \x07\x08"),
    _repeated("directions of writing", "auto", "", "\u202ea \u2066b\u2069 "),
    _repeated("ornaments", _STAGE, _PLAY, "*" * 197 + "a\n\n"),
    _repeated("rules", _STAGE, _PLAY, "* * * * *\n\n-----\n\n"),
    _repeated("short paragraphs", "auto", "", "a\n\n"),
    _repeated("short paragraphs of a play", _STAGE, _PLAY, "Hi.\n\n"),
    _repeated("letters as paragraphs of a play", "caps-colon", _COLONS, "a\n\n"),
    _repeated("invisible paragraphs of a play", "caps-colon", _COLONS, "\u00ad\n\n"),
    _repeated("blank lines", _STAGE, _PLAY, "\n"),
    _repeated("blank lines of spaces", "auto", "Hi.\n", " " * 200 + "\n"),
    _repeated("spaces before a word", _STAGE, _PLAY, " " * 200 + "a\n"),
    _repeated("tabs", "auto", "", "\ta\t\tb\n"),
    _repeated("scenes", _STAGE, _PLAY, "SCENE II.\n\n"),
    _repeated("acts with a speech each", _STAGE, _PLAY, "ACT II\n\nANNA. Hi.\n\n"),
    _repeated("plays", "auto", "", "THE PLAY\n\nANNA. Hi.\n\nBEN. Hi.\n\nTHE END\n\n"),
    _repeated("lists of persons", "auto", "", "DRAMATIS PERSONAE\n\nANNA, a girl.\n\nBEN, a boy.\n\n"),
    _repeated("one list of persons", _STAGE, "DRAMATIS PERSONAE\n\n", "ANNA, a girl.\nBEN, a boy.\n"),
    _repeated("directions", _STAGE, _PLAY, "[Enter ANNA.]\n\n"),
    _repeated("directions on lines of a speech", _STAGE, _PLAY + "ANNA. ", "Hi.\n  [Enter BEN.]\n"),
    _repeated("directions without brackets", _STAGE, _PLAY, "Enter ANNA. She sits down.\n\n"),
    _repeated("directions at the right", _STAGE, _PLAY + "ANNA. ", "And so it is.        Exit BEN\n"),
    _repeated("names only", _STAGE, "", "ANNA.\n\nBEN.\n\n"),
    _repeated("names alone on lines", "name-alone", "", "ANNA\n\nBEN\n\n"),
    _repeated("names on lines without blank ones", "name-alone", "", "ANNA\nBEN\n"),
    _repeated("joined names", _STAGE, _PLAY, "ANNA, BEN, CORA and DAN. Hi.\n\n"),
    _repeated("titles of names", _STAGE, _PLAY, "Mr. Dr. St. Mrs. ANNA "),
    _repeated("all capitals", "auto", "", "THE MAN SAT DOWN AND SAID NOTHING.\n"),
    _repeated("all capitals of a play", _STAGE, _PLAY, "ANNA. THE MAN SAT DOWN.\n\nAND ROSE AGAIN\n\n"),
    _repeated("sluglines", "fountain", _FILM, "INT. HOUSE - DAY\n\n"),
    _repeated("numbered sluglines", "fountain", _FILM, "12 INT. HOUSE - DAY                 12\n\n"),
    _repeated("sluglines without blank lines", "fountain", _FILM, "INT. HOUSE - DAY\nEXT. STREET - NIGHT\n"),
    _repeated("spaces in sluglines", "fountain", _FILM, "INT. A" + " " * 200 + "x\n\n"),
    _repeated("spaces and tabs in sluglines", "fountain", _FILM, "INT. A" + " \t" * 2000 + "x\n\n"),
    _repeated("Fountain's notes", "fountain", _FILM, "[[ note\n\n"),
    _repeated("Fountain's boneyard", "fountain", _FILM + "/*", "Nothing.\n\n"),
    _repeated("boneyards that never close", "fountain", _FILM, "/* Nothing.\n"),
    _repeated("Fountain's transitions", "fountain", _FILM, "CUT TO:\n\n"),
    _repeated("Fountain's asides", "fountain", _FILM, "ANNA\n(aside)\n(again)\nHi.\n(more)\n\n"),
    _repeated("Fountain's title page", "fountain", "Title: A\n", "    more of it\n"),
    _repeated("action without blank lines", "fountain", _FILM, "She goes on and on and on\n"),
    _repeated("a draft's pages", "fountain", _FILM, "    ANNA\n  Hi.\n\n(CONTINUED)\n\n    12.\n\n"),
    _repeated("columns of verse", "column", "ANNA   Hi.\nBEN    Hi.\n" * 8, "ANNA   And so it goes,\n       and on\n"),
    _repeated("columns on every line", "column", "", "ANNA      Hi.      BEN      Hi.\n"),
    _repeated("names and spaces", "column", "ANNA Hi.\nBEN Hi.\n" * 8, "ANNA And so\nBEN it goes\n"),
    _repeated("headings of Markdown", "markdown", "**ANNA**\n\nHi.\n\n" * 8, "# ACT\n\n## SCENE\n\n"),
    _repeated("stars of Markdown", "markdown", "**ANNA**\n\nHi.\n\n" * 8, "**A **B** "),
    _repeated("bold words", "markdown", "**ANNA**\n\nHi.\n\n" * 8, "**ANNA** Hi.\n"),
    _repeated("tags", "auto", "", "<i>a</i><br/>\n<b>\n"),
    _repeated("angle brackets", _STAGE, _PLAY + "ANNA. ", "<a "),
    _repeated("apostrophes", _STAGE, _PLAY + "ANNA. ", "'a "),
    _repeated("quotations", _STAGE, _PLAY + "ANNA. ", "'Hi,' "),
    _repeated("enders", _STAGE, _PLAY + "ANNA. ", "?! . . "),
    _repeated("dashes", _STAGE, _PLAY + "ANNA. ", "a--b-- "),
    _repeated("hyphens at line ends", _STAGE, _PLAY + "ANNA. ", "hy-\nphen\n"),
    _repeated("numbers", "auto", "", "1,234.5 "),
    _repeated("notes", _STAGE, _PLAY + "ANNA. ", "word[12] "),
    _repeated("prose", "auto", "", "The man sat down. He said nothing for a while, and rose again.\n"),
    _repeated("a table", "auto", "", "| a | b |\n|---|---|\n"),
    _repeated("leaders", _STAGE, _PLAY, "ANNA ........ MISS GULL\n\n"),
    _repeated("a stream", "normalized", "", " <boname> ANNA <eoname> Hi <eos>\n"),
    _repeated("markers", "normalized", "", "<open-exp> <boname> "),
    _repeated("carriage returns", "auto", "", "ANNA. Hi.\r\r"),
    _repeated("form feeds", _STAGE, _PLAY, "\f\nHi.\n\n"),
    _repeated("music headings", _STAGE, _PLAY, "SONG--ANNA.\n\nLa la,\n  la la.\n\nCHORUS.\n\n"),
    _repeated("a crowd", _STAGE, _PLAY + "CHORUS. Hi.\n\nCHORUS. Hi.\n\n", "Chorus, ANNA. Hi.\n\n"),
    _repeated("phrased cues", "caps-colon", _COLONS, "ANNA, turning round and on and on: Hi.\n"),
)


def plays(size: int) -> Iterator[str]:
    """Our own scripts, each repeated up to `size` characters."""
    for script in sorted(_SCRIPTS.glob("*.txt")):
        text = script.read_text("utf-8", errors="replace")
        yield (text + "\n\n") * (size // len(text) + 1)


def cost(path: Path, layout: Layout | None) -> tuple[float, str]:
    """Return the CPU seconds of normalising a file, and whether it was read or refused."""
    started = time.process_time()
    try:
        write_normalized(reading.find_sources([path], lambda _: None), layout, path.with_name("out"))
    except ReaderError:
        raise
    except BadInputError:
        return time.process_time() - started, "refused"
    return time.process_time() - started, "read"


def cost_of_play(size: int, folder: Path) -> float:
    """Return the average CPU seconds of plays of this size."""
    costs = []
    for text in plays(size):
        path = folder / "play.txt"
        path.write_text(text, "utf-8")
        costs.append(cost(path, None)[0])
    return sum(costs) / len(costs)


def main() -> int:
    """Measure each shape; 1 if one costs too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=5.0, help="Size of each file [default: 5]")
    parser.add_argument("--only", default="", help="Measure only shapes whose name holds this word")
    options = parser.parse_args()
    size = int(options.megabytes * 1_000_000)
    dear = 0
    with tempfile.TemporaryDirectory() as folder:
        play = cost_of_play(size, Path(folder))
        print(f"{play:9.2f} s  a play, on average of {options.megabytes:g} MB", flush=True)
        path = Path(folder, "script.txt")
        for shape in SHAPES:
            if options.only not in shape.name:
                continue
            path.write_bytes(shape.text(size).encode()[:size])
            seconds, outcome = cost(path, layouts.layout_named(shape.layout))
            times = seconds / play
            dear += times > MOST
            mark = " TOO MUCH" if times > MOST else ""
            print(f"{seconds:9.2f} s {times:5.1f}{mark}  {shape.name} ({shape.layout}, {outcome})", flush=True)
    return 1 if dear else 0


if __name__ == "__main__":
    sys.exit(main())
