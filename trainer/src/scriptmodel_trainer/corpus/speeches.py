"""The speeches of plays, each with who says it, in which play and act, and by which author; and lines to quote."""

import itertools
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import msgspec

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.plays import title_of_file
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.storage.files import read_bounded, write_file

SPEECHES = "speeches.json"
"""The file beside a model that holds the speeches of its corpus."""
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
_TEI_AUTHOR = re.compile(r"<author\b[^>]*>\s*(?:<[^>]*>\s*)*(?P<author>[^<]{3,60})")
_BY = re.compile(
    r"^[^\S\n]*(?:author:|(?:written\s+)?by\b:?)\s+(?P<author>[^\W\d_][^,;(\d\n]{2,60}?)[^\S\n.,]*[.,]*$",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHT = re.compile(r".*copyright.*\n.*", re.IGNORECASE)
_AUTHORED = 120
"""Lines of a file that may name its author."""
_ACT = re.compile(r"\b(act|aufzug|akt|acte|atto)\b", re.IGNORECASE)
_MARKS = str.maketrans("", "", "_*|{}<>")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MARK = re.compile(r"(?<!\b[MDS][rt])(?<!\bMrs)[^\w\s'’]+")  # a title's full stop is none


class Speech(msgspec.Struct, frozen=True):
    """What somebody says: its words, without directions; author and place, as `ACT I`, are empty if not known."""

    speaker: str
    text: str
    line: int
    play: str
    author: str = ""
    place: str = ""

    @property
    def words(self) -> list[str]:
        return _WORD.findall(self.text)

    @property
    def clauses(self) -> list[list[str]]:
        """Its words between two marks: words on both sides of one do not stand together."""
        return [words for part in _MARK.split(self.text) if (words := _WORD.findall(part))]


class StoredSpeeches(msgspec.Struct, frozen=True):
    """The speeches of a corpus with this digest."""

    digest: str
    speeches: list[Speech]


@dataclass(frozen=True, slots=True)
class RealLine:
    """A line with its speaker, the number of its speech in the corpus, and where it is from."""

    text: str
    speaker: str
    speech: int
    play: str
    place: str

    @property
    def source(self) -> str:
        return ", ".join(filter(None, (self.play, self.place, self.speaker.replace("_", " "))))


def speeches_beside(folder: Path, plays: Sequence[Path], found: Iterable[Speech] | None = None) -> list[Speech]:
    """Return the speeches of some plays; to read them takes seconds, so they are stored in the folder.

    `found` are those of plays that were read anew.
    """
    sources = reading.find_sources(plays, lambda _: None)
    digest, stored = reading.corpus_digest(sources), stored_speeches(folder)
    if found is not None or stored is None or stored.digest != digest:
        read = read_speeches(sources, None, lambda _: None) if found is None else with_full_names(found)
        stored = StoredSpeeches(digest, read)
        write_file(folder / SPEECHES, msgspec.json.encode(stored))
    return stored.speeches


def stored_speeches(folder: Path) -> StoredSpeeches | None:
    """Return the speeches that are stored in a folder, None if there are none or they are damaged."""
    try:
        return msgspec.json.decode(read_bounded(folder / SPEECHES, _MOST_BYTES), type=StoredSpeeches)
    except (OSError, ValueError):
        return None


def read_speeches(sources: Sequence[Source], layout: Layout | None, note: Callable[[str], None]) -> list[Speech]:
    """Return the speeches of all files that have words, in their order; a file without any is noted."""
    found: list[Speech] = []
    for source in sources:
        with reading.naming(source):
            own = list(speeches_of(source, events_of(source, layout)[2]))
        if not own:
            note(f"{source.name} has no speeches that are recognised")
        found += own
    authored = any(each.author for each in found)
    if unnamed := sorted({each.play for each in found if not each.author} if authored else ()):
        note(
            f"no author is known of {', '.join(unnamed)}: write `By NAME` above the play, or put it into a folder NAME"
        )
    return with_full_names(found)


def with_full_names(found: Iterable[Speech]) -> list[Speech]:
    """Return speeches by authors whose names have all of their words: `Bernard Shaw` is George Bernard Shaw."""
    found = list(found)
    longest = sorted({each.author for each in found}, key=lambda name: (-len(name.split()), name))
    names = {
        name: next(full for full in longest if set(name.split()) <= set(full.split())) if name else ""
        for name in longest
    }
    return [msgspec.structs.replace(each, author=names[each.author]) for each in found]


def speeches_of(source: Source, events: Iterable[Event]) -> Iterator[Speech]:
    """Yield the speeches of a file that have words."""
    author = _author(source)
    play = act = scene = ""
    for title, event in _titled(source, events):
        if title != play:
            play, act, scene = title, "", ""
        if event.kind is EventKind.HEADING:
            heading = textwrap.shorten(event.text.partition("[")[0].strip(".: "), 60, placeholder=" ...")
            act, scene = (heading, "") if _ACT.search(heading) else (act, heading)
        elif event.kind is EventKind.SPEECH and (text := said(event)):
            place = ", ".join(filter(None, (act, scene if scene.casefold() != "scene" else "")))
            yield Speech(event.speaker.strip(), text, event.line, play, author, place)


def said(event: Event) -> str:
    """Return the words of a speech without what is in brackets; "" if it has none."""
    text = _LEFT.sub("", " ".join(_ASIDE.sub(" ", event.text).split()))
    return text if _WORD.search(text) else ""


def real_lines(speeches: Iterable[Speech]) -> list[RealLine]:
    """Return the lines of speeches; one that occurs again, as "Good morning, sir.", is that of its first place."""
    lines: dict[str, RealLine] = {}
    for number, each in enumerate(speeches, 1):
        for text in _lines(each.text):
            lines.setdefault(text.casefold(), RealLine(text, each.speaker, number, each.play, each.place))
    return list(lines.values())


def _lines(text: str) -> Iterator[str]:
    """Yield short speeches and sentences of longer ones, whose quotes are closed."""
    text = text.translate(_MARKS)
    for line in [text] if len(text.split()) <= _SPEECH else _ENDS.split(text):
        counts, words = Counter(line), len(line.split())
        closed = counts["“"] == counts["”"] and counts['"'] % 2 == 0 and not counts.keys() & set("[]()")
        if _FEWEST <= words <= LONGEST and closed and line[-1] in '.?!…”"—-' and not line[0].islower():
            yield line


def _author(source: Source) -> str:
    """Return the author: whom the first lines of a file name, else its folder below the given one."""
    head = "\n".join(reading.sample_lines(source)[:_AUTHORED])
    found = _TEI_AUTHOR.search(head) or _BY.search(_COPYRIGHT.sub("", head))
    return " ".join(found["author"].split()).title() if found else PurePath(source.name).parent.name


def _titled(source: Source, found: Iterable[Event]) -> Iterator[tuple[str, Event]]:
    """Yield the events of a file, each with the title of its play."""
    events = list(found)
    printed = [event.play for event in events if event.play]
    head = list(itertools.islice(reading.read_lines(source), _HEAD))
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
