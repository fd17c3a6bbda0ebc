"""Text that a script starts with: a scene to continue, or a prompt, in any layout and of any length.

The layouts of the corpus are recognised by many lines. A scene of a few lines is read by its cues alone.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, ENDERS, OPEN_NAME, event_tokens, name_token
from scriptmodel_trainer.corpus.words import SPACES
from scriptmodel_trainer.errors import BadInputError

if TYPE_CHECKING:
    from scriptmodel_trainer.corpus.layouts import Layout

LONGEST_GIVEN = 64 * 1024
"""Bytes of a text that a script may continue."""
_SURE = 0.5  # a layout that explains less of a text may be chance
_RENDERED_SPEECH = re.compile(r"\[ (?P<name>[^\]]+) \]:(?P<text>.*)")
_RENDERED_DIRECTION = re.compile(r"\{\{ (?P<text>.*) \}\}")
_SET_IN = "  "  # before the second line of a speech in verse, and those below it
HEADING = re.compile(r"(INT|EXT|EST|INT\./EXT|I/E)[./ ].*|(ACT|SCENE)\b.{0,60}", re.IGNORECASE)
_TITLE = r"(?<!\b[Mm][Rr])(?<!\b[Mm][Rr][Ss])(?<!\b[Dd][Rr])(?<!\b[Ss][Tt])"  # not before its period: `MRS. BELL.`
_ASIDE = r"(?P<aside>(?:\s*+[(\[][^()\[\]]*+[)\]])*+)"
_PHRASE = r",\s(?P<phrase>[^\W\dA-Z_][^.:!?*]{0,160}+)"
_CUE = re.compile(  # an aside in brackets needs no mark unless it is an age
    rf"\**+(?P<name>[^\W\d_][\w .'’&-]{{0,40}}?)\**+(?:{_PHRASE}|{_ASIDE})\**+\s*+"
    rf"(?P<mark>:|(?:{_TITLE}\.|--|—)(?=\**+(?:\s|$))|(?<=[)\]]\s)(?<!\d..)(?=[A-Z\"“]))\**+\s*+(?P<text>.*)"
)
_ALONE = re.compile(rf"\**+(?P<name>[^()\[\]*]{{1,40}}?)[.:]*+\**+{_ASIDE}[.:*]*+")
_DIRECTION = re.compile(r"\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\]|_(?P<italic>[^_]*)_")
_BRACKET = re.compile(r"[()\[\]]")
_UNFINISHED = re.compile(r"[\w,;:'’-]\s*$")


@dataclass(frozen=True, slots=True)
class GivenText:
    """The tokens of a text; `unfinished` if its last sentence has no end."""

    tokens: tuple[str, ...] = ()
    unfinished: bool = False

    @property
    def speakers(self) -> list[str]:
        """The names that speak, the last speaker first."""
        names = [name for mark, name in itertools.pairwise(self.tokens) if mark == OPEN_NAME]
        return list(dict.fromkeys(reversed(names)))


def given_text(path: str, note: Callable[[str], None]) -> str:
    """Return the text of a file, `-` for standard input; BadInputError if it is too long or cannot be read."""
    from scriptmodel_trainer.corpus.reading import decoded  # noqa: PLC0415  # slow to load

    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
            content = file.read(LONGEST_GIVEN + 1)
    except OSError as error:
        raise BadInputError(
            f"cannot read {path}: {error.strerror}", "give a text file, or - for standard input"
        ) from error
    if len(content) > LONGEST_GIVEN:
        raise BadInputError(f"{path} has more than {LONGEST_GIVEN // 1024} KiB", "give its last scenes only")
    text = decoded(content, path, note)
    if not text.strip():
        raise BadInputError(f"{path} is empty", "give a text with at least one line")
    return text


def read_given(text: str, known: Callable[[str], bool]) -> GivenText:
    """Return the tokens of a text in any layout; `known` tells whether the model has a speaker of that name.

    The end of a sentence that the text does not finish is left out, so that a script may finish it. A name at the end
    of the text stays open, so that a script says its words.
    """
    events = given_events(text, known)
    name = _last_name(text, known, events)
    if name and events[-1].text.strip() in ("", name):  # as a speech without words, or a direction
        events.pop()
    elif events and events[-1].kind is EventKind.SPEECH and not event_tokens(events[-1]):
        events[-1] = Event(EventKind.EXPOSITION, events[-1].speaker)
    tokens = [token for event in events for token in event_tokens(event)]
    if name:
        return GivenText((*tokens, OPEN_NAME, name_token(name), CLOSE_NAME))
    unfinished = bool(tokens) and tokens[-1] in ENDERS and _UNFINISHED.search(text) is not None
    return GivenText(tuple(tokens[:-1] if unfinished else tokens), unfinished)


def _last_name(text: str, known: Callable[[str], bool], events: Sequence[Event]) -> str:
    """Return the name that a text ends with, before its words: it has a colon, or speaks before, unlike `CURTAIN`."""
    above, line = ["", "", *map(str.strip, text.rstrip().splitlines())][-2:]
    cue = _started(line, known, separated=True)
    if cue is None or cue.kind is not EventKind.SPEECH or cue.text.strip() or not name_token(cue.speaker):
        return ""
    named = len(events) > 1 or cue.speaker.isupper() or known(cue.speaker)  # and no `Listen:` alone
    marked = line.rstrip("*").endswith(":") and named
    speaks = marked or cue.speaker in {event.speaker for event in events[:-1]}
    return cue.speaker if speaks and not (above and event_tokens(events[-1])) else ""


def renamed(tokens: Sequence[str], name: Callable[[str], str]) -> list[str]:
    """Return tokens with `name` of each name that speaks in its place."""
    return [name(token) if last == OPEN_NAME else token for last, token in itertools.pairwise(["", *tokens])]


def without_names(tokens: Sequence[str]) -> list[str]:
    """Return tokens without the names that speak."""
    pairs = itertools.pairwise(["", *tokens])
    return [token for last, token in pairs if last != OPEN_NAME and token not in (OPEN_NAME, CLOSE_NAME)]


def given_events(text: str, known: Callable[[str], bool]) -> list[Event]:
    """Return the speeches and directions of a text in any layout, parts of which `generate` may have written."""
    runs = _runs(text.translate(SPACES).splitlines())
    read = _reader([line for rendered, run in runs if not rendered for line in (*run, "")], known)
    events: list[Event] = []
    above = ""
    for rendered, run in runs:
        found = rendered_events(run) if rendered else read(run)
        continues = above.strip() and _started(run[0].strip(), known, separated=True) is None
        if continues and found and found[0].kind is EventKind.EXPOSITION:
            events[-1] = replace(events[-1], text=f"{events[-1].text} {found.pop(0).text}")
        events += found
        above = run[-1]
    return events


def _runs(lines: Iterable[str]) -> list[tuple[bool, list[str]]]:
    """Return runs of lines, each with whether `generate` wrote them: events, and verse right below a speech."""
    runs: list[tuple[bool, list[str]]] = []
    for line in lines:
        before, run = runs[-1] if runs else (False, [])
        belongs = before and (not line.strip() or (line.startswith(_SET_IN) and bool(run[-1].strip())))
        rendered = belongs or rendered_event(line.strip()) is not None
        if not runs or rendered is not before:
            runs.append((rendered, run := []))
        run.append(line)
    return runs


def _reader(sample: Sequence[str], known: Callable[[str], bool]) -> Callable[[Sequence[str]], list[Event]]:
    """Return the function that reads runs of lines: in the layout that the sample has, or by their cues alone."""
    if any(map(str.strip, sample)):
        from scriptmodel_trainer.corpus import layouts  # noqa: PLC0415  # slow to load, and most scripts need none

        layout, score = layouts.detect(sample)
        if layout.name != "plain" and score >= _SURE:
            return lambda lines: _by_layout(layout, lines, sample, known)
    return lambda lines: _by_cues(lines, known)


def _by_layout(
    layout: Layout, lines: Sequence[str], sample: Sequence[str], known: Callable[[str], bool]
) -> list[Event]:
    """Read lines as a file of the corpus, with what is above the first speech: a scene has no front matter."""
    events = list(layout.parse(lines, sample))
    above = itertools.takewhile(lambda event: event.kind is EventKind.CUT, events if layout.is_printed else ())
    front = [replace(event, kind=EventKind.EXPOSITION) for event in above]
    cues = [(above, _CUE.fullmatch(line)) for above, line in itertools.pairwise(["", *map(str.strip, lines)])]
    unbroken = [bool(above) for above, cue in cues if cue and _is_cue(cue, known)]
    speeches = sum(event.kind is EventKind.SPEECH for event in events)
    if len(front) == len(events) or (unbroken and not speeches):
        return _by_cues(lines, known)  # nobody speaks: two sluglines suffice for the layout of screenplays
    if layout.is_printed and len(unbroken) > speeches and sum(unbroken) * 2 > len(unbroken):
        return _by_cues(lines, known)  # the layout looks for speakers where paragraphs begin
    return [*front, *(event for event in events if event.kind is not EventKind.CUT)]


def is_rendered(lines: Iterable[str]) -> bool:
    """Return whether most lines of a text are speeches or directions as `generate` writes them."""
    full = [line for line in lines if line.strip() and not line.startswith(_SET_IN)]
    return sum(rendered_event(line.strip()) is not None for line in full) * 2 > len(full)


def rendered_tokens(lines: Iterable[str]) -> list[str]:
    """Return the tokens of a script as `generate` writes it; other lines are taken for directions."""
    return [token for event in rendered_events(lines) for token in event_tokens(event)]


def rendered_events(lines: Iterable[str]) -> list[Event]:
    """Return the events of a script as `generate` writes it: lines that are set in are verse, others directions."""
    events: list[Event] = []
    for line in filter(str.strip, lines):
        if line.startswith(_SET_IN) and events and events[-1].kind is EventKind.SPEECH:
            events[-1] = replace(events[-1], text=f"{events[-1].text}\n{line.strip()}")
        else:
            events.append(rendered_event(line.strip()) or Event(EventKind.EXPOSITION, line.strip()))
    return events


def rendered_event(line: str) -> Event | None:
    """Return the speech or direction that `generate` writes as this line; None for any other line."""
    if match := _RENDERED_SPEECH.fullmatch(line):
        return Event(EventKind.SPEECH, match["text"], match["name"])
    if match := _RENDERED_DIRECTION.fullmatch(line):
        return Event(EventKind.EXPOSITION, match["text"])
    return None


def _by_cues(lines: Iterable[str], known: Callable[[str], bool]) -> list[Event]:
    """Read line by line: a cue starts a speech, which continues until the next cue, direction or heading."""
    events: list[Event] = []
    stripped = [line.strip() for line in lines]
    marks = {cue["mark"] for cue in map(_CUE.fullmatch, stripped) if cue and _is_cue(cue, known)}
    separated = True
    for line in stripped:
        spoken = bool(events) and events[-1].kind is EventKind.SPEECH
        started = _started(line, known, separated, marks if spoken else ()) if line else None
        if line and started is None and events and not (separated and events[-1].text[-1:].strip()):
            events[-1] = replace(events[-1], text=f"{events[-1].text.rstrip()} {line}".strip())
        elif line:
            events.append(started or Event(EventKind.EXPOSITION, line))
        separated = not line
    return events


def _started(line: str, known: Callable[[str], bool], separated: bool, phrased: Container[str] = ()) -> Event | None:
    """Return the event that a line starts; None if it continues what is above it.

    Marks in `phrased` may also end a cue with a phrase, such as `BEN, rising.`, which else begins a direction.
    """
    if rendered := rendered_event(line):
        return rendered
    if HEADING.fullmatch(line):
        return Event(EventKind.HEADING, line)
    if separated and (match := _DIRECTION.fullmatch(line)):
        return Event(EventKind.EXPOSITION, match["round"] or match["square"] or match["italic"] or "")
    if (match := _CUE.fullmatch(line)) and _is_cue(match, known, phrased):
        return Event(EventKind.SPEECH, _aside(match["phrase"] or match["aside"]) + match["text"], match["name"])
    alone = _ALONE.fullmatch(line) if separated or "*" in line else None
    if alone and (known(alone["name"]) or alone["name"].isupper()):
        return Event(EventKind.SPEECH, _aside(alone["aside"]), alone["name"])
    return None


def _is_cue(cue: re.Match[str], known: Callable[[str], bool], phrased: Container[str] = ()) -> bool:
    """Return whether a name before a mark is a cue: capitals or a known speaker, before a colon also `Lady Bell`."""
    name, mark = cue["name"], cue["mark"]
    if cue["phrase"]:
        from scriptmodel_trainer.corpus.layouts.directions import addresses_nobody  # noqa: PLC0415  # slow to load

        return mark in phrased and name.isupper() and cue["text"] != "" and addresses_nobody(cue["phrase"])
    if name.isupper() or known(name):
        return True
    return mark == ":" and name.istitle() and len(name.split()) <= 3


def _aside(text: str) -> str:
    """Return what is beside a name as the corpus layouts begin a speech with it: in brackets, no V.O. or CONT'D."""
    if not text:
        return ""
    from scriptmodel_trainer.corpus.layouts.marks import is_extension  # noqa: PLC0415  # slow to load

    return "".join(f"({part}) " for part in _BRACKET.split(text) if part.strip() and not is_extension(part))
