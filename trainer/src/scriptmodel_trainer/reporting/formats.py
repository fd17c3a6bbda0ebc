"""Scripts as plain text, Fountain, Final Draft (FDX) and HTML.

Names, directions and verse lines stay as the text has them, so the layouts `fountain` and `fdx` read the same tokens.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.given import given_events
from scriptmodel_trainer.corpus.layouts.fountain import is_slug
from scriptmodel_trainer.corpus.layouts.marks import is_extension, is_heading
from scriptmodel_trainer.reporting.suffixes import TEXT
from scriptmodel_trainer.reporting.templating import render
from scriptmodel_trainer.storage.controls import without_controls

_ASIDE = re.compile(r"\[([^\[\]]*)\]")
_WITHIN = re.compile(r"\[([^\[\]]*)\](?=[,.;:!?])")
_BEGINS = re.compile(r"^\(([^()\n]*)\)(?![,.;:!?])", re.MULTILINE)  # a line, as a writer's own parentheticals do
_EXTENDED = re.compile(r"^[^\w\n]*(\w[^()\n]*)\(([^()\n]*)\)(?: *\([^()\n]*\))*[\s:.*]*(.*)", re.MULTILINE)  # a cue
_CUE = re.compile(r"[A-Z][^a-z]*")
_SENTENCE = re.compile(r"[A-Z][^a-z]*+[a-z].*(?<=[.?!])")
_BRACKETS = str.maketrans("[]", "()")
_NO_TEXT = re.compile(r"(?<=/)(?=\*)|(?<=\*)(?=/)|(?<=\[)(?=\[)|(?<=\])(?=\])")  # within a mark that hides text


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, a direction or a speech. The lines of a speech have pieces; every second one is a direction."""

    kind: str
    text: str
    name: str = ""
    lines: Sequence[Sequence[str]] = ()
    cue: str = ""
    """The name, with V.O. and the like beside it."""

    def spoken(self) -> Iterator[tuple[str, bool]]:
        """Yield the pieces of a speech, and whether each is a direction; an ellipsis if there are none."""
        pieces = [(piece.strip(), bool(number % 2)) for line in self.lines for number, piece in enumerate(line)]
        yield from [(piece, directs) for piece, directs in pieces if piece] or [("...", False)]


@dataclass(frozen=True, slots=True)
class TitlePage:
    """What is on the first page: title, how the script was made, author. `notes` are on speeches, by their words."""

    title: str
    origin: str
    author: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def by(self) -> str:
        return self.author or "scriptmodel"


def parts_of(text: str) -> Iterator[Part]:
    """Yield the parts of a script as `generate` writes it, or of one in the layout of a corpus of plain text."""
    text = "\n".join(map(without_controls, text.splitlines()))
    extended = [each for each in _EXTENDED.findall(text) if is_extension(each[1])]
    for event in given_events(text, lambda _: False):
        if event.kind is EventKind.SPEECH:
            text, name = _WITHIN.sub(r"(\1)", event.text.strip()), event.speaker.strip()  # no line begins with a comma
            own = next((each for each in extended if each[0].strip() == name and each[2] in event.text), ())
            cue = f"{name} ({extended.pop(extended.index(own))[1]})" if own else name
            lines = [_ASIDE.split(line.strip()) for line in _BEGINS.sub(r"[\1]", text).split("\n")]
            yield Part("speech", text, name, lines, cue)
            continue
        text = " ".join(event.text.split())
        heading = event.kind is EventKind.HEADING or is_slug(text) or is_heading(text)
        yield Part("heading" if heading else "direction", text)


def to_fountain(text: str, page: TitlePage) -> str:
    """Return Fountain 1.1: names above their words, directions as action, asides as parentheticals."""
    head = f"Title: {page.title}\nCredit: written by\nAuthor: {page.by}\nNotes: {page.origin}"
    parts = [_NO_TEXT.sub(" ", _fountain(part)) + _note(part, page) for part in parts_of(text)]
    return "\n\n".join([head, *parts]) + "\n"


def _note(part: Part, page: TitlePage) -> str:
    note = page.notes.get(" ".join(part.text.split()), "")
    return f" [[{note.translate(_BRACKETS)}]]" if note else ""


def _fountain(part: Part) -> str:
    if part.kind == "heading":
        return part.text if is_slug(part.text) else f".{part.text}"
    if part.kind == "direction":
        return part.text if _SENTENCE.fullmatch(part.text) else f"!{part.text}"  # capitals would be a name
    usual = _CUE.fullmatch(part.name) and not (is_heading(part.name) or is_slug(part.name))
    spoken = (f"({piece})" if directs else piece for piece, directs in part.spoken())
    return "\n".join([part.cue if usual else f"@{part.cue}", *spoken])


def to_fdx(text: str, page: TitlePage) -> str:
    """Return a document of Final Draft."""
    root = ET.Element("FinalDraft", DocumentType="Script", Template="No", Version="1")
    content = ET.SubElement(root, "Content")
    for part in parts_of(text):
        if part.kind == "speech":
            _paragraph(content, part.cue, Type="Character")
            for piece, directs in part.spoken():
                kind = "Parenthetical" if directs else "Dialogue"
                _paragraph(content, f"({piece})" if directs else piece, Type=kind)
        else:
            _paragraph(content, part.text, Type="Scene Heading" if part.kind == "heading" else "Action")
    title = ET.SubElement(ET.SubElement(root, "TitlePage"), "Content")
    for line in (page.title, "", "written by", "", page.by, "", page.origin):  # apart: else one entry elsewhere
        _paragraph(title, line, Alignment="Center")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n' + ET.tostring(root, "unicode") + "\n"


def _paragraph(parent: ET.Element, text: str, **attributes: str) -> None:
    ET.SubElement(ET.SubElement(parent, "Paragraph", attributes), "Text").text = text


def to_html(text: str, page: TitlePage) -> str:
    """Return one self-contained page that prints with a title page."""
    parts = list(parts_of(text))
    persons = dict.fromkeys(part.name for part in parts if part.name)
    return render("script.html", title=page.title, origin=page.origin, author=page.author, persons=persons, parts=parts)


FORMATS: Mapping[str, Callable[[str, TitlePage], str]] = {
    TEXT: lambda text, _: text,
    "fountain": to_fountain,
    "fdx": to_fdx,
    "html": to_html,
}
