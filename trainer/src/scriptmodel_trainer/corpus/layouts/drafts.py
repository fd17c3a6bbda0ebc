"""Paragraphs of a screenplay as they were written, where the print of a draft joins or parts them otherwise."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scriptmodel_trainer.corpus.layouts.marks import is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_ASIDE = re.compile(r"\s*\((?=[^()]*[^\W\d_])[^()]*\)\s*")
_OPENED = re.compile(r"\s*\([^()]*")  # an aside that goes on
_CLOSED = re.compile(r"[^()]{1,60}\)")
_HEAD = re.compile(r"(?P<head>\S.*?)(?:\s{2,}(?P<number>\d{1,3}[A-Z]?)\.?|\s(?P<stopped>\d{1,3})\.)\s*")
_SHOT = re.compile(  # what a caption begins with, and no name
    r"\s*(?:CLOSE|WIDE|ANGLE|INSERT|REVERSE|MOVE|BACK|POV|ON|IN|INTO|AT|FROM|INSIDE|OUTSIDE|THROUGH|UNDER|ABOVE|BEHIND)\b"
)
_SENTENCE_ENDS = re.compile(r"(?:[.?!:…]|--|—)[\"”'’)]*\s*\Z")
_MIDDLE = 8  # spaces before names that stand in the middle of the line
_SET = 120  # characters; no line is set wider
_NARROW = 45  # characters; printed words are not set wider
_WIDER = 8  # characters by which lines of action exceed them
_LITTLE = 2  # characters by which words may
_MANY = 20  # speeches
_OFTEN = 4  # times that what stands above words is no caption
_SOME = 0.05  # of them
_LONGEST_HEAD = 200  # characters
_FAR = 60  # lines; nothing goes on after so many blank ones
_LONGEST = 10_000  # characters that go on after a blank line; all of them are looked at again for each that does
_PAGES = 3  # that begin with the same words


@dataclass(frozen=True, slots=True)
class Draft:
    """How a file prints a screenplay, learned from a sample.

    `speaks` is true for a name above words, `alone` for a line that is a paragraph of its own: a slugline, `CUT TO:`.
    """

    speaks: Callable[[str], bool]
    alone: Callable[[str], bool]
    centred: bool = False  # names are centred on their lines
    joined: bool = False  # and no blank lines before them
    detached: bool = False  # and blank lines below them
    lined: bool = False  # names, words and action are a line each, with no blank lines between
    outdented: bool = False  # action right below words begins further left
    width: int = 0  # characters of a full line of words, where action right below begins as they do; else 0
    column: int = 0  # spaces before names, where action begins further left; else 0
    names: frozenset[str] = frozenset()  # of those who speak
    heads: frozenset[str] = frozenset()  # what pages begin with, without their number

    def recut(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Paragraphs, each speech in one and the action below it in another."""
        held: Paragraph | None = None
        pages: list[Paragraph] = []  # what stands where one page ends and another begins
        for paragraph in self._parted(self._attached(source)):
            if held is not None and (_is_number(paragraph.text) or self.is_head(paragraph.text)):
                pages.append(paragraph)
                continue
            goes_on = self._runs_on if pages else self._goes_on
            near = held is not None and len(held.text) < _LONGEST and _gap(held, paragraph) < _FAR
            if held is not None and near and goes_on(held.text, paragraph.text):
                yield from pages
                held = _joined(held, paragraph)
            else:
                if held is not None:
                    yield from self._apart(held)
                yield from pages
                held = paragraph
            pages.clear()
        if held is not None:
            yield from self._apart(held)
        yield from pages

    def is_head(self, text: str) -> bool:
        """Return True for what pages begin with."""
        return bool(self.heads) and _head(text) in self.heads

    def says(self, lines: Sequence[str]) -> bool:
        """Return whether a name stands above words: known, or as and where others do, if names are centred."""
        if not self.speaks("\n".join(lines)):
            return False
        known = _name(lines[0]) in self.names and not lines[1].lstrip()[:1].islower()
        placed = _is_right(lines) or _indent(lines[0]) == self.column > 0 or self._is_narrow(lines)
        return not self.centred or known or placed or lines[0].rstrip().endswith(")")

    def _is_narrow(self, lines: Sequence[str]) -> bool:
        """Return whether a line could be words, where those are narrower than action and nothing else parts them."""
        first = lines[next(iter(_words(lines)), 0)].strip() if self.width else ""
        narrow = 0 < len(first) <= self.width + _LITTLE and not first[0].islower()
        return narrow and _SHOT.match(lines[0]) is None

    def _attached(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Paragraphs, names with the words below them where a blank line parts these."""
        held: Paragraph | None = None
        for paragraph in source:
            whole = paragraph
            if held is not None and _is_detached(held, paragraph, self.speaks):
                whole = _joined(held, paragraph)
            elif held is not None:
                yield held
            held = whole if self.detached and "\n" not in whole.text else None
            if held is None:
                yield whole
        if held is not None:
            yield held

    def _parted(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Paragraphs, parted before and after lines that stand alone, and before names where no blank line does it."""
        begins = self._begins_in_line if self.lined else self._begins
        for paragraph in source:
            lines = paragraph.text.split("\n")
            cuts = [at for at in range(1, len(lines)) if begins(lines, at)] if self.centred or self.lined else []
            yield from _cut(paragraph, lines, cuts)

    def _begins_in_line(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is no aside, continues no sentence, and has no name or aside above it."""
        if _is_above(lines, at, self.speaks) or self.alone(lines[at]):
            return True
        goes_on = lines[at].lstrip()[:1].islower() or lines[at].lstrip().startswith("(")
        return not (goes_on or _ASIDE.fullmatch(lines[at - 1]) or _is_above(lines, at - 1, self.speaks))

    def _begins(self, lines: Sequence[str], at: int) -> bool:
        above, line = lines[at - 1], lines[at]
        if self.alone(line) or (at == 1 and _is_number(above)) or self.is_head(line) or self.is_head(above):
            return True
        if self.alone(above):
            return not above.endswith("-")  # a slugline in two lines
        return (self.joined or is_furniture(above)) and self._is_named(lines, at)

    def _is_named(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is a centred name, further right than the lines above and below it."""
        indent = _indent(lines[at])
        above = 0 if is_furniture(lines[at - 1]) else _indent(lines[at - 1])
        return (
            indent >= _MIDDLE
            and at + 1 < len(lines)
            and indent > max(above, _indent(lines[at + 1]))
            and self.speaks(f"{lines[at]}\n{lines[at + 1]}")
        )

    def _goes_on(self, above: str, below: str) -> bool:
        """Return whether a song or a speech continues after a blank line."""
        first, _, rest = below.partition("\n")
        if first.startswith("~"):
            return above.rpartition("\n")[2].startswith("~") and all(line[:1] == "~" for line in rest.splitlines())
        if not self.centred or is_furniture(first) or self.alone(first):
            return False
        if _OPENED.fullmatch(above.rpartition("\n")[2]) and _CLOSED.match(first):
            return self.speaks(above)
        named = "\n" not in above
        if _ASIDE.fullmatch(first) and rest:
            return self.speaks(above) or (named and self.speaks(f"{above}\n{rest}"))
        return self._goes_on_in_capitals(above.split("\n"), below.split("\n"))

    def _goes_on_in_capitals(self, above: Sequence[str], below: Sequence[str]) -> bool:
        """Return whether words in capitals follow a name, or a sentence that they end: some prints set them apart."""
        if not below[0].isupper() or (len(below) > 1 and self.says(below)):
            return False
        if len(above) == 1:
            return _name(above[0]) in self.names and self.says([above[0], *below])
        words = _words(above) if self.says(above) else []
        return bool(words) and _indent(below[0]) == _indent(above[words[0]]) and not _SENTENCE_ENDS.search(above[-1])

    def _runs_on(self, above: str, below: str) -> bool:
        """Return whether a sentence of action continues on the next page."""
        told = not self.says(above.split("\n")) and not self.alone(above)
        return self.centred and told and below.lstrip()[:1].islower() and not _SENTENCE_ENDS.search(above)

    def _apart(self, paragraph: Paragraph) -> Iterator[Paragraph]:
        """A speech and the action below it; the captions of shots apart from what they show."""
        lines = paragraph.text.split("\n")
        end = 0
        if len(lines) > 1 and self.says(lines):
            outdented = _outdents(lines, 1 if self.outdented else _MIDDLE) if self.centred else []
            end = next(iter(outdented or self._breaks(lines)), len(lines))
        shown = range(end + 1, len(lines)) if self.centred else ()
        cuts = [end] * (0 < end < len(lines)) + [at for at in shown if _captions(lines[end:], at - end)]
        yield from _cut(paragraph, lines, cuts)

    def _breaks(self, lines: Sequence[str]) -> Iterator[int]:
        """Where a line ends with a sentence and the next word would still have fitted, or it is far too long."""
        for index in _words(lines)[1:] if self.width else ():
            above, line = lines[index - 1].strip(), lines[index].strip()
            fits = len(above) + 1 + len(line.split()[0]) <= self.width or len(line) > self.width + _LITTLE
            if fits and not line[0].islower() and not _ASIDE.fullmatch(above) and _SENTENCE_ENDS.search(above):
                yield index


def learn(sample: Iterable[Paragraph], speaks: Callable[[str], bool], alone: Callable[[str], bool]) -> Draft:
    """How a sample of a screenplay is printed."""
    found = list(sample)
    lined = _is_lined(found, speaks)
    detached = not lined and _are_detached(found, speaks)
    found = list(Draft(speaks, alone, detached=detached)._attached(found))
    joined = Draft(speaks, alone, centred=True, joined=True)
    inner = sum(joined._is_named(lines, at) for lines in map(_lines, found) for at in range(1, len(lines)))
    if lined or inner >= _MANY:
        found = list(replace(joined, lined=lined)._parted(found))
    above = [lines for lines in map(_lines, found) if speaks("\n".join(lines))]
    centred = sum(_indent(lines[0]) >= _MIDDLE for lines in above) > len(above) // 2
    draft = Draft(
        speaks, alone, centred, inner >= _MANY, detached, lined, names=_names(found, above), heads=_heads(found)
    )
    spoken = [lines for lines in above if draft.says(lines)]
    many = len(spoken) >= _MANY
    ended = [_SENTENCE_ENDS.search(lines[at - 1]) is not None for lines in spoken for at in _outdents(lines)[:1]]
    outdented = many and centred and len(ended) > _SOME * len(spoken) and sum(ended) > 0.7 * len(ended)
    width = _width(spoken) if many and centred and not outdented else 0
    column = Counter(_indent(lines[0]) for lines in spoken).most_common(1)[0][0] if outdented else 0
    return replace(draft, outdented=outdented, width=width, column=column)


def _is_lined(found: Iterable[Paragraph], speaks: Callable[[str], bool]) -> bool:
    """Return whether paragraphs hold many names above words, and lines longer than any that is set."""
    lines = [_lines(paragraph) for paragraph in found]
    named = sum(_is_above(each, at, speaks) for each in lines for at in range(1, len(each)))
    long = sum(len(line) > _SET for each in lines for line in each)
    return named >= _MANY and long > _SOME * sum(map(len, lines))


def _is_above(lines: Sequence[str], at: int, speaks: Callable[[str], bool]) -> bool:
    """Return whether this line is a name above spoken words."""
    name = lines[at].partition("(")[0]
    return at + 1 < len(lines) and name.isupper() and speaks(f"{lines[at]}\n{lines[at + 1]}")


def _are_detached(found: Sequence[Paragraph], speaks: Callable[[str], bool]) -> bool:
    """Return whether many names are centred, and most of them are above a blank line."""
    apart = sum(_is_detached(above, below, speaks) for above, below in itertools.pairwise(found))
    named = (_indent(paragraph.text) >= _MIDDLE and speaks(paragraph.text) for paragraph in found)
    return apart >= _MANY and apart > sum(named)


def _is_detached(above: Paragraph, below: Paragraph, speaks: Callable[[str], bool]) -> bool:
    """Return whether a name stands alone in the middle of the line, further right than the next paragraph."""
    return (
        "\n" not in above.text
        and above.text.isupper()
        and above.indent >= max(_MIDDLE, below.indent + 1)
        and below.indent > 0
        and _gap(above, below) < _FAR
        and speaks(f"{above.text}\n{below.text}")
    )


def _width(spoken: Sequence[Sequence[str]]) -> int:
    """Characters of a full line of words, if action that is wider stands right below some of them; else 0."""
    full = sorted(len(lines[_words(lines)[0]].strip()) for lines in spoken if _words(lines))
    most = full[len(full) * 9 // 10] if full else 0
    wider = sum(any(len(line.strip()) > most + _WIDER for line in lines) for lines in spoken)
    return most if most <= _NARROW and wider > _SOME * len(spoken) else 0


def _names(found: Iterable[Paragraph], above: Iterable[Sequence[str]]) -> frozenset[str]:
    """Names that stand in the middle of the line more than once, alone or above words, or anywhere above many."""
    alone = (lines for lines in map(_lines, found) if len(lines) == 1 and _indent(lines[0]) >= _MIDDLE)
    middle = Counter(_name(lines[0]) for lines in (*alone, *filter(_is_right, above)))
    anywhere = Counter(_name(lines[0]) for lines in above)
    return frozenset(name for name in middle | anywhere if middle[name] > 1 or anywhere[name] >= _OFTEN)


def _is_number(text: str) -> bool:
    """Return True for the number of a page; `VIC` and `DI` are names."""
    return is_furniture(text) and text.strip()[0].isdigit()


def _is_right(lines: Sequence[str]) -> bool:
    """Return whether the first line begins further right than the one below it."""
    return _indent(lines[0]) > _indent(lines[1])


def _lines(paragraph: Paragraph) -> list[str]:
    return paragraph.text.split("\n")


def _gap(above: Paragraph, below: Paragraph) -> int:
    """Line ends between two paragraphs."""
    return below.line - above.line_at(len(above.text))


def _joined(above: Paragraph, below: Paragraph) -> Paragraph:
    """Two paragraphs as one, with the blank lines between them."""
    return Paragraph(above.text + "\n" * _gap(above, below) + below.text, above.line)


def _cut(paragraph: Paragraph, lines: Sequence[str], cuts: Sequence[int]) -> Iterator[Paragraph]:
    """The paragraph in pieces that begin at these lines of it."""
    for begin, end in itertools.pairwise((0, *cuts, len(lines))):
        yield Paragraph("\n".join(lines[begin:end]), paragraph.line + begin) if cuts else paragraph


def _captions(lines: Sequence[str], at: int) -> bool:
    """Return whether a line in capitals begins here, or ends: `CLOSE ON ANNA`, and below what the shot shows."""
    above, line = lines[at - 1].strip(), lines[at].strip()
    if line.isupper():
        return _SENTENCE_ENDS.search(above) is not None and line[-1] not in ".!?"
    return above.isupper() and (at == 1 or _captions(lines, at - 1))


def _name(line: str) -> str:
    return line.partition("(")[0].strip()


def _words(lines: Sequence[str]) -> list[int]:
    """The lines of a speech that hold words, below the name: no `(aside)`, which may take more than one."""
    found: list[int] = []
    aside = False
    for index in range(1, len(lines)):
        text = lines[index].strip()
        aside = aside or text.startswith("(")
        if text and not aside:
            found.append(index)
        aside = aside and ")" not in text
    return found


def _outdents(lines: Sequence[str], least: int = 1) -> list[int]:
    """The lines of a speech that begin at least so much further left than its first words."""
    words = _words(lines)
    return [index for index in words if _indent(lines[index]) <= _indent(lines[words[0]]) - least]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _head(text: str) -> str:
    match = _HEAD.fullmatch(text.strip()) if "\n" not in text and len(text) < _LONGEST_HEAD else None
    return " ".join(match["head"].split()) if match else ""


def _heads(found: Iterable[Paragraph]) -> frozenset[str]:
    """Lines that come again with another number behind them."""
    numbers: dict[str, set[str]] = {}
    for paragraph in found:
        line = paragraph.text.rpartition("\n")[2]  # it may stand right below the last words of a page
        if (head := _head(line)) and not is_heading(line):
            numbers.setdefault(head, set()).add(line.rstrip(" .").rpartition(" ")[2])
    return frozenset(head for head, pages in numbers.items() if len(pages) >= _PAGES)
