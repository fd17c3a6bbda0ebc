"""Screenplays, as Fountain or printed with centred names: sluglines, action, names, parentheticals, dialogue."""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.directions import said
from scriptmodel_trainer.corpus.layouts.marks import is_closing, is_extension, is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs, plain
from scriptmodel_trainer.corpus.layouts.script import Script

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
_CENTRED_INDENT = 8  # spaces, at least, before a centred name
_ASIDE = re.compile(r"^\s*(\(.*\))\s*$", re.MULTILINE)
_PAGE = re.compile(r"\s*\(?(?:CONTINUED|OMITTED)\b\W*\d{0,3}\W*")  # the head or foot of a page
_MORE = re.compile(r"\(\s*MORE\s*\)")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A name above words: who speaks, what is said, and what belongs to the print alone."""

    speaker: str
    words: str
    dropped: str


def parse(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """Events of a screenplay; the title page is no part of it."""
    script, centred, slugs = Script(), _is_centred(tuple(sample)), any(map(_SLUG.match, sample))
    begun = keyed = False
    for part in _recut(paragraphs(_without_boneyard(lines, script)), centred):
        text = _NOTES.sub("", part.text)
        script.add(EventKind.CUT, " ".join(_NOTES.findall(part.text)), part.line, "note")
        key = not begun and _TITLE_PAGE.match(text) is not None
        keyed = keyed or key
        begun = begun or not (key or (slugs and not keyed and _is_title(part, centred)))
        if begun:
            _read(script, Paragraph(text, part.line))
        else:
            script.add(EventKind.CUT, text, part.line, "title-page")
        yield from script.taken()
    script.end()
    yield from script.taken()


def score(sample: Sequence[str]) -> float:
    """Share of paragraphs that are dialogue, for files that have sluglines or a title page; 0 for others.

    Those with a title page, or names in the middle of the line, are more likely to be screenplays.
    """
    slugs = sum(is_slug(line.lstrip("# ")) for line in sample)  # a section may be one
    titled = next((_TITLE_PAGE.match(part.text) is not None for part in paragraphs(sample)), False)
    if not titled and not slugs:
        return 0.0
    centred = _is_centred(tuple(sample))
    found = [part.text for part in _recut(paragraphs(sample), centred)]
    spoken = sum(1 for text in found if dialogue(text) is not None or is_slug(text))
    sure = titled or (centred and slugs >= _SCENES)
    return min(0.99, (0.6 if sure else 0.3) + spoken / len(found)) if spoken >= 2 else 0.0


def _is_title(part: Paragraph, centred: bool) -> bool:
    """Return whether this belongs to a printed title page: nobody speaks, no scene begins."""
    set_in = _indent(part.text) >= _CENTRED or (centred and not part.text.endswith((".", "?", "!")))
    return set_in and not (_stands_alone(part.text.partition("\n")[0]) or dialogue(part.text))


def _without_boneyard(lines: Iterable[str], script: Script) -> Iterator[str]:
    """Yield lines without what is between /* and */, which is cut; a /* that nothing closes is text."""
    inside = False
    held: list[str] = []  # lines from one that opens on
    kept: list[str] = []  # what is left of them
    cut: list[tuple[str, int]] = []
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
                cut.append((before, number))
            else:
                kept[-1] += before
            if mark:
                inside = not inside
        if not inside:
            for text, at in cut:
                script.add(EventKind.CUT, text, at, "boneyard")
            yield from kept
            held, kept, cut = [], [], []
    yield from held


# How a screenplay is printed: with names in the middle of the line, blank lines may be missing


@functools.lru_cache(maxsize=1)
def _is_centred(sample: tuple[str, ...]) -> bool:
    """Return whether most names are centred on their lines. The last result is cached, because it is used twice."""
    centred = others = 0
    for part in paragraphs(sample):
        lines = part.text.split("\n")
        centred += sum(_is_name(lines, at) for at in range(1, len(lines)))
        if dialogue(part.text):
            centred += _indent(part.text) >= _CENTRED_INDENT
            others += _indent(part.text) < _CENTRED_INDENT
    return centred > others


def _recut(source: Iterable[Paragraph], centred: bool) -> Iterator[Paragraph]:
    """Yield paragraphs, if names are centred each speech in one and what is above and below it in others."""
    for part in source:
        lines = part.text.split("\n")
        begin = 0
        for at in range(1, len(lines)) if centred else ():
            if _begins(lines, begin, at):
                yield Paragraph("\n".join(lines[begin:at]), part.line + begin)
                begin = at
        yield Paragraph("\n".join(lines[begin:]), part.line + begin) if begin else part


def _begins(lines: Sequence[str], begin: int, at: int) -> bool:
    """Return whether another paragraph begins here: a line that stands alone, a name, action below a speech."""
    if _stands_alone(lines[at]) or _stands_alone(lines[at - 1]) or _is_name(lines, at):
        return True
    words = next((line for line in lines[begin + 1 : at] if not _ASIDE.fullmatch(line)), "")
    return _indent(lines[at]) <= _indent(words) - _CENTRED_INDENT and _is_name(lines, begin)


def _is_name(lines: Sequence[str], at: int) -> bool:
    """Return whether this line is a centred name, further right than the lines above and below it."""
    above = 0 if not at or is_furniture(lines[at - 1]) else _indent(lines[at - 1])
    if _indent(lines[at]) < _CENTRED_INDENT or at + 1 == len(lines):
        return False
    right = _indent(lines[at]) > max(above, _indent(lines[at + 1]))
    return right and dialogue(f"{lines[at]}\n{lines[at + 1]}") is not None


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


# What a paragraph is


def _read(script: Script, part: Paragraph) -> None:
    """Read a paragraph by the first rule that applies; sections may stand right above something else."""
    text, line = part.text, part.line
    while section := _SECTION.match(text):
        script.add(EventKind.HEADING, plain(section["text"]), line, "section")
        text, line = text[section.end() + 1 :], line + text.count("\n", 0, section.end() + 1)
    if not text.strip():
        return
    if _is_print(text):
        script.add(EventKind.CUT, text, line, "print")
    elif is_slug(text) or (text.startswith(".") and not text.startswith("..")):
        slug, _, below = text.lstrip(".").partition("\n")  # action may follow without a blank line
        numbers, slug = _unnumbered(slug)
        script.add(EventKind.CUT, numbers, line, "slugline")
        script.add(EventKind.HEADING, plain(slug), line, "slugline")
        script.add(EventKind.EXPOSITION, below, line + 1, "action")
    elif is_heading(text):
        script.add(EventKind.HEADING, plain(text), line, "act")
    elif spoken := dialogue(text):
        speak(script, line, "name-above-words", spoken)
    else:
        script.add(EventKind.EXPOSITION, text.lstrip("!").replace("*", ""), line, "action")


def speak(script: Script, line: int, rule: str, spoken: Dialogue) -> None:
    """Give a speech and what is dropped of it."""
    script.end()
    script.add(EventKind.CUT, spoken.dropped, line, rule)
    script.name(spoken.speaker)
    script.say(spoken.words, line, rule)
    script.end()


def _is_print(text: str) -> bool:
    """Return True for transitions, page furniture, synopses and closing words."""
    short = len(text) < _PRINTED
    edge = short and (_TRANSITION.fullmatch(text.replace("*", "")) or _is_page_edge(text))
    return bool(edge) or is_furniture(text) or is_closing(text.strip(" <>")) or text.lstrip().startswith("=")


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


def dialogue(text: str) -> Dialogue | None:
    """What is said, if the paragraph is a name on its own line above words."""
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
    return Dialogue(name, kept + said(spoken) if spoken.strip() else "", " ".join(dropped))
