"""The speeches of a draft, and the turns of speeches by which voices are compared: words and runs of them, no names."""

import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.given import given_events
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.speeches import Speech, said, speeches_of
from scriptmodel_trainer.corpus.stream import events_of

Turn = tuple[str, ...]
"""Words that follow each other, in small letters."""
NAME = "~"
"""A word of a turn that is a speaker's name."""
LONGEST = 3
"""Words of a turn."""
_LETTERS = re.compile(r"[^\W\d_]+")
_STRAIGHT = str.maketrans(dict.fromkeys("’‘`´′", "'") | dict.fromkeys("“”", '"') | dict.fromkeys("—–", "-"))
_SHORTEST_NAME = 3
"""Letters of a word of a name; shorter ones are not only names."""


def straightened(speeches: Iterable[Speech]) -> list[Speech]:
    """Return speeches with straight quotes and dashes: how they are printed is no voice."""
    return [msgspec.structs.replace(each, text=each.text.translate(_STRAIGHT)) for each in speeches]


def read_draft(source: Source, layout: Layout | None, known: Callable[[str], bool]) -> list[Speech]:
    """Return the speeches of a draft; one of a few lines, which shows no layout, is read by its cues.

    `known` tells whether somebody of that name speaks in the plays.
    """
    found = list(speeches_of(source, events_of(source, layout)[2]))
    if found:
        return straightened(found)
    lines = list(reading.read_lines(source))
    line = 0
    for event in given_events("\n".join(lines), known):
        if event.kind is EventKind.SPEECH:
            name = event.speaker.casefold()
            line = next(
                (number for number, each in enumerate(lines, 1) if number > line and name in each.casefold()), line
            )
            found += [Speech(event.speaker, text, line, source.name)] if (text := said(event)) else []
    return straightened(found)


class Turns:
    """Yields the turns of speeches; names of these speakers are masked, since they tell the play and not the voice."""

    def __init__(self, speakers: Iterable[str]) -> None:
        words = (word.lower() for speaker in speakers for word in _LETTERS.findall(speaker))
        self._names = {word for word in words if len(word) >= _SHORTEST_NAME}

    def __call__(self, speech: Speech, longest: int = LONGEST) -> Iterator[Turn]:
        """Yield each run of at most so many words between two marks."""
        for clause in speech.clauses:
            words = [NAME if self.is_name(word) else word.lower() for word in clause]
            for size in range(1, longest + 1):
                yield from zip(*(words[start:] for start in range(size)), strict=False)

    def is_name(self, word: str) -> bool:
        """Return whether a word with a capital is a part of a speaker's name."""
        return word[:1].isupper() and word.partition("'")[0].lower() in self._names
