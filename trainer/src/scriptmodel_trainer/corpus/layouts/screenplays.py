"""Paragraphs of a screenplay as they were written, where the print of a draft joins or parts them otherwise."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scriptmodel_trainer.corpus.layouts.marks import is_furniture
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_SENTENCE_ENDS = re.compile(r"(?:[.?!:…]|--|—)[\"”'’)]*\s*\Z")
_ASIDE = re.compile(r"\s*\((?=[^()]*[^\W\d_])[^()]*\)\s*")
_MIDDLE = 8  # spaces before names that stand in the middle of the line
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
    outdented: bool = False  # action right below words begins further left
    names: frozenset[str] = frozenset()  # of those who speak

    def recut(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Yield paragraphs, each speech in one and the action below it in another."""
        held: Paragraph | None = None
        for paragraph in self._parted(self._attached(source)):
            near = held is not None and len(held.text) < _LONGEST and _gap(held, paragraph) < _FAR
            if held is not None and near and self._continues(held.text, paragraph.text):
                held = joined_with(held, paragraph)
                continue
            if held is not None:
                yield from self._apart(held)
            held = paragraph
        if held is not None:
            yield from self._apart(held)

    def says(self, lines: Sequence[str]) -> bool:
        """Return whether a name stands above words: known, or as others do, if names are centred."""
        if not self.speaks("\n".join(lines)):
            return False
        known = _name_of(lines[0]) in self.names
        return not self.centred or known or _is_right(lines) or lines[0].rstrip().endswith(")")

    def _attached(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Yield paragraphs, names with the words below them where a blank line parts these."""
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
        """Yield paragraphs, parted at lines that stand alone, and before names where no blank line does it."""
        for paragraph in source:
            lines = paragraph.text.split("\n")
            cuts = [at for at in range(1, len(lines)) if self._begins(lines, at)] if self.centred else []
            yield from _cut_at(paragraph, lines, cuts)

    def _begins(self, lines: Sequence[str], at: int) -> bool:
        above, line = lines[at - 1], lines[at]
        if self.alone(line) or self.alone(above):
            return True
        return (self.joined or is_furniture(above)) and self.is_named(lines, at)

    def is_named(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is a centred name, further right than the lines above and below it."""
        indent = _indent_of(lines[at])
        above = 0 if is_furniture(lines[at - 1]) else _indent_of(lines[at - 1])
        return (
            indent >= _MIDDLE
            and at + 1 < len(lines)
            and indent > max(above, _indent_of(lines[at + 1]))
            and self.speaks(f"{lines[at]}\n{lines[at + 1]}")
        )

    def _continues(self, above: str, below: str) -> bool:
        """Return whether a speech continues after a blank line: after an aside, or in capitals."""
        first, _, rest = below.partition("\n")
        if not self.centred or is_furniture(first) or self.alone(first):
            return False
        if _ASIDE.fullmatch(first) and rest:
            return self.speaks(above) or ("\n" not in above and self.speaks(f"{above}\n{rest}"))
        lines = below.split("\n")
        if not first.isupper() or (rest and self.says(lines)):
            return False
        spoken = above.split("\n")
        if len(spoken) == 1:
            return _name_of(above) in self.names and self.says([above, *lines])
        words = _word_lines(spoken) if self.says(spoken) else []
        level = bool(words) and _indent_of(first) == _indent_of(spoken[words[0]])
        return level and not _SENTENCE_ENDS.search(above)

    def _apart(self, paragraph: Paragraph) -> Iterator[Paragraph]:
        """Yield a speech and the action below it."""
        lines = paragraph.text.split("\n")
        spoken = self.centred and len(lines) > 1 and self.says(lines)
        yield from _cut_at(paragraph, lines, _outdents(lines, 1 if self.outdented else _MIDDLE)[:1] if spoken else [])


def learn(sample: Iterable[Paragraph], speaks: Callable[[str], bool], alone: Callable[[str], bool]) -> ScreenplayStyle:
    """Return how a sample of a screenplay is printed."""
    found = list(sample)
    apart = sum(_is_detached(above, below, speaks) for above, below in itertools.pairwise(found))
    named = (_indent_of(paragraph.text) >= _MIDDLE and speaks(paragraph.text) for paragraph in found)
    plain = ScreenplayStyle(speaks, alone, detached=apart >= _MANY and apart > sum(named))
    found = list(plain._attached(found))
    joined = replace(plain, centred=True, joined=True, detached=False)
    inner = sum(joined.is_named(lines, at) for lines in map(_lines, found) for at in range(1, len(lines)))
    if inner >= _MANY:
        found = list(joined.recut(found))
    above = [lines for lines in map(_lines, found) if speaks("\n".join(lines))]
    draft = replace(
        plain,
        centred=sum(_indent_of(lines[0]) >= _MIDDLE for lines in above) > len(above) // 2,
        joined=inner >= _MANY,
        names=_names(found, above),
    )
    spoken = [lines for lines in above if draft.says(lines)]
    ended = [_SENTENCE_ENDS.search(lines[at - 1]) is not None for lines in spoken for at in _outdents(lines)[:1]]
    some = len(spoken) >= _MANY and len(ended) > _SOME * len(spoken)
    return replace(draft, outdented=draft.centred and some and sum(ended) > 0.7 * len(ended))


def _outdents(lines: Sequence[str], least: int = 1) -> list[int]:
    """Return the lines of a speech that begin at least so much further left than its first words."""
    words = _word_lines(lines)
    return [index for index in words if _indent_of(lines[index]) <= _indent_of(lines[words[0]]) - least]


def _word_lines(lines: Sequence[str]) -> list[int]:
    """Return the lines of a speech that hold words, below the name: no `(aside)`, which may take more than one."""
    found: list[int] = []
    aside = False
    for index in range(1, len(lines)):
        text = lines[index].strip()
        aside = aside or text.startswith("(")
        if text and not aside:
            found.append(index)
        aside = aside and ")" not in text
    return found


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


def _names(found: Iterable[Paragraph], above: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return names that are in the middle of the line more than once, alone or above words, or often above words."""
    alone = (lines for lines in map(_lines, found) if len(lines) == 1 and _indent_of(lines[0]) >= _MIDDLE)
    middle = Counter(_name_of(lines[0]) for lines in (*alone, *filter(_is_right, above)))
    anywhere = Counter(_name_of(lines[0]) for lines in above)
    return frozenset(name for name in middle | anywhere if middle[name] > 1 or anywhere[name] >= _OFTEN)


def _is_right(lines: Sequence[str]) -> bool:
    """Return whether the first line begins further right than the one below it."""
    return _indent_of(lines[0]) > _indent_of(lines[1])


def _lines(paragraph: Paragraph) -> list[str]:
    return paragraph.text.split("\n")


def _gap(above: Paragraph, below: Paragraph) -> int:
    """Return the number of line ends between two paragraphs."""
    return below.line - above.line_at(len(above.text))


def joined_with(above: Paragraph, below: Paragraph) -> Paragraph:
    """Return two paragraphs as one, with the blank lines between them."""
    return Paragraph(above.text + "\n" * _gap(above, below) + below.text, above.line)


def _cut_at(paragraph: Paragraph, lines: Sequence[str], cuts: Sequence[int]) -> Iterator[Paragraph]:
    """Yield the paragraph in pieces that begin at these lines of it."""
    for begin, end in itertools.pairwise((0, *cuts, len(lines))):
        yield Paragraph("\n".join(lines[begin:end]), paragraph.line + begin) if cuts else paragraph


def _name_of(line: str) -> str:
    return line.partition("(")[0].strip()


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
