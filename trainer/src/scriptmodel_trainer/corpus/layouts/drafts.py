"""Paragraphs of a screenplay as they were written, where the print of a draft joins or parts them otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.layouts.marks import is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_ASIDE = re.compile(r"\s*\((?=[^()]*[^\W\d_])[^()]*\)\s*")
_HEAD = re.compile(r"(?P<head>\S.*?)(?:\s{2,}(?P<number>\d{1,3})\.?|\s(?P<stopped>\d{1,3})\.)\s*")
_SENTENCE_ENDS = re.compile(r"(?:[.?!:…]|--|—)[\"”'’)]*\s*\Z")
_MIDDLE = 8  # spaces before names that stand in the middle of the line
_NARROW = 45  # characters; printed words are not set wider
_WIDER = 8  # characters by which lines of action exceed them
_LITTLE = 2  # characters by which words may
_MANY = 20  # speeches
_SOME = 0.05  # of them
_PAGES = 3  # that begin with the same words


@dataclass(frozen=True, slots=True)
class Draft:
    """How a file prints a screenplay, learned from a sample; `speaks` is true for a name above words."""

    speaks: Callable[[str], bool]
    centred: bool  # names stand in the middle of the line
    outdented: bool  # action right below words begins further left
    width: int  # characters of a full line of words, where action right below begins as they do; else 0
    heads: frozenset[str]  # what pages begin with, without their number

    def recut(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Paragraphs, each speech in one and the action below it in another."""
        held: Paragraph | None = None
        for paragraph in source:
            if held is not None and self._goes_on(held.text, paragraph.text):
                gap = "\n" * (paragraph.line - held.line_at(len(held.text)))
                held = Paragraph(held.text + gap + paragraph.text, held.line)
                continue
            if held is not None:
                yield from self._apart(held)
            held = paragraph
        if held is not None:
            yield from self._apart(held)

    def is_head(self, text: str) -> bool:
        """True for what pages begin with."""
        return bool(self.heads) and _head(text) in self.heads

    def _goes_on(self, above: str, below: str) -> bool:
        """Whether a song goes on, or `(pause)` and words follow a speech or a name alone, after a blank line."""
        first, _, rest = below.partition("\n")
        if first.startswith("~"):
            return above.rpartition("\n")[2].startswith("~") and all(line[:1] == "~" for line in rest.splitlines())
        if not self.centred or not rest or not _ASIDE.fullmatch(first) or is_furniture(first):
            return False
        return self.speaks(above) or ("\n" not in above and self.speaks(f"{above}\n{rest}"))

    def _apart(self, paragraph: Paragraph) -> Iterator[Paragraph]:
        lines = paragraph.text.split("\n")
        if (self.outdented or self.width) and len(lines) > 2 and self.speaks(paragraph.text):
            outdented = _outdents(lines) if self.outdented else []
            for index in outdented or self._breaks(lines):
                yield Paragraph("\n".join(lines[:index]), paragraph.line)
                yield Paragraph("\n".join(lines[index:]), paragraph.line + index)
                return
        yield paragraph

    def _breaks(self, lines: Sequence[str]) -> Iterator[int]:
        """Where a line ends with a sentence and the next word would still have fitted, or it is far too long."""
        for index in _words(lines)[1:] if self.width else ():
            above, line = lines[index - 1].strip(), lines[index].strip()
            fits = len(above) + 2 + len(line.split()[0]) <= self.width or len(line) > self.width + _LITTLE
            if fits and not line[0].islower() and not _ASIDE.fullmatch(above) and _SENTENCE_ENDS.search(above):
                yield index


def learn(sample: Iterable[Paragraph], speaks: Callable[[str], bool]) -> Draft:
    """How a sample of a screenplay is printed."""
    found = list(sample)
    spoken = [paragraph.text.split("\n") for paragraph in found if speaks(paragraph.text)]
    many = len(spoken) >= _MANY
    centred = sum(_indent(lines[0]) >= _MIDDLE for lines in spoken) > len(spoken) // 2
    ended = [_SENTENCE_ENDS.search(lines[at - 1]) is not None for lines in spoken for at in _outdents(lines)[:1]]
    outdented = many and centred and len(ended) > _SOME * len(spoken) and sum(ended) > 0.7 * len(ended)
    width = 0
    if many and centred and not outdented:
        full = sorted(len(lines[_words(lines)[0]].strip()) for lines in spoken if _words(lines))
        most = full[len(full) * 95 // 100] if full else 0
        wider = sum(any(len(line.strip()) > most + _WIDER for line in lines) for lines in spoken)
        width = most if most <= _NARROW and wider > _SOME * len(spoken) else 0
    return Draft(speaks, centred, outdented, width, _heads(found))


def _words(lines: Sequence[str]) -> list[int]:
    """The lines of a speech that hold words, below the name."""
    return [index for index in range(1, len(lines)) if lines[index].strip() and lines[index].lstrip()[0] != "("]


def _outdents(lines: Sequence[str]) -> list[int]:
    """The lines of a speech that begin further left than its first words."""
    words = _words(lines)
    return [index for index in words if _indent(lines[index]) < _indent(lines[words[0]])]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _head(text: str) -> str:
    match = _HEAD.fullmatch(text) if "\n" not in text else None
    return " ".join(match["head"].split()) if match else ""


def _heads(found: Iterable[Paragraph]) -> frozenset[str]:
    """Lines that come again with another number behind them."""
    numbers: dict[str, set[str]] = {}
    for paragraph in found:
        if (head := _head(paragraph.text)) and not is_heading(paragraph.text):
            numbers.setdefault(head, set()).add(paragraph.text.rstrip(" .").rpartition(" ")[2])
    return frozenset(head for head, pages in numbers.items() if len(pages) >= _PAGES)
