"""Scripts in XML, detected by content and read as a stream: well-formed, within limits, without entities.

FDX is written by Final Draft and the programs that export to it: a paragraph for each element. TEI is what DraCor has:
speeches (`sp`), directions (`stage`) and headings (`head`) of the text's body.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import fountain
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.script import Script
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.errors import BadInputError

_MOST = 1 << 26  # characters of a file: the parser holds a whole attribute or text
_DEEPEST = 500  # elements within each other

# Elements of FDX.
_HEADINGS = frozenset(("Scene Heading", "New Act", "End of Act"))
_WORDS = frozenset(("Dialogue", "Parenthetical", "Lyrics", "Singing"))
_DROPPED = frozenset(
    ("Transition", "Cast List", "Show/Ep. Title", "Outline 1", "Outline 2", "Outline 3", "Outline Body")
)
# Those within the content that are no part of the script; of the root's, only the content is.
_NO_CONTENT = frozenset(("TitlePage", "ScriptNote", "SceneProperties", "Summary", "HeaderAndFooter", "Alts"))
_CONTENT = "Content"

# Elements of TEI.
_NO_SCRIPT = frozenset(
    (
        *("teiHeader", "standOff", "front", "back", "castList", "titlePage", "docTitle", "performance", "note", "fw"),
        *("figure", "rdg", "del", "bibl", "trailer", "gap"),
    )
)
_ALTERNATIVES = frozenset(("orig", "sic", "abbr"))  # in a `choice`, where the other one is read
_SPOKEN = frozenset(("prologue", "epilogue"))  # are read in the front and back, too
_APART = frozenset(("speaker", "stage", "head"))
_PARTS = frozenset(("l", "p", "ab", "lg", "seg", "cell", "item", "div", "sp"))
_BREAKS = _PARTS | {"lb", "pb", "cb"}
_BESIDE = re.compile(r"(?P<name>[^,]+),\s+(?P<how>(?=[^\W\d_])[^A-ZÀ-Ý].*)")  # `MARIE, amazed.`, where `who` names her
_LINE = "\x1e"  # the edge of a line of verse; no character of XML


def checked_lines(source: Source) -> Iterator[str]:
    """Yield the lines of a file; BadInputError, which names it, unless it is XML that can be read."""
    try:
        for _ in _events(reading.read_lines(source), _Tei()):
            pass
    except ValueError as error:
        raise BadInputError(f"{source.name}: {error}", "save it again, or leave it out") from error
    yield from reading.read_lines(source)


def parse_fdx(lines: Iterable[str], _: Sequence[str]) -> Iterator[Event]:
    """Events of a screenplay in FDX."""
    return _parse(lines, _Fdx())


def parse_tei(lines: Iterable[str], _: Sequence[str]) -> Iterator[Event]:
    """Events of a play in TEI."""
    return _parse(lines, _Tei())


def _parse(lines: Iterable[str], reader: "_Reader") -> Iterator[Event]:
    try:
        yield from _events(lines, reader)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _events(lines: Iterable[str], reader: "_Reader") -> Iterator[Event]:
    """Yield what the reader gives; ValueError if the lines are no XML that can be read."""
    parser = DefusedXMLParser(target=reader)
    size = 0
    try:
        for reader.line, line in enumerate(lines, 1):
            size += len(line)
            if size > _MOST:
                raise ValueError(f"more than {_MOST:,} characters of XML")
            parser.feed(f"{line}\n")
            yield from reader.script.taken()
        parser.close()
        yield from reader.script.taken()
    except ParseError as error:
        raise ValueError(f"not well-formed XML: {error}") from error
    except DefusedXmlException as error:
        raise ValueError(f"XML with entities, which are not read: {error}") from error


class _Reader(ABC):
    """Target of the parser. This class reads no script and checks the nesting."""

    def __init__(self) -> None:
        self.script = Script()
        self.line = 0
        self._open: list[tuple[str, bool]] = [("", False)]  # elements, and whether their text is read
        self._dropped: list[str] = []
        self._dropped_line = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Receive the start of an element."""
        if len(self._open) > _DEEPEST:
            raise ValueError(f"XML elements more than {_DEEPEST} deep")
        tag = tag.rpartition("}")[2]
        self._open.append((tag, self._reads(tag, attributes)))
        if self._open[-1][1]:
            self._begin(tag, attributes)

    def data(self, text: str) -> None:
        """Receive text."""
        if self._open[-1][1]:
            if text.strip():
                self._end_dropped()
            self._text(text)
        else:
            self._dropped_line = self._dropped_line or (self.line if text.strip() else 0)
            self._dropped.append(text)

    def end(self, _: str) -> None:
        """Receive the end of an element."""
        tag, read = self._open.pop()
        if read:
            self._end(tag)

    def close(self) -> None:
        """Receive the end of the file."""
        self._end_dropped()

    def _end_dropped(self) -> None:
        self.script.add(EventKind.CUT, " ".join(" ".join(self._dropped).split()), self._dropped_line, "no-script")
        self._dropped, self._dropped_line = [], 0

    @abstractmethod
    def _reads(self, tag: str, attributes: dict[str, str]) -> bool:
        """Return whether the text of an element is read, given those that are open."""

    @abstractmethod
    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        """Receive the start of an element whose text is read."""

    @abstractmethod
    def _text(self, text: str) -> None:
        """Receive text that is read."""

    @abstractmethod
    def _end(self, tag: str) -> None:
        """Receive the end of an element whose text is read."""


class _Fdx(_Reader):
    """Joins the paragraphs of a speech; a paragraph may hold others, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._paragraphs: list[tuple[str, int, list[str]]] = []  # open ones: kind, line, text
        self._cue = ("", 0)  # and its line
        self._said: list[str] = []

    def _reads(self, tag: str, _: dict[str, str]) -> bool:
        return self._open[-1][1] and tag not in _NO_CONTENT if len(self._open) > 2 else tag == _CONTENT

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Paragraph":
            self._paragraphs.append((attributes.get("Type", ""), self.line, []))
        elif tag == "Tab":
            self._text(" ")

    def _text(self, text: str) -> None:
        if self._paragraphs and self._open[-1][0] in ("Text", "Tab"):
            self._paragraphs[-1][2].append(text)

    def _end(self, tag: str) -> None:
        if tag == "Paragraph":
            kind, line, parts = self._paragraphs.pop()
            if text := "".join(parts).strip():
                self._read(kind, text, line)
        elif tag == _CONTENT:
            self._end_speech()

    def _read(self, kind: str, text: str, line: int) -> None:
        if kind in _WORDS and self._cue[0]:
            self._said.append(f"({text})" if kind == "Parenthetical" and text[0] != "(" else text)
            return
        self._end_speech()
        if kind == "Character":
            self._cue = (text, line)
        elif kind in _HEADINGS:
            self.script.add(EventKind.HEADING, plain(text), line, kind)
        elif kind in _DROPPED:
            self.script.add(EventKind.CUT, text, line, kind)
        else:
            self.script.add(EventKind.EXPOSITION, text, line, kind or "Paragraph", doubtful=kind in _WORDS)

    def _end_speech(self) -> None:
        (cue, line), said = self._cue, "\n".join(self._said)
        self._cue, self._said = ("", 0), []
        spoken = fountain.dialogue(f"@{cue.strip(' @:^')}\n{said}") if said else None
        if spoken:
            fountain.speak(self.script, line, "Character", spoken)
        elif cue:
            self.script.add(EventKind.EXPOSITION, f"{cue} {said}", line, "Character", doubtful=True)


class _Tei(_Reader):
    """Holds the words of the speech so far. The text of a name, direction or heading is apart until its end."""

    def __init__(self) -> None:
        super().__init__()
        self._apart: list[tuple[list[str], int]] = []  # text of names, directions and headings, and its line
        self._words: list[str] = []
        self._words_line = 0

    def _reads(self, tag: str, attributes: dict[str, str]) -> bool:
        parent, read = self._open[-1]
        if tag == "text" or tag in _SPOKEN or attributes.get("type", "").lower() in _SPOKEN:
            return True
        return read and tag not in _NO_SCRIPT and not (parent == "choice" and tag in _ALTERNATIVES)

    def _begin(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _BREAKS and attributes.get("break") != "no":
            self._text(_LINE if tag == "l" else " ")
        if tag == "sp":
            self._end_words()
            self.script.name(attributes.get("who", "").partition(" ")[0].lstrip("#"))
        elif tag in _APART:
            self._apart.append(([], self.line))

    def _text(self, text: str) -> None:
        if text.strip() and not self._apart:
            self._words_line = self._words_line or self.line
        (self._apart[-1][0] if self._apart else self._words).append(text)

    def _end(self, tag: str) -> None:
        if tag in _APART:
            parts, line = self._apart.pop()
            self._end_apart(tag, plain("".join(parts)), line)
        elif tag in ("sp", "div", "text"):
            self._end_words()
            if tag == "sp":
                self.script.end()
        elif tag in _PARTS:
            self._text(_LINE if tag == "l" else " ")

    def _end_apart(self, tag: str, text: str, line: int) -> None:
        within = {name for name, _ in self._open}
        if tag == "speaker":
            name, bracket, beside = text.partition("(")
            if self.script.speaker and (said := _BESIDE.fullmatch(name)) and said["name"].isupper():
                name, bracket, beside = said["name"], "(", f"{said['how'].rstrip(' .:;')}) {bracket}{beside}"
            self.script.speaker = name.strip(" .,:;") or self.script.speaker
            self._text(bracket + beside)
        elif self._apart or (tag == "stage" and self._is_inline(within)):
            self._text(f" {text} " if not text or is_bracketed(text) else f" ({text}) ")
        else:
            self._end_words()
            kind = EventKind.HEADING if tag == "head" and within.isdisjoint(("sp", "lg")) else EventKind.EXPOSITION
            self.script.add(kind, text, line, tag)

    def _is_inline(self, within: set[str]) -> bool:
        """Return whether a direction is among words of a speech, or beside the name."""
        beside = self.script.silent and not self._words_line
        return "sp" in within and (beside or not within.isdisjoint(("p", "l", "ab")))

    def _end_words(self) -> None:
        verses = (" ".join(part.split()) for part in "".join(self._words).split(_LINE))
        text, line = "\n".join(filter(None, verses)), self._words_line or self.line
        self._words, self._words_line = [], 0
        if self.script.speaker and text:
            self.script.say(text, line, "sp")
            self.script.pause()
        else:
            self.script.add(EventKind.EXPOSITION, text, line, "text", doubtful=True)
