"""Screenplays, as Fountain or printed with centred names: sluglines, action, names, parentheticals, dialogue."""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import screenplays
from scriptmodel_trainer.corpus.layouts.directions import said, without_brackets
from scriptmodel_trainer.corpus.layouts.marks import is_closing, is_extension, is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs, plain
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, Rule, read_by, silent

_NUMBERED = r"\(?[A-Z]{0,2}\d+[A-Z]{0,2}[.)]?"
_SLUG = re.compile(
    rf"\s*(?:{_NUMBERED}\s+)?(?:INT(?:ERIOR)?|EXT(?:ERIOR)?|(?-i:EST)|INT\./EXT|INT/EXT|I/E)[.: ]", re.IGNORECASE
)
_SECTION = re.compile(r"\s*#{1,6}[^\S\n]*(?P<text>.*)")
_NAME = re.compile(
    r"\s*@?[\"“]?(?P<name>[^\W\d_][^\n(a-z:!?]{0,80}?|@[^\n(]{1,80}?)[\"”]?"
    r"[^\S\n]*+(?P<more>(?:\([^)\n]*\)[^\S\n]*+)*)\^?[^\S\n]*+(?:\n|$)"
)
_BESIDE = re.compile(r"\(([^)]*)\)")  # a name
_CHANGE = r"[A-Z -]+ (?:TO|CUT):|(?:[A-Z]+[ -])?(?:CUT|SMASH|FADE|DISSOLVE) TO(?: BLACK| WHITE)?[.:]{0,3}"
_TRANSITION = re.compile(rf"\s*(?:>.*(?<!<)|{_CHANGE}|FADE (?:IN|OUT).{{0,12}}|THE END\.?)\s*")
_SCENES = 3  # sluglines of a screenplay
_PRINTED = 200  # characters of a transition
_TITLE_PAGE = re.compile(
    r"\s*(?:title|credit|authors?|source|notes|draft date|date|contact|copyright)\s*:", re.IGNORECASE
)
_NOTES = re.compile(r"\[\[[^\[\]]*\]\]")
_SCENE_NUMBER = re.compile(rf"^\s*{_NUMBERED}\s+|(?<!\s)(?:\s+#[^#\n]{{1,10}}#|\s{{3,}}{_NUMBERED})\s*$")
_NUMBER = re.compile(_NUMBERED)
_CENTRED = 12  # spaces before the lines of a printed title page
_ASIDE = re.compile(r"^\s*(\(.*\))\s*$", re.MULTILINE)
_PAGE = re.compile(r"\s*\(?(?:CONTINUED|OMITTED)\b\W*\d{0,3}\W*")  # the head or foot of a page
_MORE = re.compile(r"\(\s*MORE\s*\)")


def parse(lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
    """Events of a screenplay; the title page is no part of it."""
    pages = _Pages(_draft(tuple(sample)), slugs=any(map(_SLUG.match, sample)))
    notes: list[Event] = []
    for paragraph in pages.draft.recut(paragraphs(_without_boneyard(lines, notes))):
        for note in notes:
            explain(Decision(note.line, "cut", "boneyard"))
        yield from notes
        notes.clear()
        text = _NOTES.sub("", paragraph.text)
        if text != paragraph.text:
            yield Event(EventKind.CUT, " ".join(_NOTES.findall(paragraph.text)), line=paragraph.line)
        if pages.cuts(text, paragraph):
            explain(Decision(paragraph.line, "cut", "title-page"))
            yield Event(EventKind.CUT, text, line=paragraph.line)
        else:
            yield from _events(Paragraph(text, paragraph.line), explain)
    yield from notes


class _Pages:
    """The title page of a screenplay, which is dropped."""

    def __init__(self, draft: screenplays.ScreenplayStyle, *, slugs: bool) -> None:
        self.draft = draft
        self._slugs = slugs
        self._begun = False
        self._keyed = False  # the title page is a list of keys

    def cuts(self, text: str, paragraph: Paragraph) -> bool:
        """Return whether a paragraph is cut; `text` are its words without notes."""
        if self._begun:
            return False
        keyed = _TITLE_PAGE.match(text) is not None
        self._keyed = self._keyed or keyed
        titled = keyed or (self._slugs and not self._keyed and _is_title(paragraph, self.draft))
        self._begun = not titled
        return titled


@functools.lru_cache(maxsize=1)
def _draft(sample: tuple[str, ...]) -> screenplays.ScreenplayStyle:
    """Return how the lines of a sample are printed; the last result is cached, because it is used three times."""
    return screenplays.learn(paragraphs(sample), lambda text: dialogue(text) is not None, _stands_alone)


def _is_title(paragraph: Paragraph, draft: screenplays.ScreenplayStyle) -> bool:
    """Return whether this belongs to a printed title page: nobody speaks, no scene begins."""
    set_in = paragraph.indent >= _CENTRED or (draft.centred and not paragraph.text.endswith((".", "?", "!")))
    return set_in and not (_stands_alone(paragraph.text.partition("\n")[0]) or draft.speaks(paragraph.text))


def _without_boneyard(lines: Iterable[str], notes: list[Event]) -> Iterator[str]:
    """Yield lines without what is between /* and */, which goes to `notes` as cut; a /* that nothing closes is text."""
    inside = False
    held: list[str] = []  # lines from one that opens on
    kept: list[str] = []  # what is left of them
    cut: list[Event] = []
    for number, line in enumerate(lines, 1):
        if not inside and "/*" not in line:
            yield line
            continue
        held.append(line)
        kept.append("")
        rest = line
        while rest:
            before, mark, rest = rest.partition("*/" if inside else "/*")
            if inside:
                cut.append(Event(EventKind.CUT, before, line=number))
            else:
                kept[-1] += before
            if mark:
                inside = not inside
        if not inside:
            notes += cut
            yield from kept
            held, kept, cut = [], [], []
    yield from held


def score(sample: Sequence[str]) -> float:
    """Share of paragraphs that are dialogue, for files that have sluglines or a title page; 0 for others.

    Those with a title page, or names in the middle of the line, are more likely to be screenplays.
    """
    slugs = sum(is_slug(line.lstrip("# ")) for line in sample)  # a section may be one
    titled = next((_TITLE_PAGE.match(paragraph.text) is not None for paragraph in paragraphs(sample)), False)
    if not titled and not slugs:
        return 0.0
    draft = _draft(tuple(sample))
    found = [paragraph.text for paragraph in draft.recut(paragraphs(sample))]
    spoken = sum(1 for text in found if dialogue(text) is not None or is_slug(text))
    sure = titled or (draft.centred and slugs >= _SCENES)
    return min(0.99, (0.6 if sure else 0.3) + spoken / len(found)) if spoken >= 2 else 0.0


def _events(paragraph: Paragraph, explain: Explain) -> Iterator[Event]:
    """Events of a paragraph; sections may stand right above something else."""
    while paragraph.text.strip():
        first, _, below = paragraph.text.partition("\n")
        if (section := _SECTION.match(first)) is None:
            yield from read_by(PARAGRAPHS, paragraph, paragraph.line, explain)
            return
        explain(Decision(paragraph.line, "heading", "section"))
        yield from _heading(paragraph, section["text"])
        paragraph = Paragraph(below, paragraph.line + 1)


def _cut(paragraph: Paragraph, text: str) -> Iterator[Event]:
    yield Event(EventKind.CUT, text, line=paragraph.line)


def _heading(paragraph: Paragraph, text: str) -> Iterator[Event]:
    yield Event(EventKind.HEADING, plain(text), line=paragraph.line)


def _slugline(paragraph: Paragraph) -> bool:
    text = paragraph.text
    return is_slug(text) or (text.startswith(".") and not text.startswith(".."))


def speech(paragraph: Paragraph, spoken: tuple[str, str, str]) -> Iterator[Event]:
    speaker, words, dropped = spoken
    if dropped:
        yield Event(EventKind.CUT, dropped, line=paragraph.line)
    if words:
        yield Event(EventKind.SPEECH, words, speaker, paragraph.line)


def _action(paragraph: Paragraph, _: bool) -> Iterator[Event]:
    words = without_brackets(paragraph.text.lstrip("!").replace("*", ""))
    yield Event(EventKind.EXPOSITION, words, line=paragraph.line)


def _is_print(text: str) -> bool:
    """Return True for transitions, page furniture, synopses and closing words."""
    short = len(text) < _PRINTED
    edge = short and (_TRANSITION.fullmatch(text.replace("*", "")) or _is_page_edge(text))
    return bool(edge) or is_furniture(text) or is_closing(text.strip(" <>")) or text.lstrip().startswith("=")


def _scene(paragraph: Paragraph, _: bool) -> Iterator[Event]:
    """A slugline, and the action that may follow it without a blank line."""
    line, *below = paragraph.text.lstrip(".").split("\n")
    numbers, slug = _unnumbered(line)
    if numbers:
        yield Event(EventKind.CUT, numbers, line=paragraph.line)
    yield Event(EventKind.HEADING, plain(slug), line=paragraph.line)
    if below:
        yield Event(EventKind.EXPOSITION, plain("\n".join(below)), line=paragraph.line + 1)


def _unnumbered(slug: str) -> tuple[str, str]:
    """Return the numbers at the ends of a slugline, and what is between them."""
    if _is_framed(slug):
        number, *words, _ = slug.split()
        return f"{number} {number}", " ".join(words)
    return " ".join(_SCENE_NUMBER.findall(slug)).strip(), _SCENE_NUMBER.sub("", slug)


def _is_framed(slug: str) -> bool:
    """Return whether something is between a number and the same number again."""
    words = slug.split(None, 1)
    ends = words[1].rsplit(None, 1) if len(words) > 1 else []
    return len(ends) > 1 and ends[1] == words[0] and _NUMBER.fullmatch(words[0]) is not None


def _stands_alone(text: str) -> bool:
    """Return True for a line that no other belongs to: a slugline, `CUT TO:`, the head or foot of a page."""
    short = len(text) < _PRINTED
    return short and (is_slug(text) or _TRANSITION.fullmatch(text) is not None or _is_page_edge(text))


def _is_page_edge(text: str) -> bool:
    if "CONTINUED" not in text and "OMITTED" not in text:
        return False  # most lines: the rest is costly
    return _PAGE.fullmatch(_unnumbered(text)[1]) is not None


def is_slug(text: str) -> bool:
    """Return True for `EXT. ...`, and for what is between its number and the same number again."""
    return _SLUG.match(text) is not None or _is_framed(text[:_PRINTED].partition("\n")[0])


def dialogue(text: str) -> tuple[str, str, str] | None:
    """Speaker, words, and what belongs to the print alone, if the paragraph is a name on its own line above words."""
    match = _NAME.match(text)
    if match is None or is_slug(text):
        return None
    words = text[match.end() :]
    name = match["name"].lstrip("@").strip(" .,-")
    if not words.strip() or not name or len(name) > 50 or is_heading(match.group()):
        return None
    beside = _BESIDE.findall(match["more"])
    kept = "".join(f"({part}) " for part in beside if not is_extension(part))
    dropped = [part for part in beside if is_extension(part)]
    spoken = _ASIDE.sub(r"\1", words).replace("*", "").replace("~", "")
    if _MORE.search(spoken):
        dropped += [name, "MORE"] if not _MORE.sub("", spoken).strip() else ["MORE"]
        spoken = _MORE.sub("", spoken)
    return name, (kept + said(spoken) if spoken.strip() else ""), " ".join(dropped)


PARAGRAPHS: tuple[Rule[Paragraph], ...] = (
    Rule("print", "cut", lambda paragraph: _is_print(paragraph.text), lambda part, _: _cut(part, part.text)),
    Rule("slugline", "heading", _slugline, _scene),
    Rule("act", "heading", lambda part: is_heading(part.text), lambda part, _: _heading(part, part.text)),
    Rule("name-above-words", "speech", lambda paragraph: dialogue(paragraph.text), speech),
    Rule("action", "exposition", lambda _: True, _action),
)
"""Rules for whole paragraphs."""
