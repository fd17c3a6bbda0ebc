"""Printed plays: a cue (who speaks) and the speech, directions in brackets or on their own, front matter before it.

Ordered tables of named rules decide what each paragraph of a play is: the first rule that applies.
"""

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind
from scriptmodel_trainer.corpus.layouts.directions import (
    addresses_nobody,
    closes_at,
    ends_open,
    is_bracketed,
    is_quoted,
    narrates,
    opens_only,
    own_lines,
    reads_like_direction,
    said,
)
from scriptmodel_trainer.corpus.layouts.edges import AHEAD, TITLE, begins, ends, first_of_play
from scriptmodel_trainer.corpus.layouts.marks import (
    centred_name,
    is_closing,
    is_curtain,
    is_front_heading,
    is_furniture,
    is_heading,
    music_heading,
)
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs, plain
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer
from scriptmodel_trainer.corpus.layouts.script import Script
from scriptmodel_trainer.corpus.layouts.survey import Style, survey

_ALMOST_ALL = 0.97  # of a sample; above it shares differ by the number of cues alone
_BACK = 60  # paragraphs before the first cue in which the heading of its scene is looked for
_NO_TITLES = ("***", "BY ", "ACT ", "SCENE ")
_NEAR = 12  # paragraphs in which brackets and italics close
_CENTRED = " " * 24
_SHORT = 240  # characters of a direction without brackets
_LONGEST_DIRECTION = 12_000  # characters; a bracket that is never closed must not swallow the play
_DASH_AFTER = re.compile(r"^(\s*[\[(][^\[\]()]*[\])])[.,]?\s*--\s*")  # `NAME -- [aside.] -- words`
_ITALIC_AFTER = re.compile(r"^\s*_([^_]{1,300}?)\.?_\.?\s*--\s*")  # `NAME -- _aside._ -- words`


def score(style: Style, sample: Sequence[str]) -> float:
    """Return how well the style fits a sample of lines, 0 to 0.98: of two that explain almost all, more cues win."""
    share = survey(tuple(sample)).share(style)
    return min(share, _ALMOST_ALL + share / 100)


def parse(style: Style, lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """Events of a file of one cue style; `sample` are lines of it, from which the speakers are learned.

    Another play in the same file may have another style.
    """
    recognizer = Recognizer(sample, style)
    source = paragraphs(lines)
    ahead: deque[Paragraph] = deque(itertools.islice(source, AHEAD - 1))
    front: list[Paragraph] = []
    play: Play | None = None
    before = ""
    outside = "before-the-play"  # why paragraphs are no part of one
    while ahead:
        part = ahead.popleft()
        ahead.extend(itertools.islice(source, 1))
        if play is not None and (over := ends(part.text, ahead, recognizer, before)):
            outside = f"ended-by-{over}"
            yield from play.ended()
            play = None
        elif play is None and begins(part.text, front, ahead, recognizer):
            play = Play(recognizer, _title(front))
            start = first_of_play(front)
            yield from (_cut(each, outside) for each in front[:start])
            for index in range(start, len(front)):
                play.read(front[index], [*front[index + 1 :], part, *ahead])
            front = []
        if not is_furniture(part.text):
            before = part.text
        if play is not None:
            play.read(part, ahead)
            yield from play.script.taken()
            continue
        front.append(part)
        yield from (_cut(each, outside) for each in front[:-_BACK])
        del front[:-_BACK]
    yield from play.ended() if play is not None else (_cut(each, outside) for each in front)


def _title(front: Iterable[Paragraph]) -> str:
    """Return the title of the play below these paragraphs: the first lines in capitals, "" without one."""
    for each in front:
        lines = map(plain, each.text.split("\n"))
        title = " ".join(itertools.takewhile(lambda line: line.isupper() and not line.startswith(_NO_TITLES), lines))
        if 1 < len(title) < TITLE and not (is_closing(each.text) or is_front_heading(each.text)):
            return title
    return ""


def _cut(part: Paragraph, rule: str) -> Event:
    return Event(EventKind.CUT, part.text, line=part.line, why=((part.line, rule),))


class Play:
    """The state within a play, and the ways to continue it; the rules below choose among them."""

    def __init__(self, recognizer: Recognizer, title: str) -> None:
        self.recognizer = recognizer
        self.script = Script(title)
        self.songs = False  # the play has headings of songs
        self.open: list[Paragraph] = []  # a direction whose bracket is not closed yet

    def read(self, part: Paragraph, ahead: Sequence[Paragraph], rules: "Sequence[Rule] | None" = None) -> None:
        """Read a paragraph by the first rule that applies; `ahead` are the paragraphs that follow."""
        for name, applies, act in rules or PARAGRAPHS:
            found = applies(self, part, ahead)
            if found is not None and found is not False:
                act(self, part, name, found)
                return

    def ended(self) -> list[Event]:
        """End the play, and return its last events."""
        if self.open:
            self.close("direction-continues")
        self.script.end()
        return self.script.taken()

    def close(self, rule: str) -> None:
        """Give the direction that is open."""
        self.script.add(EventKind.EXPOSITION, "\n".join(part.text for part in self.open), self.open[0].line, rule)
        self.open = []

    def words(self, text: str, line: int, rule: str, lead: int = 0) -> None:
        """Add words to the speech, and give the directions between them that have lines of their own.

        `lead` characters, those of the cue, are before the words on their first line.
        """
        width, round_brackets = self.recognizer.width, self.recognizer.round_brackets
        done = 0
        for start, end in own_lines(text, width, round_brackets, lead) if "\n" in text else ():
            self._say(text[done:start], line + text.count("\n", 0, done), rule, 0 if done else lead)
            if not self.script.silent:  # else it is beside the name, if on another line
                at = line + text.count("\n", 0, start)
                self.script.add(EventKind.EXPOSITION, text[start:end], at, "lines-of-its-own")
                done, rule = end, "words-continue"
        self._say(text[done:], line + text.count("\n", 0, done), rule, 0 if done else lead)

    def _say(self, text: str, line: int, rule: str, lead: int) -> None:
        if text.strip():
            line += text[: len(text) - len(text.lstrip())].count("\n")
            self.script.say(said(text, lead), line, rule)

    def begin(self, cue: Cue, part: Paragraph, end: int, rule: str) -> None:
        """Start a speech with the words of the paragraph up to `end`."""
        self.script.name(cue.name, part.line_at(cue.start), rule)
        if cue.direction:
            self.script.say(said(cue.direction), part.line_at(cue.start), rule)
            self.script.silent = True
        words = part.text[cue.end : end]
        if cue.direction and "--" in words[:4]:
            words = words.lstrip(" .,-")
        elif cue.kind is CueKind.DASH:
            words = _DASH_AFTER.sub(r"\1 ", _ITALIC_AFTER.sub(r"(\1) ", words, count=1), count=1)
        self.words(words, part.line_at(cue.end), rule, lead=cue.end - part.text.rfind("\n", 0, cue.end) - 1)


Rule = tuple[str, Callable[[Play, Paragraph, Sequence[Paragraph]], Any], Callable[[Play, Paragraph, str, Any], None]]
"""A name; whether it applies: neither None nor False; what it does, given what that was."""


def _say(play: Play, part: Paragraph, rule: str, _: Any) -> None:
    play.words(part.text, part.line, rule)


def _direction(play: Play, part: Paragraph, rule: str, _: Any) -> None:
    """Give a direction; after the curtain nobody speaks."""
    play.script.add(EventKind.EXPOSITION, part.text, part.line, rule)
    if "CURTAIN" in part.text:
        play.script.end()


def _exposition(play: Play, part: Paragraph, rule: str, doubtful: list[bool]) -> None:
    play.script.add(EventKind.EXPOSITION, part.text, part.line, rule, doubtful=doubtful[0])


# Words without a name before them


def _begins_with_aside(_: Play, part: Paragraph, __: Any) -> bool:
    """Return whether a direction in brackets begins words that continue."""
    return part.text.lstrip().startswith(("[", "(")) and not reads_like_direction(part.text)


def _is_stage_action(_: Play, part: Paragraph, __: Any) -> bool:
    text = part.text
    return is_curtain(text) or (reads_like_direction(text) and len(text) < 2 * _SHORT and addresses_nobody(text))


def _is_in_capitals(_: Play, part: Paragraph, __: Any) -> bool:
    """`TABLEAU`, `ACT DROP`, `FLASHBACK`."""
    shown = part.text.strip()
    return shown.isupper() and not (shown.endswith(("!", "?")) or is_quoted(shown))


def _is_centred(_: Play, part: Paragraph, __: Any) -> bool:
    return part.text.startswith(_CENTRED) and len(part.text.strip()) < 40 and part.text[-1].isalnum()


def _is_narration(play: Play, part: Paragraph, _: Any) -> bool:
    """Return whether prose describes an action, in a play whose directions are not always in brackets."""
    text = part.text.rstrip(":;") + "." if part.text[0] == " " else part.text
    return play.recognizer.plain_directions and narrates(text)


def _names_someone(play: Play, part: Paragraph, _: Any) -> bool:
    """`HELENA goes out. A pause.`: a capital name that does not speak here, in a short paragraph."""
    first = plain(part.text[:_SHORT]).partition(" ")[0].strip(".,")
    acts = first.isupper() and first in play.recognizer.speakers
    return acts and len(part.text) < _SHORT and addresses_nobody(part.text)


UNNAMED: tuple[Rule, ...] = (
    (
        "nobody-speaks",
        lambda play, part, _: None if play.script.speaker else [not addresses_nobody(part.text)],
        _exposition,
    ),
    ("first-words", lambda play, *_: play.script.silent, _say),
    ("sentence-continues", lambda play, part, _: play.script.breaks_off and not is_curtain(part.text), _say),
    ("begins-with-aside", _begins_with_aside, _say),
    ("stage-action", _is_stage_action, _direction),
    ("capitals", _is_in_capitals, _direction),
    ("centred", _is_centred, _direction),
    ("narration", _is_narration, _direction),
    ("names-someone", _names_someone, _direction),
    ("speech-continues", lambda *_: True, _say),
)
"""Rules for words without a name."""


# Page furniture, headings, directions in brackets and italics, names


def _continue_direction(play: Play, part: Paragraph, rule: str, _: Any) -> None:
    play.open.append(part)
    if closes_at(part.text, depth=1) >= 0 or sum(len(each.text) for each in play.open) > _LONGEST_DIRECTION:
        play.close(rule)


def _opens_bracket(play: Play, part: Paragraph, _: Any) -> list[bool] | None:
    """Return whether the text breaks off, if it begins with a bracket that is not closed before anyone speaks."""
    return [ends_open(part.text)] if opens_only(part.text) and not play.recognizer.cues(part.text) else None


def _bracket_closes_below(play: Play, part: Paragraph, ahead: Sequence[Paragraph]) -> bool:
    """Return whether a bracket closes in a following paragraph, before anyone speaks or another opens."""
    if not _opens_bracket(play, part, ahead):
        return False
    for other in itertools.islice(ahead, _NEAR):
        if play.recognizer.begins_with_cue(other.text) or other.text.lstrip(" _")[:1] in ("[", "("):
            return False
        if closes_at(other.text, depth=1) >= 0:
            return True
    return False


def _open_direction(play: Play, part: Paragraph, _: str, __: Any) -> None:
    play.script.pause()
    play.open = [part]


def _is_bracketed(play: Play, part: Paragraph, _: Any) -> bool:
    """Return whether brackets or italics surround all of it, and no name begins the italics."""
    named = part.text.lstrip()[0] == "_" and play.recognizer.knows(part.text)
    return is_bracketed(part.text) and not named


def _song(play: Play, part: Paragraph, _: Any) -> str | None:
    """Return the singer that the heading of a song names, "" for none; a chorus that also speaks heads no song."""
    singer = music_heading(part.text)
    return None if singer is None or plain(part.text).rstrip(".:") in play.recognizer.speakers else singer


def _begin_song(play: Play, part: Paragraph, rule: str, singer: str) -> None:
    play.songs = True
    play.script.add(EventKind.EXPOSITION, part.text, part.line, rule)
    if singer:
        play.script.name(singer, printed=False)


def _begin_speeches(play: Play, part: Paragraph, rule: str, cues: list[Cue]) -> None:
    """Read what is before the first cue, and the speech of each cue."""
    if part.text[: cues[0].start].strip():
        play.read(Paragraph(part.text[: cues[0].start], part.line), (), UNNAMED)
    for cue, following in itertools.zip_longest(cues, cues[1:]):
        play.begin(cue, part, following.start if following else len(part.text), rule)


PARAGRAPHS: tuple[Rule, ...] = (
    ("direction-continues", lambda play, *_: bool(play.open), _continue_direction),
    (
        "page-furniture",
        lambda _, part, __: is_furniture(part.text),
        lambda play, part, rule, _: play.script.add(EventKind.CUT, part.text, part.line, rule),
    ),
    (
        "heading",
        lambda _, part, __: is_heading(part.text),
        lambda play, part, rule, _: play.script.add(EventKind.HEADING, plain(part.text), part.line, rule),
    ),
    ("bracket-closes-below", _bracket_closes_below, _open_direction),
    ("bracket-never-closed", _opens_bracket, _exposition),
    ("brackets", _is_bracketed, lambda play, part, rule, _: _exposition(play, part, rule, [False])),
    ("song-heading", _song, _begin_song),
    (
        "singer",
        lambda play, part, _: centred_name(part.text) if play.songs else None,
        lambda play, _, __, singer: play.script.name(singer, printed=False),
    ),
    ("name", lambda play, part, _: play.recognizer.cues(part.text) or None, _begin_speeches),
    *UNNAMED,
)
"""Rules for any paragraph within a play."""
