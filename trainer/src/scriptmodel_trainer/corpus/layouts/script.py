"""Puts what was read together: the words of one speaker become a speech, anything else is an event of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.directions import ends_open, without_brackets

_MOST_PARTS = 400  # of a speech that is held; a longer one is given in parts


class Script:
    """The speech so far, and the events that are complete, of which the first one has the title of the play."""

    def __init__(self, title: str = "", bare: Callable[[str], str] = without_brackets) -> None:
        self._title = title
        self._bare = bare  # gives a direction without the brackets around it
        self.speaker = ""
        self.silent = False  # the one who speaks has only been named so far
        self._events: list[Event] = []
        self._said: list[str] = []
        self._line = 0  # of the first words
        self._why: list[tuple[int, str]] = []
        self._named = 0  # the line on which someone was named who has said nothing yet, and is a direction if that ends
        self._continued = False

    def taken(self) -> list[Event]:
        """Return the events that are complete, once."""
        taken, self._events = self._events, []
        if taken and self._title:
            taken[0], self._title = replace(taken[0], play=self._title), ""
        return taken

    @property
    def breaks_off(self) -> bool:
        """Return whether the speech so far ends within a sentence."""
        return bool(self._said) and ends_open(self._said[-1])

    def name(self, speaker: str, line: int = 0, rule: str = "", *, printed: bool = True) -> None:
        """Start a speech; if it has no words, the name on this `line` is a direction: who is seen, or a heading."""
        self.end()
        self.speaker, self._continued, self.silent, self._named = speaker, not printed, printed, line
        self._why = [(line, rule)] if line else []

    def say(self, words: str, line: int, rule: str) -> None:
        """Add words to the speech; those of nobody are a direction."""
        self._line = self._line if self._said else line
        self._said.append(words)
        self._why.append((line, rule))
        self.silent = self.silent and not words.strip()
        if len(self._said) >= _MOST_PARTS:
            self.pause()

    def add(self, kind: EventKind, text: str, line: int, rule: str, *, doubtful: bool = False) -> None:
        """Add something else; but for what is cut it ends the speech, which may continue if it is a direction."""
        if kind is EventKind.HEADING:
            self.end()
        elif kind is EventKind.EXPOSITION:
            self.pause()
            text = self._bare(text)
        if text.strip():
            self._events.append(Event(kind, text, line=line, doubtful=doubtful, why=((line, rule),)))

    def pause(self) -> None:
        """Give the speech so far; its speaker may continue."""
        text, why = _joined(self._said).strip(), tuple(self._why)
        self._said, self._why = [], []
        if text:
            kind = EventKind.SPEECH if self.speaker else EventKind.EXPOSITION
            self._events.append(Event(kind, text, self.speaker, self._line, self._continued, why=why))
            self._named, self._continued = 0, True

    def end(self) -> None:
        """End the speech: nobody speaks any more."""
        self.pause()
        if self._named:
            self.add(EventKind.EXPOSITION, self.speaker, self._named, "only-named", doubtful=True)
        self.speaker, self._named = "", 0


def _joined(parts: Sequence[str]) -> str:
    """Return the parts of a speech as one text; if some of them are verse, each but a direction ends a line."""
    verse = any("\n" in part for part in parts)
    return "".join(part + ("\n" if verse and not part.endswith(("]", ")")) else " ") for part in parts)
