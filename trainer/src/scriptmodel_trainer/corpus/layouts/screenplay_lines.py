"""Facts of the lines of a screenplay: indents, captions, names, words, heads of pages."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.layouts.marks import is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_HEAD = re.compile(r"(?P<head>\S.*?)(?:\s{2,}(?P<number>\d{1,3}[A-Z]?)\.?|\s(?P<stopped>\d{1,3})\.)\s*")
SENTENCE_ENDS = re.compile(r"(?:[.?!:…]|--|—)[\"”'’)]*\s*\Z")
_LONGEST_HEAD = 200  # characters
_PAGES = 3  # that begin with the same words


def is_number(text: str) -> bool:
    """Return True for the number of a page; `VIC` and `DI` are names."""
    return is_furniture(text) and text.strip()[0].isdigit()


def is_right(lines: Sequence[str]) -> bool:
    """Return whether the first line begins further right than the one below it."""
    return indent_of(lines[0]) > indent_of(lines[1])


def printed_lines(paragraph: Paragraph) -> list[str]:
    return paragraph.text.split("\n")


def gap(above: Paragraph, below: Paragraph) -> int:
    """Line ends between two paragraphs."""
    return below.line - above.line_at(len(above.text))


def joined_with(above: Paragraph, below: Paragraph) -> Paragraph:
    """Two paragraphs as one, with the blank lines between them."""
    return Paragraph(above.text + "\n" * gap(above, below) + below.text, above.line)


def cut_at(paragraph: Paragraph, lines: Sequence[str], cuts: Sequence[int]) -> Iterator[Paragraph]:
    """The paragraph in pieces that begin at these lines of it."""
    for begin, end in itertools.pairwise((0, *cuts, len(lines))):
        yield Paragraph("\n".join(lines[begin:end]), paragraph.line + begin) if cuts else paragraph


def captions(lines: Sequence[str], at: int) -> bool:
    """Return whether a line in capitals begins here, or ends: `CLOSE ON ANNA`, and below what the shot shows."""
    above, line = lines[at - 1].strip(), lines[at].strip()
    if line.isupper():
        return SENTENCE_ENDS.search(above) is not None and line[-1] not in ".!?"
    return above.isupper() and (at == 1 or captions(lines, at - 1))


def name_of(line: str) -> str:
    return line.partition("(")[0].strip()


def word_lines(lines: Sequence[str]) -> list[int]:
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


def outdents(lines: Sequence[str], least: int = 1) -> list[int]:
    """The lines of a speech that begin at least so much further left than its first words."""
    words = word_lines(lines)
    return [index for index in words if indent_of(lines[index]) <= indent_of(lines[words[0]]) - least]


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def head_of(text: str) -> str:
    match = _HEAD.fullmatch(text.strip()) if "\n" not in text and len(text) < _LONGEST_HEAD else None
    return " ".join(match["head"].split()) if match else ""


def page_heads(found: Iterable[Paragraph]) -> frozenset[str]:
    """Return the lines that recur with another number behind them."""
    numbers: dict[str, set[str]] = {}
    for paragraph in found:
        line = paragraph.text.rpartition("\n")[2]  # it may stand right below the last words of a page
        if (head := head_of(line)) and not is_heading(line):
            numbers.setdefault(head, set()).add(line.rstrip(" .").rpartition(" ")[2])
    return frozenset(head for head, pages in numbers.items() if len(pages) >= _PAGES)
