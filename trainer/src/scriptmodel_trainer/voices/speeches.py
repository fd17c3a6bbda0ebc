"""The speeches of plays, each with who says it, in which play and by which author."""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import msgspec

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.given import given_events
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.real_lines import titled
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.storage.files import read_bounded, write_file

SPEECHES = "speeches.json"
"""The file beside a model that holds the speeches of its corpus."""
_MOST_BYTES = 1 << 28
_ASIDE = re.compile(r"[\[(][^\])]*[\])]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MARK = re.compile(r"(?<!\b[MDS][rt])(?<!\bMrs)[^\w\s'’]+")  # a title's full stop is none
_LETTERS = re.compile(r"[^\W\d_]+")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "′": "'", "“": '"', "”": '"', "—": "-", "–": "-"})
_BY = re.compile(
    r"^[^\S\n]*(?:author:|(?:written\s+)?by\b:?)\s+(?P<author>[^\W\d_][^,;(\d\n]{2,60}?)[^\S\n.,]*[.,]*$",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHT = re.compile(r".*copyright.*\n.*", re.IGNORECASE)
_TEI_AUTHOR = re.compile(r"<author\b[^>]*>\s*(?:<[^>]*>\s*)*(?P<author>[^<]{3,60})")
_HEAD = 120
"""Lines of a file that may name its author."""
_SHORTEST_NAME = 3
"""Letters of a word of a name; shorter ones are not only names."""


@dataclass(frozen=True, slots=True)
class Speech:
    speaker: str
    text: str
    """Its words, without directions."""
    line: int
    play: str
    author: str
    """Empty if it is not known."""

    @property
    def words(self) -> list[str]:
        return _WORD.findall(self.text)

    @property
    def clauses(self) -> list[list[str]]:
        """Its words between two marks: words on both sides of one do not stand together."""
        return [words for part in _MARK.split(self.text) if (words := _WORD.findall(part))]


def read_speeches(sources: Sequence[Source], layout: Layout | None, note: Callable[[str], None]) -> list[Speech]:
    """Return the speeches of all files that have words, in their order; a file without any is noted."""
    found: list[Speech] = []
    for source in sources:
        with reading.naming(source):
            own = list(_of_file(source, layout))
        if not own:
            note(f"{source.name} has no speeches that are recognised")
        found += own
    names = _full_names({each.author for each in found})
    if unnamed := sorted({each.play for each in found if not each.author} if any(names) else ()):
        note(
            f"no author is known of {', '.join(unnamed)}: write `By NAME` above the play, or put it into a folder NAME"
        )
    return [dataclasses.replace(each, author=names[each.author]) for each in found]


def read_draft(source: Source, layout: Layout | None, known: Callable[[str], bool]) -> list[Speech]:
    """Return the speeches of a draft; one of a few lines, which shows no layout, is read by its cues.

    `known` tells whether somebody of that name speaks in the plays.
    """
    found = list(_of_file(source, layout))
    if found:
        return found
    lines = list(reading.read_lines(source))
    line = 0
    for event in given_events("\n".join(lines), known):
        if event.kind is EventKind.SPEECH:
            name = event.speaker.casefold()
            line = next(
                (number for number, each in enumerate(lines, 1) if number > line and name in each.casefold()), line
            )
            found += [Speech(event.speaker, text, line, source.name, "")] if (text := _said(event)) else []
    return found


def keep_speeches(folder: Path, plays: Sequence[Path]) -> None:
    """Store the speeches of some plays in a folder."""
    found = read_speeches(reading.find_sources(plays, lambda _: None), None, lambda _: None)
    write_file(folder / SPEECHES, msgspec.json.encode(found))


def kept_speeches(folder: Path) -> list[Speech]:
    """Return the speeches that are stored in a folder; none if there are none, or they are damaged."""
    try:
        return msgspec.json.decode(read_bounded(folder / SPEECHES, _MOST_BYTES), type=list[Speech])
    except (OSError, ValueError):
        return []


def _full_names(authors: Iterable[str]) -> dict[str, str]:
    """Return the name for each that has all of its words and most others: `Bernard Shaw` is George Bernard Shaw."""
    longest = sorted(authors, key=lambda name: (-len(name.split()), name))
    return {
        name: next(full for full in longest if set(name.split()) <= set(full.split())) if name else ""
        for name in longest
    }


def _of_file(source: Source, layout: Layout | None) -> Iterator[Speech]:
    author = _author(source)
    for play, event in titled(source, events_of(source, layout)[2]):
        if event.kind is EventKind.SPEECH and (text := _said(event)):
            yield Speech(event.speaker, text, event.line, play, author)


def _said(event: Event) -> str:
    text = " ".join(_ASIDE.sub(" ", event.text).translate(_STRAIGHT).split())
    return text if _WORD.search(text) else ""


def _author(source: Source) -> str:
    """Return the author: whom the first lines of a file name, else its folder below the given one."""
    head = "\n".join(reading.sample_lines(source)[:_HEAD])
    found = _TEI_AUTHOR.search(head) or _BY.search(_COPYRIGHT.sub("", head))
    return " ".join(found["author"].split()).title() if found else PurePath(source.name).parent.name


class Masked:
    """Replaces names of speakers: they tell the play and not the voice."""

    def __init__(self, speakers: Iterable[str]) -> None:
        words = (word.lower() for speaker in speakers for word in _LETTERS.findall(speaker))
        self._names = {word for word in words if len(word) >= _SHORTEST_NAME}

    def __call__(self, text: str) -> str:
        return _LETTERS.sub(lambda found: "~" if self.is_name(found[0]) else found[0], text)

    def is_name(self, word: str) -> bool:
        """Return whether a word with a capital is a part of a speaker's name."""
        return word[:1].isupper() and word.partition("'")[0].lower() in self._names
