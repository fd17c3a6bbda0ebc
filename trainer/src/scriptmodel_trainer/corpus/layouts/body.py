"""What stands within a play: speeches, what breaks them, and what stands between them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.cast import Cast
from scriptmodel_trainer.corpus.layouts.cues import Cue, Kind
from scriptmodel_trainer.corpus.layouts.directions import (
    closes_at,
    ends_open,
    is_bracketed,
    is_quoted,
    is_verse,
    narrates,
    open_end,
    opens_only,
    own_lines,
    reads_like_direction,
    tells,
    without_angles,
    without_brackets,
)
from scriptmodel_trainer.corpus.layouts.marks import (
    centred_name,
    is_curtain,
    is_furniture,
    is_heading,
    music_heading,
    speaks_alone,
    spoken_by,
)
from scriptmodel_trainer.corpus.layouts.names import WHOLE_CAPS_NAME, could_be_name
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, plain

_LONGEST_NAME = 80  # characters
_LONGEST_PICTURE = 1000  # characters that say who stands where
_LONGEST_DIRECTION = 12_000  # characters; a bracket that is never closed must not swallow the play
_LONGEST_SINGING = 240  # characters that end with who sings
_CENTRED = " " * 24
_DASH_AFTER = re.compile(r"^(\s*[\[(][^\[\]()]*[\])])[.,]?\s*--\s*")  # `NAME -- [aside.] -- words`
_ITALIC_AFTER = re.compile(r"^\s*_([^_]{1,300}?)\.?_\.?\s*--\s*")  # `NAME -- _aside._ -- words`
_SAYS_I = re.compile(r"\s*I\s*[.!?…—-]+\s*")  # no page number
_SAYS = re.compile(  # `(Anna looks up and says.) Words`
    r"\s*(?P<direction>[\[(]_?(?P<who>[^\W\d_a-z]\w+)\b[^\[\]()]{1,400}\b"
    r"(?:says|speaks|sings|cries|calls|asks|answers|replies|murmurs|shouts|whispers|reads)(?:\s\w+)?\s*_?[\])])[.:]?\s+(?=\S)"
)
_SINGS = re.compile(rf"\b(?P<who>{WHOLE_CAPS_NAME}) (?:sings?|speaks?|says?|reads?)\b[^.!?]*[:;]$")
_SOME = re.compile(  # `The whole Chorus.`, `One of the Chorus (Carl).`
    r"\s*(?:The|All|Both|One|Some|Another)(?: [a-z]+){1,3} (?P<who>[^\W\d_a-z]\w+)(?: \([^()]*\))?[.:]?"
)
_SET_IN = " " * 3
_APART = re.compile(r"\.?\s*\n\s*|\.?\s{2,}|\.\s+|\.\Z")
_VOICES = re.compile(
    r"\s*[\[(]_?(?P<who>(?:An? |The )?(?:[A-Z]?\w+ )?(?:[Vv]oices?|[Ss]houts|[Cc]ries)\b[^\])_]{0,40})_?[\])]"
    r"[.:]?\s+(?=\S)"
)


class Body:
    """State within a play: who speaks, the speech so far, a direction that is still open."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._speaker = ""
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self._silent = False  # the one who speaks has only been named so far
        self._named_line = 0  # where someone was named who has said nothing yet
        self._singing = False  # named by the heading of a song
        self._songs = False  # the play has such headings
        self._soliloquy = ""  # who is alone on the stage, as the heading of the scene says
        self._italic = False  # within a direction in italics that goes on over paragraphs
        self._open: list[str] = []
        self._open_line = 0
        self._open_length = 0

    def open_with(self, paragraph: Paragraph, ahead: Iterable[Paragraph]) -> Iterator[Event]:
        """Events of a paragraph before the first speech: a name alone is a title if no words follow it."""
        first = next(self._cast.cues(paragraph), None)
        alone = first is not None and not paragraph.text[first.end :].strip() and not first.direction
        if alone and not is_heading(paragraph.text) and not any(map(_may_be_said, itertools.islice(ahead, 1))):
            yield from self._exposition(paragraph.text, paragraph.line)
        else:
            yield from self.read(paragraph, ahead)

    def read(self, paragraph: Paragraph, ahead: Iterable[Paragraph]) -> Iterator[Event]:
        """Events that are complete once this paragraph is read; `ahead` are those that follow it."""
        text = paragraph.text
        if self._open:
            yield from self._go_on_opening(paragraph)
        elif is_furniture(text) and not (self._silent and _SAYS_I.fullmatch(text)):
            yield Event(EventKind.CUT, text, line=paragraph.line)
        elif is_heading(text):
            yield from self.end()
            self._soliloquy = speaks_alone(text)
            yield Event(EventKind.HEADING, plain(text), line=paragraph.line)
        elif self._italic or (_opens_italics(text) and self._italics_close(ahead)):
            self._italic = self._italic is not _odd_italics(text)
            yield from self._exposition(text, paragraph.line)
        elif opens_only(text) and next(self._cast.cues(paragraph), None) is None:
            yield from self._open_direction(paragraph, ahead)
        elif is_bracketed(text) and not self._said_in_italics(paragraph) and not _says(text):
            yield from self._exposition(text, paragraph.line)
        else:
            yield from self._read_words(paragraph, ahead)

    def _read_words(self, paragraph: Paragraph, ahead: Iterable[Paragraph]) -> Iterator[Event]:
        """Events of a paragraph that is no heading and no direction in brackets."""
        text = paragraph.text
        if (singer := music_heading(text)) is not None and not self._names_chorus(text):
            self._songs = True
            yield from self._exposition(text, paragraph.line)
            yield from self._sing(singer)
        elif (speaker := spoken_by(text)) is not None:
            yield from self._exposition(text, paragraph.line)
            yield from self._sing(speaker)
        elif self._songs and (singer := centred_name(text)):
            yield from self._sing(singer)
        elif (
            self._breaks_off()
            and text.isupper()
            and any(is_curtain(other.text) for other in itertools.islice(ahead, 1))
        ):
            yield from self._lines(text, paragraph.line)  # the title, for last words
        elif self._shows_who(text):
            yield from self._exposition(text, paragraph.line)
        else:
            yield from self._speak(paragraph, lone=self._is_lone_name(paragraph, ahead))

    def _open_direction(self, paragraph: Paragraph, ahead: Iterable[Paragraph]) -> Iterator[Event]:
        """A bracket that this paragraph opens and does not close."""
        text = paragraph.text
        end = open_end(text)
        if end < len(text) and self._speaker and text[:end].rstrip().endswith("."):
            yield from self._exposition(text[:end], paragraph.line)
            yield from self._speak(Paragraph(text[end:], paragraph.line_at(end)))
        elif self._closed_ahead(ahead):
            yield from self._speech_done()
            self._open, self._open_line, self._open_length = [text], paragraph.line, len(text)
        else:
            yield from self._exposition(text, paragraph.line, doubtful=ends_open(text))

    def _is_lone_name(self, paragraph: Paragraph, ahead: Iterable[Paragraph]) -> bool:
        """Whether a known name stands alone where names usually stand before the words, which then follow."""
        text, following = paragraph.text, next(iter(ahead), None)
        if len(text) > _LONGEST_NAME or "\n" in text or following is None:
            return False
        some = _SOME.fullmatch(text)
        known = some["who"] if some else plain(text).strip(" .")
        if known not in self._cast.speakers or next(self._cast.cues(paragraph), None) is not None:
            return False
        return (
            (text.isupper() or (following.indent > 0 and is_verse(following.text)))
            and not self._cast.begins_with_cue(following)
            and not is_heading(following.text)
            and not is_bracketed(following.text)
            and not reads_like_direction(following.text)
        )

    def _breaks_off(self) -> bool:
        return bool(self._speech) and ends_open(self._speech[-1])

    def _shows_who(self, text: str) -> bool:
        """Whether these are only names: who stands where as the curtain falls."""
        if len(text) > _LONGEST_PICTURE or not text.isupper() or "!" in text or "?" in text:
            return False
        apart = (True, Kind.DASH) not in self._cast.main and "--" in text
        if apart and self._cast.speakers.issuperset(text.strip(" \n.").split("--")):
            return True
        names = [name for name in _APART.split(text.strip(" \n.")) if name]
        return (
            len(names) > 2
            and all(map(could_be_name, names))
            and sum(any(map(self._cast.speakers.begin, name.split())) for name in names) > len(names) // 2
        )

    def _said_in_italics(self, paragraph: Paragraph) -> bool:
        """Whether a name begins the italics, or they are a song, or verse that speaks to someone."""
        text = paragraph.text.replace("_", "")
        said = self._speaker != "" and (
            (self._silent and not tells(text)) or (is_verse(text) and (self._singing or not tells(text)))
        )
        return paragraph.text.lstrip()[0] == "_" and (said or self._cast.knows(paragraph))

    def _names_chorus(self, text: str) -> bool:
        """Whether the heading is only the name of a chorus that speaks in this play, too."""
        return plain(text).rstrip(".:") in self._cast.speakers

    def _sing(self, singer: str) -> Iterator[Event]:
        """The heading of a song says who sings what follows."""
        yield from self._speech_done()
        self._singing = True
        if singer:
            self._speaker, self._continued = singer, True

    def end(self) -> Iterator[Event]:
        """The play, or a scene of it, is over: nobody speaks any more."""
        if self._open:
            yield from self._opening_done()
        yield from self._speech_done()
        yield from self._only_named()
        self._speaker, self._italic = "", False

    def _closed_ahead(self, ahead: Iterable[Paragraph]) -> bool:
        """Whether a bracket opened here closes in a following paragraph, before anyone speaks or another opens."""
        for other in itertools.islice(ahead, 12):
            if self._cast.begins_with_cue(other) or other.text.lstrip(" _")[:1] in ("[", "("):
                return False
            if closes_at(other.text, depth=1) >= 0:
                return True
        return False

    def _italics_close(self, ahead: Iterable[Paragraph]) -> bool:
        """Whether italics opened here close at the end of a following paragraph, before anyone speaks."""
        for other in itertools.islice(ahead, 12):
            if self._cast.begins_with_cue(other) or is_heading(other.text):
                return False
            if _odd_italics(other.text):
                return other.text.rstrip(" .:;])").endswith("_")
        return False

    def _go_on_opening(self, paragraph: Paragraph) -> Iterator[Event]:
        self._open.append(paragraph.text)
        self._open_length += len(paragraph.text)
        if closes_at(paragraph.text, depth=1) >= 0 or self._open_length > _LONGEST_DIRECTION:
            yield from self._opening_done()

    def _opening_done(self) -> Iterator[Event]:
        text = "\n".join(self._open)
        self._open = []
        yield from self._exposition(text, self._open_line)

    def _speak(self, paragraph: Paragraph, lone: bool = False) -> Iterator[Event]:
        """Words of a paragraph, and who says them; `lone` where it is nothing but a name."""
        text = paragraph.text
        cues = list(self._cast.cues(paragraph))
        if lone:
            name, bracket, direction = plain(text).strip(" .").partition(" (")
            cues = [Cue(name, Kind.ALONE, True, bracket + direction, 0, len(text))]
        if not cues and not self._silent and (voices := _VOICES.match(text)):
            cues = [Cue(voices["who"], Kind.ASIDE, False, "", 0, voices.end())]
        elif (
            not cues
            and (told := _SAYS.match(text))
            and (name := self._cast.speakers.spelled(told["who"])) not in ("", self._speaker)
        ):
            cues = [Cue(name, Kind.ASIDE, False, told["direction"], 0, told.end())]
        before = text[: cues[0].start] if cues else text
        if before.strip():
            yield from self._without_cue(before, paragraph.line)
        for cue, following in itertools.zip_longest(cues, cues[1:]):
            yield from self._begin(cue, paragraph, following.start if following else len(text))

    def _begin(self, cue: Cue, paragraph: Paragraph, end: int) -> Iterator[Event]:
        """Someone begins to speak: the words of the paragraph up to `end`."""
        text = paragraph.text
        yield from self._speech_done()
        yield from self._only_named()
        self._speaker, self._continued, self._singing, self._silent = cue.name, False, False, True
        line = self._named_line = paragraph.line_at(cue.start)
        if cue.direction:
            self._say(cue.direction, line)
            self._silent = True
        said = text[cue.end : end]
        if cue.direction and "--" in said[:4]:
            said = said.lstrip(" .,-")
        elif cue.kind is Kind.DASH:
            said = _DASH_AFTER.sub(r"\1 ", _ITALIC_AFTER.sub(r"(\1) ", said, count=1), count=1)
        said, below = _set_in_below(said) if self._cast.directions_below and text[0] != " " else (said, "")
        if said.strip():
            yield from self._lines(said, line, lead=cue.end - text.rfind("\n", 0, cue.end) - 1)
        if below:
            yield from self._exposition(below, line + said.count("\n") + 1)

    def _without_cue(self, text: str, line: int) -> Iterator[Event]:
        """A paragraph without a cue: the speech goes on, or it is a direction without brackets."""
        if opens_only(text):
            yield from self._exposition(text, line)
        elif not self._speaker and self._soliloquy and not tells(text):
            self._speaker, self._continued = self._soliloquy, False
            yield from self._lines(text, line)
        elif not self._speaker:
            yield from self._exposition(text, line, doubtful=not (tells(text) or reads_like_direction(text)))
        elif self._silent or (self._breaks_off() and not is_curtain(text)):
            yield from self._lines(text, line)
        elif self._is_direction(text):
            yield from self._exposition(text, line)
            if "CURTAIN" in text:
                self._speaker = ""
            elif (
                text.endswith((":", ";"))
                and (told := _SINGS.search(plain(text)[-_LONGEST_SINGING:]))
                and (name := self._cast.speakers.spelled(told["who"]))
            ):
                yield from self._sing(name)
        else:
            yield from self._lines(text, line)

    def _is_direction(self, text: str) -> bool:
        stripped = text.strip()
        if stripped.startswith(("[", "(")) and not (reads_like_direction(text) and tells(text)):
            return False  # a direction at the beginning of words that go on
        if (reads_like_direction(text) or is_curtain(text)) and len(text) < 400 and tells(text):
            return True
        shown = without_angles(stripped)
        if shown.isupper() and len(shown) < 80 and not (shown.endswith(("!", "?")) or is_quoted(shown)):
            return True  # TABLEAU, ACT DROP, FLASHBACK <to a pier>
        if text.startswith(_CENTRED) and len(stripped) < 40 and stripped[-1].isalnum():
            return True  # Dance
        told = text.rstrip(":;") + "." if text[0] == " " else text  # `ANNA sings:`
        if self._cast.plain_directions and not self._singing and narrates(told):
            return text[0] == " " or not self._cast.indented_directions
        as_far = len(text) - len(text.lstrip(" ")) == self._cast.set_in != 0  # as directions in brackets
        words = plain(text[:200]).split()
        names_someone = words[0].strip(".,") in self._cast.speakers if words else False
        # `HELENA goes out. A pause.`: a capital name that does not speak here, in a short paragraph
        named = names_someone and words[0].isupper() and len(text) < 240 and tells(text)
        return named or (as_far and not self._singing and narrates(text))

    def _lines(self, text: str, line: int, lead: int = 0) -> Iterator[Event]:
        """Words of a speech, and the directions that stand between them on lines of their own.

        `lead` characters, those of the cue, stand before the words on their first line.
        """
        done = 0
        if "\n" in text and not _says(text):
            for start, end in own_lines(text, self._cast.width, self._cast.round_brackets, lead, self._cast.lined):
                if text[done:start].strip():
                    self._say(text[done:start], line + text.count("\n", 0, done))
                if self._silent:
                    continue  # beside the name, if on another line
                yield from self._exposition(text[start:end], line + text.count("\n", 0, start))
                done = end
        if text[done:].strip():
            self._say(text[done:], line + text.count("\n", 0, done))

    def _exposition(self, text: str, line: int, doubtful: bool = False) -> Iterator[Event]:
        yield from self._speech_done()
        yield Event(EventKind.EXPOSITION, without_brackets(text), line=line, doubtful=doubtful)

    def _say(self, text: str, line: int) -> None:
        if not self._speech:
            self._speech_line = line + len(text[: len(text) - len(text.lstrip())].split("\n")) - 1
        said = plain(text)
        self._speech.append(said)
        self._silent = self._silent and not said.strip()

    def _only_named(self) -> Iterator[Event]:
        """Whoever was named but said nothing: a heading that looks like a name, or who is seen."""
        if self._named_line:
            yield Event(EventKind.EXPOSITION, self._speaker, line=self._named_line, doubtful=True)
        self._named_line = 0

    def _speech_done(self) -> Iterator[Event]:
        text = " ".join(self._speech).strip()
        self._speech = []
        if text:
            self._named_line = 0
            yield Event(EventKind.SPEECH, text, self._speaker, self._speech_line, self._continued)
            self._continued = True


def _set_in_below(text: str) -> tuple[str, str]:
    """Words, and the direction that stands below them without a blank line, where directions are set in."""
    lines = text.split("\n")
    first = len(lines)
    while first > 1 and lines[first - 1].startswith(_SET_IN):
        first -= 1
    below = "\n".join(lines[first:])
    return ("\n".join(lines[:first]), below) if below and narrates(below) else (text, "")


def _opens_italics(text: str) -> bool:
    """Whether the paragraph begins with italics and ends within some."""
    return text.lstrip()[:1] == "_" and _odd_italics(text)


def _odd_italics(text: str) -> bool:
    return text.count("_") % 2 == 1


def _says(text: str) -> bool:
    """Verse in brackets that speaks to someone: the stage leaves it out, the book does not."""
    bare = text.lstrip(" _")
    return bare.startswith(("[", "(")) and is_bracketed(text) and is_verse(bare[1:]) and not tells(text)


def _may_be_said(paragraph: Paragraph) -> bool:
    """Whether these could be someone's first words: no description of the scene, no direction."""
    text = paragraph.text
    return not is_bracketed(text) and not ("\n" in text and narrates(text))
