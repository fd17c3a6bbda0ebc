"""Plays in TEI, as DraCor has them: speeches (`sp`), directions (`stage`) and headings (`head`) of the text's body."""

import re

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import markup
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, without_brackets
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.rules import Explain

_NO_SCRIPT = """
teiHeader standOff front back castList titlePage docTitle performance note fw figure rdg del bibl trailer gap
"""
_OUT = frozenset(_NO_SCRIPT.split())
_ALTERNATIVES = frozenset(("orig", "sic", "abbr"))  # in a `choice`, where the other one is read
_SPOKEN = frozenset(("prologue", "epilogue"))  # are read in the front and back, too
_APART = frozenset(("speaker", "stage", "head"))
_PARTS = frozenset(("l", "p", "ab", "lg", "seg", "cell", "item", "div", "sp"))
_BREAKS = _PARTS | {"lb", "pb", "cb"}
_BESIDE = re.compile(r"(?P<name>[^,]+),\s+(?P<how>(?=[^\W\d_])[^A-ZÀ-Ý].*)")  # `MARIE, amazed.`, where `who` names her
_LINE = "\x1e"  # the edge of a line of verse; no character of XML


class _Reader(markup.MarkupReader):
    """Holds the words of the speech so far. The text of a name, direction or heading is apart until its end."""

    def __init__(self, explain: Explain) -> None:
        super().__init__(explain)
        self._elements: list[tuple[str, bool]] = [("", False)]  # open ones, and whether their text is read
        self._apart: list[tuple[list[str], int]] = []  # text of names, directions and headings, and its line
        self._words: list[str] = []
        self._words_line = 0
        self._dropped: list[str] = []
        self._dropped_line = 0
        self._speaker = ""
        self._continued = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = markup.local_name(tag)
        parent, read = self._elements[-1]
        if tag == "text" or tag in _SPOKEN or attributes.get("type", "").lower() in _SPOKEN:
            read = True
        elif tag in _OUT or (parent == "choice" and tag in _ALTERNATIVES):
            read = False
        self._elements.append((tag, read))
        if not read:
            return
        if tag in _BREAKS and attributes.get("break") != "no":
            self.data(_LINE if tag == "l" else " ")
        if tag == "sp":
            self._end_words()
            self._speaker, self._continued = attributes.get("who", "").partition(" ")[0].lstrip("#"), False
        elif tag in _APART:
            self._apart.append(([], self.line))

    def data(self, text: str) -> None:
        if not self._elements[-1][1]:
            self._dropped_line = self._dropped_line or (self.line if text.strip() else 0)
            self._dropped.append(text)
            return
        if text.strip():
            self._end_dropped()
            if not self._apart:
                self._words_line = self._words_line or self.line
        (self._apart[-1][0] if self._apart else self._words).append(text)

    def end(self, tag: str) -> None:
        tag, read = self._elements.pop()
        if not read:
            return
        if tag in _APART:
            parts, line = self._apart.pop()
            self._end_apart(tag, plain("".join(parts)), line)
        elif tag == "sp":
            self._end_words()
            self._speaker = ""
        elif tag in ("div", "text"):
            self._end_words()
        elif tag in _PARTS:
            self.data(_LINE if tag == "l" else " ")

    def close(self) -> None:
        self._end_dropped()

    def _end_apart(self, tag: str, text: str, line: int) -> None:
        within = {name for name, _ in self._elements}
        if tag == "speaker":
            name, bracket, beside = text.partition("(")
            if self._speaker and (said := _BESIDE.fullmatch(name)) and said["name"].isupper():
                name, bracket, beside = said["name"], "(", f"{said['how'].rstrip(' .:;')}) {bracket}{beside}"
            self._speaker = name.strip(" .,:;") or self._speaker
            self.data(bracket + beside)
        elif self._apart or (tag == "stage" and self._is_inline(within)):
            self.data(f" {text} " if not text or is_bracketed(text) else f" ({text}) ")
        else:
            self._end_words()
            kind = EventKind.HEADING if tag == "head" and within.isdisjoint(("sp", "lg")) else EventKind.EXPOSITION
            self.give(Event(kind, text if kind is EventKind.HEADING else without_brackets(text), line=line), tag)

    def _is_inline(self, within: set[str]) -> bool:
        """Return whether a direction is among words of a speech, or beside the name."""
        beside = not self._continued and not self._words_line
        return "sp" in within and (beside or not within.isdisjoint(("p", "l", "ab")))

    def _end_words(self) -> None:
        verses = (" ".join(part.split()) for part in "".join(self._words).split(_LINE))
        text, line = "\n".join(filter(None, verses)), self._words_line or self.line
        self._words, self._words_line = [], 0
        if self._speaker and text:
            self.give(Event(EventKind.SPEECH, text, self._speaker, line, self._continued), "sp")
            self._continued = True
        else:
            self.give(Event(EventKind.EXPOSITION, text, line=line, doubtful=True), "text")

    def _end_dropped(self) -> None:
        self.cut(" ".join(" ".join(self._dropped).split()), self._dropped_line, "no-script")
        self._dropped, self._dropped_line = [], 0


parse = markup.parse_with(_Reader)
