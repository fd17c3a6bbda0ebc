"""The state of reading a play: who speaks, the speech so far, an open direction. It decides nothing."""

import itertools
import re
from collections.abc import Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind
from scriptmodel_trainer.corpus.layouts.directions import (
    closes_at,
    ends_open,
    own_lines,
    said,
    without_brackets,
)
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, silent

_LONGEST_DIRECTION = 12_000  # characters; a bracket that is never closed must not swallow the play
_DASH_AFTER = re.compile(r"^(\s*[\[(][^\[\]()]*[\])])[.,]?\s*--\s*")  # `NAME -- [aside.] -- words`
_ITALIC_AFTER = re.compile(r"^\s*_([^_]{1,300}?)\.?_\.?\s*--\s*")  # `NAME -- _aside._ -- words`


class Body:
    """The state within a play, and the ways to continue it; `decisions` chooses among them."""

    def __init__(self, recognizer: Recognizer, explain: Explain = silent) -> None:
        self.recognizer = recognizer
        self.cast = recognizer.cast
        self.speakers = recognizer.speakers
        self.speaker = ""
        self.silent = False  # the one who speaks has only been named so far
        self.songs = False  # the play has headings of songs
        self.open: list[str] = []  # paragraphs of a direction whose bracket is not closed yet
        self._open_line = 0
        self._open_length = 0
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self._named_line = 0  # where someone was named who has said nothing yet
        self.explain = explain

    @property
    def breaks_off(self) -> bool:
        """Return whether the speech so far ends within a sentence."""
        return bool(self._speech) and ends_open(self._speech[-1])

    def open_direction(self, paragraph: Evidence) -> Iterator[Event]:
        """Start a direction whose bracket a following paragraph closes."""
        yield from self._speech_done()
        self.open, self._open_line, self._open_length = [paragraph.text], paragraph.line, len(paragraph.text)

    def continue_direction(self, paragraph: Evidence) -> Iterator[Event]:
        """Add a paragraph to the direction that is open."""
        self.open.append(paragraph.text)
        self._open_length += len(paragraph.text)
        if closes_at(paragraph.text, depth=1) >= 0 or self._open_length > _LONGEST_DIRECTION:
            yield from self._close_direction()

    def _close_direction(self) -> Iterator[Event]:
        text = "\n".join(self.open)
        self.open = []
        yield from self.exposition(text, self._open_line)

    def exposition(self, text: str, line: int, doubtful: bool = False) -> Iterator[Event]:
        """End the speech, and give a direction."""
        yield from self._speech_done()
        yield Event(EventKind.EXPOSITION, without_brackets(text), line=line, doubtful=doubtful)

    def sing(self, singer: str) -> Iterator[Event]:
        """Start a song by the singer that its heading names."""
        yield from self._speech_done()
        if singer:
            self.speaker, self._continued = singer, True

    def begin(self, cue: Cue, paragraph: Evidence, end: int) -> Iterator[Event]:
        """Start a speech with the words of the paragraph up to `end`."""
        text = paragraph.text
        yield from self._speech_done()
        yield from self._only_named()
        self.speaker, self._continued, self.silent = cue.name, False, True
        self._named_line = paragraph.line_at(cue.start)
        line = paragraph.line_at(cue.end)
        if cue.direction:
            self._say(cue.direction, self._named_line)
            self.silent = True
        words = text[cue.end : end]
        if cue.direction and "--" in words[:4]:
            words = words.lstrip(" .,-")
        elif cue.kind is CueKind.DASH:
            words = _DASH_AFTER.sub(r"\1 ", _ITALIC_AFTER.sub(r"(\1) ", words, count=1), count=1)
        if words.strip():
            yield from self.lines(words, line, lead=cue.end - text.rfind("\n", 0, cue.end) - 1)

    def lines(self, text: str, line: int, lead: int = 0) -> Iterator[Event]:
        """Add words to the speech, and give the directions between them that have lines of their own.

        `lead` characters, those of the cue, are before the words on their first line.
        """
        done = 0
        if "\n" in text:
            for start, end in own_lines(text, self.cast.width, self.cast.round_brackets, lead):
                if text[done:start].strip():
                    self._say(text[done:start], line + text.count("\n", 0, done))
                if self.silent:
                    continue  # beside the name, if on another line
                at = line + text.count("\n", 0, start)
                self.explain(Decision(at, "exposition", "lines-of-its-own"))
                yield from self.exposition(text[start:end], at)
                done = end
        if text[done:].strip():
            if done:
                self.explain(Decision(line + text.count("\n", 0, done) + 1, "speech", "words-continue"))
            self._say(text[done:], line + text.count("\n", 0, done), 0 if done else lead)

    def end(self) -> Iterator[Event]:
        """End the play, or a scene of it: nobody speaks any more."""
        if self.open:
            yield from self._close_direction()
        yield from self._speech_done()
        yield from self._only_named()
        self.speaker = ""

    def _say(self, text: str, line: int, lead: int = 0) -> None:
        if not self._speech:
            self._speech_line = line + len(text[: len(text) - len(text.lstrip())].split("\n")) - 1
        words = said(text, lead)
        self._speech.append(words)
        self.silent = self.silent and not words.strip()

    def _only_named(self) -> Iterator[Event]:
        """Give a name without words as a direction: a heading that looks like a name, or who is seen."""
        if self._named_line:
            yield Event(EventKind.EXPOSITION, self.speaker, line=self._named_line, doubtful=True)
        self._named_line = 0

    def _speech_done(self) -> Iterator[Event]:
        text = _joined(self._speech).strip()
        self._speech = []
        if text:
            self._named_line = 0
            yield Event(EventKind.SPEECH, text, self.speaker, self._speech_line, self._continued)
            self._continued = True


def _joined(parts: Sequence[str]) -> str:
    """Return the parts of a speech as one text; if some of them are verse, each but a direction ends a line."""
    verse = any("\n" in part for part in parts)
    ends = ("\n" if verse and not part.endswith(("]", ")")) else " " for part in parts)
    return "".join(itertools.chain.from_iterable(zip(parts, ends, strict=True)))
