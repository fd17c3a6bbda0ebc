"""Files in which no speeches are looked for: already in token form, or plain text, which is kept byte for byte."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import EOS, MARKERS

_GLUED = re.compile(r"\w[,;:?!，。、；：？！]")
_ENOUGH_WORDS = 200  # fewer words show nothing by what they lack
_MOST_GLUED = 0.002
_MOST_AT_ONCE = 1 << 16  # characters of a paragraph
_MARKED = ("<eos>", "<boname>", "<open-exp>", "<question>", "<exclamation>")
_KNOWN = MARKERS.union(plain.MARKERS)


def parse_normalized(lines: Iterable[str], _: Sequence[str]) -> Iterator[Event]:
    """Yield lines of tokens as they are; one without any marker is a sentence, which gets its end."""
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            marked = not _KNOWN.isdisjoint(line.split())
            rule = "token-stream" if marked else "sentence"
            yield Event(EventKind.VERBATIM, line if marked else f"{line} {EOS}", line=number, why=((number, rule),))


def parse_plain(lines: Iterable[str], _: Sequence[str]) -> Iterator[Event]:
    """Yield the reversible tokens of paragraphs, given lines with their line ends; `<eos>` ends the file."""
    before, last = "", None
    for number, paragraph in _paragraphs(lines):
        if last:
            yield last
        tokens = list(plain.plain_tokens(paragraph, before))
        before = next((token for token in reversed(tokens) if token not in plain.STRUCTURE), before)
        last = Event(EventKind.VERBATIM, " ".join(tokens), line=number, why=((number, "reversible"),))
    if last:  # whose end is no paragraph, which might be all that validates
        yield replace(last, text=f"{last.text} {EOS}")


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line of each paragraph, and its text with the blank lines around it."""
    held: list[str] = []
    first, size, blank = 1, 0, True
    for number, line in enumerate(lines, 1):
        if held and (size >= _MOST_AT_ONCE or (held[-1] == "\n" and not blank and not line.isspace())):
            yield first, "".join(held)
            held, first, size, blank = [], number, 0, True
        held.append(line)
        size += len(line)
        blank = blank and line.isspace()
    if held and (not blank or first > 1):
        yield first, "".join(held)


def score_normalized(lines: Sequence[str]) -> float:
    """Share of lines that hold markers of the token stream; much for text in which no punctuation touches a word."""
    full = [line for line in lines if line and not line.isspace()]
    words = [word for line in full for word in line.split()]
    if len(words) >= _ENOUGH_WORDS and sum(map(bool, map(_GLUED.search, words))) <= _MOST_GLUED * len(words):
        return 0.8
    marked = sum(any(marker in line for marker in _MARKED) for line in full)
    return marked / len(full) if full else 0.0


def score_plain(lines: Sequence[str]) -> float:
    """Little for anything with words: what is chosen when no layout of scripts is recognised."""
    return 0.05 if any(line.split() for line in lines) else 0.0
