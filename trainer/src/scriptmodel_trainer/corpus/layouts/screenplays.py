"""Paragraphs of a screenplay as they were written, where the print of a draft joins or parts them otherwise."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scriptmodel_trainer.corpus.layouts.marks import is_furniture
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph
from scriptmodel_trainer.corpus.layouts.screenplay_lines import (
    SENTENCE_ENDS,
    captions,
    cut_at,
    gap,
    head_of,
    indent_of,
    is_number,
    is_right,
    joined_with,
    name_of,
    outdents,
    page_heads,
    printed_lines,
    word_lines,
)

_ASIDE = re.compile(r"\s*\((?=[^()]*[^\W\d_])[^()]*\)\s*")
_OPENED = re.compile(r"\s*\([^()]*")  # an aside that continues
_CLOSED = re.compile(r"[^()]{1,60}\)")
_SHOT = re.compile(  # what a caption begins with, and no name
    r"\s*(?:CLOSE|WIDE|ANGLE|INSERT|REVERSE|MOVE|BACK|POV|ON|IN|INTO|AT|FROM|INSIDE|OUTSIDE|THROUGH|UNDER|ABOVE|BEHIND)\b"
)
_MIDDLE = 8  # spaces before names that stand in the middle of the line
_SET = 120  # characters; no line is set wider
_NARROW = 45  # characters; printed words are not set wider
_WIDER = 8  # characters by which lines of action exceed them
_LITTLE = 2  # characters by which words may
_MANY = 20  # speeches
_OFTEN = 4  # times that a line above words is a name, not a caption
_SOME = 0.05  # of them
_FAR = 60  # lines; nothing continues after so many blank ones
_LONGEST = 10_000  # characters that continue after a blank line; each continuation reads all of them again


@dataclass(frozen=True, slots=True)
class ScreenplayStyle:
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
            if held is not None and (is_number(paragraph.text) or self.is_head(paragraph.text)):
                pages.append(paragraph)
                continue
            continues = self._runs_on if pages else self._continues
            near = held is not None and len(held.text) < _LONGEST and gap(held, paragraph) < _FAR
            if held is not None and near and continues(held.text, paragraph.text):
                yield from pages
                held = joined_with(held, paragraph)
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
        return bool(self.heads) and head_of(text) in self.heads

    def says(self, lines: Sequence[str]) -> bool:
        """Return whether a name stands above words: known, or as and where others do, if names are centred."""
        if not self.speaks("\n".join(lines)):
            return False
        known = name_of(lines[0]) in self.names and not lines[1].lstrip()[:1].islower()
        placed = is_right(lines) or indent_of(lines[0]) == self.column > 0 or self._is_narrow(lines)
        return not self.centred or known or placed or lines[0].rstrip().endswith(")")

    def _is_narrow(self, lines: Sequence[str]) -> bool:
        """Return whether a line could be words, where those are narrower than action and nothing else parts them."""
        first = lines[next(iter(word_lines(lines)), 0)].strip() if self.width else ""
        narrow = 0 < len(first) <= self.width + _LITTLE and not first[0].islower()
        return narrow and _SHOT.match(lines[0]) is None

    def _attached(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Paragraphs, names with the words below them where a blank line parts these."""
        held: Paragraph | None = None
        for paragraph in source:
            whole = paragraph
            if held is not None and _is_detached(held, paragraph, self.speaks):
                whole = joined_with(held, paragraph)
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
            yield from cut_at(paragraph, lines, cuts)

    def _begins_in_line(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is no aside, continues no sentence, and has no name or aside above it."""
        if _is_above(lines, at, self.speaks) or self.alone(lines[at]):
            return True
        continues = lines[at].lstrip()[:1].islower() or lines[at].lstrip().startswith("(")
        return not (continues or _ASIDE.fullmatch(lines[at - 1]) or _is_above(lines, at - 1, self.speaks))

    def _begins(self, lines: Sequence[str], at: int) -> bool:
        above, line = lines[at - 1], lines[at]
        if self.alone(line) or (at == 1 and is_number(above)) or self.is_head(line) or self.is_head(above):
            return True
        if self.alone(above):
            return not above.endswith("-")  # a slugline in two lines
        return (self.joined or is_furniture(above)) and self._is_named(lines, at)

    def _is_named(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is a centred name, further right than the lines above and below it."""
        indent = indent_of(lines[at])
        above = 0 if is_furniture(lines[at - 1]) else indent_of(lines[at - 1])
        return (
            indent >= _MIDDLE
            and at + 1 < len(lines)
            and indent > max(above, indent_of(lines[at + 1]))
            and self.speaks(f"{lines[at]}\n{lines[at + 1]}")
        )

    def _continues(self, above: str, below: str) -> bool:
        """Return whether a speech continues after a blank line."""
        first, _, rest = below.partition("\n")
        if not self.centred or is_furniture(first) or self.alone(first):
            return False
        if _OPENED.fullmatch(above.rpartition("\n")[2]) and _CLOSED.match(first):
            return self.speaks(above)
        named = "\n" not in above
        if _ASIDE.fullmatch(first) and rest:
            return self.speaks(above) or (named and self.speaks(f"{above}\n{rest}"))
        return self._continues_in_capitals(above.split("\n"), below.split("\n"))

    def _continues_in_capitals(self, above: Sequence[str], below: Sequence[str]) -> bool:
        """Return whether words in capitals follow a name, or a sentence that they end: some prints set them apart."""
        if not below[0].isupper() or (len(below) > 1 and self.says(below)):
            return False
        if len(above) == 1:
            return name_of(above[0]) in self.names and self.says([above[0], *below])
        words = word_lines(above) if self.says(above) else []
        return bool(words) and indent_of(below[0]) == indent_of(above[words[0]]) and not SENTENCE_ENDS.search(above[-1])

    def _runs_on(self, above: str, below: str) -> bool:
        """Return whether a sentence of action continues on the next page."""
        action = not self.says(above.split("\n")) and not self.alone(above)
        return self.centred and action and below.lstrip()[:1].islower() and not SENTENCE_ENDS.search(above)

    def _apart(self, paragraph: Paragraph) -> Iterator[Paragraph]:
        """A speech and the action below it; the captions of shots apart from what they show."""
        lines = paragraph.text.split("\n")
        end = 0
        if len(lines) > 1 and self.says(lines):
            outdented = outdents(lines, 1 if self.outdented else _MIDDLE) if self.centred else []
            end = next(iter(outdented or self._breaks(lines)), len(lines))
        shown = range(end + 1, len(lines)) if self.centred else ()
        cuts = [end] * (0 < end < len(lines)) + [at for at in shown if captions(lines[end:], at - end)]
        yield from cut_at(paragraph, lines, cuts)

    def _breaks(self, lines: Sequence[str]) -> Iterator[int]:
        """Where a line ends with a sentence and the next word would still have fitted, or it is far too long."""
        for index in word_lines(lines)[1:] if self.width else ():
            above, line = lines[index - 1].strip(), lines[index].strip()
            fits = len(above) + 1 + len(line.split()[0]) <= self.width or len(line) > self.width + _LITTLE
            if fits and not line[0].islower() and not _ASIDE.fullmatch(above) and SENTENCE_ENDS.search(above):
                yield index


def learn(sample: Iterable[Paragraph], speaks: Callable[[str], bool], alone: Callable[[str], bool]) -> ScreenplayStyle:
    """How a sample of a screenplay is printed."""
    found = list(sample)
    lined = _is_lined(found, speaks)
    detached = not lined and _are_detached(found, speaks)
    found = list(ScreenplayStyle(speaks, alone, detached=detached)._attached(found))
    joined = ScreenplayStyle(speaks, alone, centred=True, joined=True)
    inner = sum(joined._is_named(lines, at) for lines in map(printed_lines, found) for at in range(1, len(lines)))
    if lined or inner >= _MANY:
        found = list(replace(joined, lined=lined)._parted(found))
    above = [lines for lines in map(printed_lines, found) if speaks("\n".join(lines))]
    centred = sum(indent_of(lines[0]) >= _MIDDLE for lines in above) > len(above) // 2
    draft = ScreenplayStyle(
        speaks, alone, centred, inner >= _MANY, detached, lined, names=_names(found, above), heads=page_heads(found)
    )
    spoken = [lines for lines in above if draft.says(lines)]
    many = len(spoken) >= _MANY
    ended = [SENTENCE_ENDS.search(lines[at - 1]) is not None for lines in spoken for at in outdents(lines)[:1]]
    outdented = many and centred and len(ended) > _SOME * len(spoken) and sum(ended) > 0.7 * len(ended)
    width = _width(spoken) if many and centred and not outdented else 0
    column = Counter(indent_of(lines[0]) for lines in spoken).most_common(1)[0][0] if outdented else 0
    return replace(draft, outdented=outdented, width=width, column=column)


def _is_lined(found: Iterable[Paragraph], speaks: Callable[[str], bool]) -> bool:
    """Return whether paragraphs hold many names above words, and lines longer than any that is set."""
    lines = [printed_lines(paragraph) for paragraph in found]
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
    named = (indent_of(paragraph.text) >= _MIDDLE and speaks(paragraph.text) for paragraph in found)
    return apart >= _MANY and apart > sum(named)


def _is_detached(above: Paragraph, below: Paragraph, speaks: Callable[[str], bool]) -> bool:
    """Return whether a name stands alone in the middle of the line, further right than the next paragraph."""
    return (
        "\n" not in above.text
        and above.text.isupper()
        and above.indent >= max(_MIDDLE, below.indent + 1)
        and below.indent > 0
        and gap(above, below) < _FAR
        and speaks(f"{above.text}\n{below.text}")
    )


def _width(spoken: Sequence[Sequence[str]]) -> int:
    """Characters of a full line of words, if action that is wider stands right below some of them; else 0."""
    full = sorted(len(lines[word_lines(lines)[0]].strip()) for lines in spoken if word_lines(lines))
    most = full[len(full) * 9 // 10] if full else 0
    wider = sum(any(len(line.strip()) > most + _WIDER for line in lines) for lines in spoken)
    return most if most <= _NARROW and wider > _SOME * len(spoken) else 0


def _names(found: Iterable[Paragraph], above: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return names that are in the middle of the line more than once, alone or above words, or often above words."""
    alone = (lines for lines in map(printed_lines, found) if len(lines) == 1 and indent_of(lines[0]) >= _MIDDLE)
    middle = Counter(name_of(lines[0]) for lines in (*alone, *filter(is_right, above)))
    anywhere = Counter(name_of(lines[0]) for lines in above)
    return frozenset(name for name in middle | anywhere if middle[name] > 1 or anywhere[name] >= _OFTEN)
