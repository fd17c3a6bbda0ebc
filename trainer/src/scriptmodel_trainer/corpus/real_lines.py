"""Lines of the corpus that a scene can quote: short speeches, and sentences of longer ones, with their sources."""

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.plays import title_of_file
from scriptmodel_trainer.corpus.reading import Source, read_lines
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.storage.files import read_bounded

LINES = "lines.json"
"""The file beside a model that holds the lines of its corpus."""
LONGEST = 40
"""Words of a line."""
_SPEECH = 20  # words of a speech that is a line as a whole
_FEWEST = 3
_SHORTEST = 3  # letters that many titles begin with
_MOST_BYTES = 1 << 28
_ASIDE = re.compile(r"\s*[\[(][^\[\]()]*[\])]")
_LEFT = re.compile(r"(?<=[.?!…—]) \.(?= |$)|^[.,;:!?]+ | (?=[.,;:!?])")  # of a sentence that an aside ends
_ENDS = re.compile(r"(?<=[.?!…”\"])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\b[A-Z]\.)\s+(?=[“\"‘']?[A-Z])")
_TEI_TITLE, _HEAD = re.compile(r"<titleStmt>\s*<title\b[^>]*>([^<]+)<"), 40  # lines
_ACT = re.compile(r"\b(act|aufzug|akt|acte|atto)\b", re.IGNORECASE)
_MARKS = str.maketrans("", "", "_*|{}<>")


class RealLine(msgspec.Struct, frozen=True, array_like=True):
    """A line with the play, the act and the speaker that it is from, and the number of its speech in the corpus."""

    text: str
    speaker: str
    speech: int
    play: str
    act: str

    @property
    def source(self) -> str:
        return ", ".join(filter(None, (self.play, self.act, self.speaker.replace("_", " "))))


class StoredLines(msgspec.Struct, frozen=True):
    """The lines of a corpus with this digest."""

    digest: str
    lines: list[RealLine]


def stored_lines(folder: Path) -> StoredLines | None:
    """Return the lines that are stored in a folder, None if there are none or they are damaged."""
    try:
        return msgspec.json.decode(read_bounded(folder / LINES, _MOST_BYTES), type=StoredLines)
    except (OSError, ValueError):
        return None


def real_lines(sources: Iterable[Source]) -> Iterator[RealLine]:
    """Yield the lines of all files; one that occurs again, as "Good morning, sir.", is that of its first place."""
    seen: set[str] = set()
    speech = 0
    for source in sources:
        play = act = scene = ""
        for title, event in titled(source, events_of(source, None)[2]):
            if title != play:
                play, act, scene = title, "", ""
            if event.kind is EventKind.HEADING:
                heading = textwrap.shorten(event.text.partition("[")[0].strip(".: "), 60, placeholder=" ...")
                act, scene = (heading, "") if _ACT.search(heading) else (act, heading)
            speech += event.kind is EventKind.SPEECH
            for text in _lines(event):
                if text.casefold() not in seen:
                    seen.add(text.casefold())
                    place = ", ".join(filter(None, (act, scene if scene.casefold() != "scene" else "")))
                    yield RealLine(text, event.speaker.strip(), speech, play, place)


def _lines(event: Event) -> Iterator[str]:
    """Yield what of an event is a line: nothing in brackets, and quotes that are closed."""
    if event.kind is not EventKind.SPEECH:
        return
    text = _LEFT.sub("", " ".join(_ASIDE.sub(" ", event.text.translate(_MARKS)).split()))
    for line in [text] if len(text.split()) <= _SPEECH else _ENDS.split(text):
        counts, words = Counter(line), len(line.split())
        closed = counts["“"] == counts["”"] and counts['"'] % 2 == 0 and not counts.keys() & set("[]()")
        if _FEWEST <= words <= LONGEST and closed and line[-1] in '.?!…”"—-' and not line[0].islower():
            yield line


def titled(source: Source, found: Iterable[Event]) -> Iterator[tuple[str, Event]]:
    """Yield the events of a file, each with the title of its play."""
    events = list(found)
    printed = [event.play for event in events if event.play]
    head = list(itertools.islice(read_lines(source), _HEAD))
    in_head = _TEI_TITLE.search("\n".join(head))
    title = " ".join(in_head[1].split()) if in_head else _title_of(source.name, "".join(printed[:1]), head)
    for event in events:
        title = (len(printed) > 1 and event.play) or title
        yield title, event


def _title_of(name: str, title: str, head: Iterable[str]) -> str:
    """Return the title of a file's only play: the one printed in its head if it agrees with the file's name, else that.

    A title of several lines is printed as far as it agrees.
    """
    plain = title_of_file(name)
    lines = itertools.dropwhile(lambda line: line != title.strip(), filter(None, map(str.strip, head)))
    longer = itertools.accumulate(lines, lambda above, line: f"{above} {line}", initial="")
    printed = [each.strip() for each in (title, *itertools.islice(longer, 1, 4)) if _letters(each) in _letters(plain)]
    longest = max(printed, key=len, default="")
    return longest if len(_letters(longest)) > _SHORTEST else plain


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
