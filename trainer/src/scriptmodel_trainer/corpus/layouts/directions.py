"""Stage directions: by their brackets, their italics, or only by how they read."""

import re
from collections.abc import Iterator

from scriptmodel_trainer.corpus.layouts.paragraphs import plain

_START = re.compile(
    r"\W*(?:Enters?|Re-?enters?|Exit|Exeunt|Curtain|The curtain|A pause|Pause|Silence|Music|Flourish|Alarums?|"
    r"Sennet|Thunder|Manet|Manent)\b",
    re.IGNORECASE,
)
# Whoever speaks says I or you sooner or later; a direction never does, nor does it ask or shout.
_SPOKEN = re.compile(
    r"\b(?:I|I['’](?:m|ll|ve|d)|me|my|mine|myself|we|us|our|ours|you|your|yours|yourself|thee|thou|thy|thine|ye|let['’]s|"
    r"youse|yuh|yer|d'ye|ha|oh|ah|yes|no(?=[,.;!?-]))\b(?!['’]s)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“‘].{0,200}?[\"”’]", re.DOTALL)
_DASHED = re.compile(r"(?<=[\])])\s*(?:--+|[—–])$")  # `(They sing)--`
_WHOLE_LINES = re.compile(r"^[ \t]*_?[\[(][^\[\]()]*(?<!,)[\])][.,;:]?_?(?:[ ]*\[\d{1,3}\])?[ \t]*$", re.MULTILINE)
_ENTERS = re.compile(
    r"^(?:[ \t]+(?:Enter|Re-?enter|Exit|Exeunt)|[ ]{16,}(?:Flourish|Alarums?|Sennet|Retreat|Thunder|Music))\b[^\n]*$",
    re.MULTILINE,
)
# Directions without brackets at the right end of a line of verse.
_AT_THE_RIGHT = re.compile(
    r"(?<=\S) {6,}(?:Enter|Re-?enter|Exit|Exeunt|Flourish|Alarums?|Sennet|Retreat|Thunder|Music)\b[^\n]*$", re.MULTILINE
)
_NEVER_CLOSED = re.compile(r"^[ \t]*\[[^\[\]\n]+$(?=[^\[\]]*(?:\[|\Z))", re.MULTILINE)
_BRACKET = re.compile(r"[\[\](){}]")
_LAST_NOTE = re.compile(r"(?<=[\])])\s+\[\d{1,3}\]$")
_ENDED = (".", "!", "?", "]", ")", '"', "”", "’", "_", "…", "'", "*")
_PROSE = 55  # characters; lines of prose are longer
_LONGEST_VERSE = 70  # characters
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)")
_NESTED = 20  # brackets around a direction
_SLACK = 8  # characters that would have fitted on the line before: its end was meant


def is_bracketed(text: str) -> bool:
    """Return True where one pair of brackets surrounds all of it, or all of it is in italics."""
    stripped = text.strip().rstrip(".;,: ")
    if len(stripped) < 3:
        return False
    if stripped[-1] in "-—–":
        stripped = _DASHED.sub("", stripped)
    if stripped[0] == "_" and stripped[1] not in "[(":
        return _in_italics(stripped)
    if stripped.lstrip("_")[0] not in "[(" or stripped.rstrip("_")[-1] not in "])":
        return False
    depth = 0
    for character in stripped:
        depth += (character in "[(") - (character in "])")
        if depth <= 0 and character.isalnum():
            return False
    return depth <= 0


def _in_italics(text: str) -> bool:
    """Most of the letters stand between underscores; names in directions often do not."""
    if text.count("_") < 2:
        return False
    inside = sum(len(part) for part in text.split("_")[1::2])
    return inside >= 0.6 * (len(text) - text.count("_"))


def opens_only(text: str) -> bool:
    """Return True where the bracket that the first character opens is never closed."""
    stripped = text.lstrip(" _")
    if not stripped.startswith(("[", "(")):
        return False
    return closes_at(stripped) < 0


def closes_at(text: str, depth: int = 0) -> int:
    """Where the outermost bracket of `text` closes, -1 if it does not; `depth` brackets are open already."""
    for match in _BRACKET.finditer(text):
        depth += 1 if match[0] in "[({" else -1
        if depth <= 0:
            return match.start()
    return -1


def reads_like_direction(text: str) -> bool:
    """Return True where the first words are those of a stage direction."""
    return _START.match(plain(text[:200])) is not None


def narrates(text: str) -> bool:
    """Return True for words that describe an action: nobody is spoken to, nothing asked or exclaimed, no verse."""
    return (
        text.rstrip().endswith(_ENDED)
        and text.lstrip()[:1] not in "\"“‘'-_"
        and not is_verse(text)
        and addresses_nobody(text)
    )


def is_quoted(text: str) -> bool:
    """Return True for words that begin with a quotation mark: someone says or reads them."""
    return text.lstrip(" _")[:1] in ('"', "“")


def is_verse(text: str) -> bool:
    """Short lines, each with a capital."""
    lines = text.split("\n")
    return len(lines) > 1 and all(line.lstrip()[:1].isupper() and len(line.strip()) < _PROSE for line in lines)


def said(text: str, lead: int = 0) -> str:
    """Return words as they are said, without italics: verse on its lines, prose on one.

    The first line of `text` has `lead` characters before it.
    """
    whole = plain(text)
    if "\n" not in text or not is_in_lines(text, lead):
        return whole
    lines = "\n".join(filter(None, map(plain, text.split("\n"))))
    return lines if lines.replace("\n", " ") == whole else whole


def is_in_lines(text: str, lead: int = 0) -> bool:
    """Return whether lines begin with a capital and end before the page does, as those of verse."""
    lengths = [len(line.strip()) for line in text.split("\n")]
    lengths[0] += lead if lengths[0] else 0
    full = [length for length in lengths if length]
    short = sum(full[:-1]) < _PROSE * (len(full) - 1) and max(full, default=0) <= _LONGEST_VERSE
    return short and all(map(_begins_high, text.split("\n")))


def _begins_high(line: str) -> bool:
    """Return whether the first word, if there is any outside of brackets, begins with a capital."""
    first = next(filter(str.isalnum, _BRACKETED.sub("", line)), "A")
    return first.isupper()


def addresses_nobody(text: str) -> bool:
    """Return True for words in which nobody is spoken to, nothing asked or exclaimed."""
    bare = _QUOTED.sub("", text)
    spoken = bare.count("?") + bare.count("!") + len(_SPOKEN.findall(bare))
    return spoken <= len(bare) // 300  # a page of description may say `you` or `we` of its readers


def ends_open(text: str) -> bool:
    """Return True where a speech breaks off within a sentence."""
    stripped = text.rstrip()
    return stripped[-1:].isalnum() or stripped.endswith((",", ";"))


def own_lines(text: str, width: int, round_brackets: bool = True, lead: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the directions on lines of their own inside a paragraph, as (start, end) places.

    In prose a direction may fill a line only because the text was wrapped at `width`: such a line does not count.
    Without `round_brackets` a line in parentheses is verse, since the play has its directions in square brackets.
    The first line of `text` has `lead` characters before it.
    """
    found = [
        match
        for match in _WHOLE_LINES.finditer(text)
        if round_brackets or not match.group().lstrip(" \t_").startswith("(")
    ]
    found += _ENTERS.finditer(text)
    spans = [(*match.span(), _is_meant(text, match.start(), match.end(), width, lead)) for match in found]
    spans += [(*match.span(), True) for match in (*_AT_THE_RIGHT.finditer(text), *_NEVER_CLOSED.finditer(text))]
    verse = bool(spans) and is_verse("\n".join(line for line in text.split("\n") if line.lstrip(" _")[:1] not in "[("))
    last = 0
    for begin, end, meant in sorted(spans):
        full = not meant and not (verse and begin and text[begin - 2] in ".?!—-")  # which no line of verse is
        if not full and (begin > last or (begin == 0 and not lead)):  # of what continues in a new paragraph
            last = end
            yield begin, last


def _is_meant(text: str, start: int, end: int, width: int, lead: int) -> bool:
    """Return whether the line before it ended although the first word had room there, at the start the line itself."""
    if start == 0:
        last, following = text[:end].rpartition("\n")[2], text[end:].split(None, 1)
        return not following or len(last) + len(following[0]) + _SLACK < width
    begin = text.rfind("\n", 0, start - 1) + 1
    before = start - 1 - begin + (0 if begin else lead)
    return before + len(text[start:end].split(None, 1)[0]) + _SLACK < width


def without_brackets(text: str) -> str:
    """The words of a direction, without the brackets around it."""
    stripped = _DASHED.sub("", _LAST_NOTE.sub("", plain(text)).strip())
    for _ in range(_NESTED):
        if stripped[:1] not in ("[", "("):
            break
        closed = closes_at(stripped)
        if closed < 0:
            return stripped[1:].strip()
        if closed < len(stripped.rstrip(" .;,:")) - 1:
            break
        stripped = (stripped[1:closed] + stripped[closed + 1 :]).strip().replace("..", ".")
    return stripped
