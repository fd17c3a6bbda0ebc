"""Files that need no reading between the lines: already normalised, one sentence a line, or kept byte for byte."""

import re
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.exact import STRUCTURE, exact_tokens
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, silent
from scriptmodel_trainer.corpus.tokens import EOS

_GLUED = re.compile(r"\w[,;:?!，。、；：？！]")
_ENOUGH_WORDS = 200  # fewer words show nothing by what they lack
_MOST_GLUED = 0.002
_MOST_AT_ONCE = 1 << 16  # characters of a paragraph
_MARKERS = ("<eos>", "<boname>", "<open-exp>", "<question>", "<exclamation>")


def parse(
    rule: str, end: str, lines: Iterable[str], sample: Sequence[str], explain: Explain = silent
) -> Iterator[Event]:
    """Yield lines in token form as they are, each with an `end`: a plain line is a sentence."""
    del sample
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            explain(Decision(number, "verbatim", rule))
            yield Event(EventKind.VERBATIM, line + end, line=number)


def parse_exact(lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
    """Yield the reversible tokens of paragraphs, given lines with their line ends; `<eos>` ends the file."""
    del sample
    before = ""
    for number, paragraph in _paragraphs(lines):
        explain(Decision(number, "verbatim", "reversible"))
        tokens = list(exact_tokens(paragraph, before))
        before = next((token for token in reversed(tokens) if token not in STRUCTURE), before)
        yield Event(EventKind.VERBATIM, " ".join(tokens), line=number)
    yield Event(EventKind.VERBATIM, EOS)


def _paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line of each paragraph, and its text with the empty lines that follow it."""
    held: list[str] = []
    first, size = 1, 0
    for number, line in enumerate(lines, 1):
        if held and (size >= _MOST_AT_ONCE or (held[-1] == "\n" and line != "\n")):
            yield first, "".join(held)
            held, first, size = [], number, 0
        held.append(line)
        size += len(line)
    if held:
        yield first, "".join(held)


def score_normalized(lines: Sequence[str]) -> float:
    """Share of lines that hold markers of the token stream."""
    full = [line for line in lines if line and not line.isspace()]
    marked = sum(any(marker in line for marker in _MARKERS) for line in full)
    return marked / len(full) if full else 0.0


def score_plain(lines: Sequence[str]) -> float:
    """Much for text that is split into words already, so that no punctuation touches a word.

    Else little for anything with words: what is chosen when no layout of scripts is recognised.
    """
    words = [word for line in lines for word in line.split()]
    if not words:
        return 0.0
    glued = sum(_GLUED.search(word) is not None for word in words)
    return 0.8 if len(words) >= _ENOUGH_WORDS and glued <= _MOST_GLUED * len(words) else 0.05
