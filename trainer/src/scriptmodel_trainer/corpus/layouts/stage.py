"""Printed plays: a cue (who speaks) and the speech, directions in brackets or on their own, front matter before it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.cues import STYLES, CueStyle, cue_share, find_cues, speakers_of, starts_with_cue
from scriptmodel_trainer.corpus.layouts.paragraphs import (
    Paragraph,
    is_bracketed,
    is_closing,
    is_front_heading,
    is_furniture,
    is_heading,
    opens_only,
    paragraphs,
    plain,
    reads_like_direction,
    without_brackets,
)

_AHEAD = 12  # paragraphs looked at to see whether a play has begun
_ENOUGH = 4  # cues among them
_BACK = 60  # paragraphs before the first cue in which the heading of its scene is looked for
_LONGEST_DIRECTION = 12_000  # characters; a bracket that is never closed must not swallow the play


@dataclass(frozen=True, slots=True)
class _Voice:
    """A cue style together with the speakers that a file shows in it."""

    style: CueStyle
    speakers: frozenset[str]
    enough: int

    def begins(self, paragraph: Paragraph, following: Sequence[Paragraph]) -> bool:
        """A play begins where someone speaks and others soon do, too."""
        if not self.speakers or not starts_with_cue(self.style, paragraph, self.speakers):
            return False
        cues = sum(1 for other in following if starts_with_cue(self.style, other, self.speakers))
        inside = sum(1 for _ in find_cues(self.style, paragraph.text, self.speakers)) - 1
        most = max(0, len(following) - 1) // (2 if self.style.alone else 1)
        return cues + inside >= min(self.enough, most)


class StageParser:
    """Reads files of one cue style; another play in the same file may have another style."""

    def __init__(self, style: CueStyle) -> None:
        self._style = style

    def score(self, sample: Sequence[str]) -> float:
        """How well the style fits a sample of lines, 0 to 1."""
        return min(0.98, cue_share(self._style, sample))

    def parse(self, lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
        """Events of a file; `sample` are lines of it, from which the speakers are learned."""
        voices = [_Voice(self._style, speakers_of(self._style, sample), _ENOUGH)]
        voices += [
            _Voice(other, speakers_of(other, sample), 2 * _ENOUGH) for other in STYLES if other is not self._style
        ]
        source = paragraphs(lines)
        ahead: deque[Paragraph] = deque()
        front: deque[Paragraph] = deque()
        body: _Body | None = None
        while True:
            ahead.extend(itertools.islice(source, _AHEAD - len(ahead)))
            if not ahead:
                break
            paragraph = ahead.popleft()
            if body is not None and (is_closing(paragraph.text) or is_front_heading(paragraph.text)):
                yield from body.end()
                body = None
            elif body is None:
                voice = next((voice for voice in voices if voice.begins(paragraph, list(ahead))), None)
                if voice is not None:
                    body = _Body(voice.style, voice.speakers)
                    yield from _opening(front, body)
            if body is not None:
                yield from body.read(paragraph)
                continue
            front.append(paragraph)
            if len(front) > _BACK:
                yield _cut(front.popleft())
        if body is not None:
            yield from body.end()
        yield from map(_cut, front)


def _opening(front: deque[Paragraph], body: _Body) -> Iterator[Event]:
    """What stands before the first cue: cut up to the last heading of an act or scene, the rest belongs to it."""
    held = list(front)
    front.clear()
    headings = [index for index, paragraph in enumerate(held) if is_heading(paragraph.text)]
    start = len(held)
    if headings:
        start = headings[-1]
        while start - 1 in headings:  # ACT I, then SCENE I
            start -= 1
    while start == len(held) and start and is_bracketed(held[start - 1].text):
        start -= 1  # no heading: a direction right before the first cue
    for index, paragraph in enumerate(held):
        if index < start:
            yield _cut(paragraph)
        else:
            yield from body.read(paragraph)


def _cut(paragraph: Paragraph) -> Event:
    return Event(EventKind.CUT, paragraph.text, line=paragraph.line)


class _Body:
    """State within a play: who speaks, the speech so far, a direction that is still open."""

    def __init__(self, style: CueStyle, speakers: frozenset[str]) -> None:
        self._style = style
        self._speakers = speakers
        self._speaker = ""
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self._open: list[str] = []
        self._open_line = 0

    def read(self, paragraph: Paragraph) -> Iterator[Event]:
        text = paragraph.text
        if self._open and not starts_with_cue(self._style, paragraph, self._speakers):
            self._open.append(text)
            closed = not opens_only("\n".join(self._open))
            if closed or sum(map(len, self._open)) > _LONGEST_DIRECTION:
                yield from self._direction_done()
            return
        yield from self._direction_done()
        if is_furniture(text):
            yield _cut(paragraph)
        elif is_heading(text):
            yield from self.end()
            yield Event(EventKind.HEADING, plain(text), line=paragraph.line)
        elif opens_only(text):
            self._open, self._open_line = [text], paragraph.line
        elif is_bracketed(text):
            yield from self._exposition(text, paragraph.line)
        else:
            yield from self._speak(paragraph)

    def end(self) -> Iterator[Event]:
        """The play, or a scene of it, is over: nobody speaks any more."""
        yield from self._direction_done()
        yield from self._speech_done()
        self._speaker = ""

    def _speak(self, paragraph: Paragraph) -> Iterator[Event]:
        cues = list(find_cues(self._style, paragraph.text, self._speakers))
        before = paragraph.text[: cues[0].start] if cues else paragraph.text
        if before.strip():
            yield from self._continue(before, paragraph.line)
        for cue, following in itertools.zip_longest(cues, cues[1:]):
            yield from self._speech_done()
            self._speaker, self._continued = cue.name, False
            said = paragraph.text[cue.end : following.start if following else None]
            self._say(f"{cue.direction} {said}", paragraph.line + paragraph.text.count("\n", 0, cue.start))

    def _continue(self, text: str, line: int) -> Iterator[Event]:
        """A paragraph without a cue: the speech goes on, or it is a direction without brackets."""
        if not self._speaker or self._is_direction(text):
            yield from self._exposition(text, line)
        else:
            self._say(text, line)

    def _is_direction(self, text: str) -> bool:
        if reads_like_direction(text) and len(text) < 400:
            return True
        if self._style.alone and not self._speech:
            return False  # the words of the name that stands alone before it
        words = plain(text).split()
        names_someone = words[0].strip(".,") in self._speakers if words else False
        # `HELENA goes out. A pause.`: a capital name that does not speak here, in a short paragraph
        return names_someone and words[0].isupper() and len(words) < 40

    def _exposition(self, text: str, line: int) -> Iterator[Event]:
        yield from self._speech_done()
        yield Event(EventKind.EXPOSITION, without_brackets(text), line=line)

    def _say(self, text: str, line: int) -> None:
        if not self._speech:
            self._speech_line = line
        self._speech.append(plain(text))

    def _speech_done(self) -> Iterator[Event]:
        text = " ".join(self._speech).strip()
        self._speech = []
        if text:
            yield Event(EventKind.SPEECH, text, self._speaker, self._speech_line, self._continued)
            self._continued = True

    def _direction_done(self) -> Iterator[Event]:
        if self._open:
            text = "\n".join(self._open)
            self._open = []
            yield from self._exposition(text, self._open_line)
