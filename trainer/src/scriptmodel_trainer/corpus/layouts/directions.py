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
_NAMED = re.compile(r"(?:[A-Z][A-Z'’]+,? ){1,3}_[a-z]")  # `ANNA _goes to the boat_`
_ACTS = re.compile(r"(?:A )?(?:(?:[A-Z]{1,4}\. )?[A-Z][A-Z'’]+,?\s)+_[a-z]")  # `MRS. GULL _and_ ANNA _go._`
_QUOTED = re.compile(r"[\"“‘].{0,200}?[\"”’]", re.DOTALL)
_DASHED = re.compile(r"(?<=[\])])\s*(?:--+|[—–])$")  # `(They sing)--`
_WHOLE_LINES = re.compile(r"^[ \t]*_?[\[(][^\[\]()]*(?<!,)[\])][.,;:]?_?(?:[ ]*\[\d{1,3}\])?[ \t]*$", re.MULTILINE)
_OPENING_LINE = re.compile(r"^[ \t]*\[[^\[\]\n]+$", re.MULTILINE)
_AT_MARGIN = re.compile(r"\[.*?[.!?_](?=\n[^a-z]|\Z)", re.DOTALL)  # as far as its lines continue
_ENTERS = re.compile(
    r"^(?:[ \t]+(?:Enter|Re-?enter|Exit|Exeunt)|[ ]{16,}(?:Flourish|Alarums?|Sennet|Retreat|Thunder|Music))\b[^\n]*$",
    re.MULTILINE,
)
# Directions without brackets at the right end of a line of verse.
_AT_THE_RIGHT = re.compile(
    r"(?<=\S) {6,}(?:Enter|Re-?enter|Exit|Exeunt|Flourish|Alarums?|Sennet|Retreat|Thunder|Music)\b[^\n]*$", re.MULTILINE
)
_SAID = re.compile(r"[.?!—-]\n")
_BRACKET = re.compile(r"[\[\](){}]")
_SQUARE = re.compile(r"[\[\]]")
_CLOSED = re.compile(r"[\])]")
_LAST_NOTE = re.compile(r"(?<=[\])])\s+\[\d{1,3}\]$")
_ENDED = (".", "!", "?", "]", ")", '"', "”", "’", "_", "…", "'", "*")
_PROSE = 55  # characters; lines of prose are longer
_LONGEST_VERSE = 70  # characters
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)")
_NESTED = 20  # brackets around a direction
_LONG = 2000  # characters of a direction
_SLACK = 8  # characters that would have fitted on the line before: its end was meant
_SENTENCE = re.compile(r"[.?!—-][\s_]*\n[\s_]*[\[(]_*[A-Z]")  # ends, and a direction begins one


def is_bracketed(text: str) -> bool:
    """Return True where one pair of brackets surrounds all of it, or all of it is in italics."""
    stripped = text.strip().rstrip(".;,: ")
    if len(stripped) < 3:
        return False
    if stripped[-1] in "-—–":
        stripped = _DASHED.sub("", stripped)
    if _someone_acts(stripped):
        return True
    if (stripped[0] == "_" and stripped[1] not in "[(") or _NAMED.match(stripped):
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


def _someone_acts(text: str) -> bool:
    """Nothing but names in capitals stands outside the italics, which are more than an `and` between two."""
    if not _ACTS.match(text):
        return False
    names, action = text.split("_")[::2], text.split("_")[1::2]
    acts = len(names) > len(action) and any(part.strip() not in ("and", "with") for part in action)
    return acts and " ".join(names).isupper() and addresses_nobody(text)


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
    found = list(_WHOLE_LINES.finditer(text)) if "[" in text or "(" in text else []
    if not round_brackets:
        found = [match for match in found if not match.group().lstrip(" \t_").startswith("(")]
    found += _ENTERS.finditer(text)
    found += _AT_THE_RIGHT.finditer(text)
    spans = [(match.start(), match.end(), match.re is _AT_THE_RIGHT) for match in found]
    if "[" in text:
        spans += [(begin, end, text[begin] != "[") for begin, end in _never_closed(text)]
    said = (line for line in text.split("\n") if line.lstrip(" _")[:1] not in ("[", "("))
    verse = bool(spans) and is_verse("\n".join(said))
    last = 0
    for begin, end, meant in sorted(spans):
        first = begin == 0 and not lead  # of what continues in a new paragraph
        # no line of verse is a full one
        apart = verse and begin and (_SAID.search(text, begin - 2, begin) or not _CLOSED.search(text, begin, end))
        if (begin > last or first) and (meant or apart or _meant(text, begin, text[begin:end], width, lead)):
            last = end
            yield begin, last


def _never_closed(text: str) -> Iterator[tuple[int, int]]:
    """Where lines are directions whose bracket is never closed, as (start, end) places."""
    for match in _OPENING_LINE.finditer(text):
        following = _SQUARE.search(text, match.end())
        if following is None or following[0] == "[":
            rest = text[match.start() : match.start() + _LONG]
            at_margin = _AT_MARGIN.match(rest)
            yield match.start(), match.start() + (at_margin.end() if at_margin else open_end(rest))


def open_end(text: str) -> int:
    """Where a direction ends whose bracket is never closed: before a line that hangs no longer under its first one."""
    lines = text.splitlines(keepends=True)
    indent = len(lines[0]) - len(lines[0].lstrip())
    if not indent:
        return len(text)
    end = len(lines[0])
    for line in lines[1:]:
        hangs = len(line) - len(line.lstrip()) - indent
        if hangs <= 0 and text[:end].count("_") % 2 == 0:
            break  # unless its italics continue
        end += len(line)
    return end


def _meant(text: str, start: int, line: str, width: int, lead: int) -> bool:
    if start == 0:
        last, following = line.rpartition("\n")[2], text[len(line) :].split(None, 1)
        return not following or len(last) + len(following[0]) + _SLACK < width
    begin = text.rfind("\n", 0, start - 1) + 1
    before = text[begin : start - 1] if begin else "-" * lead + text[: start - 1]
    after = text[start + len(line) + 1 :].split("\n", 1)[0]
    indent, above, below = (len(other) - len(other.lstrip(" ")) for other in (line, before, after))
    if indent - above >= 4:
        return True
    begins = indent > 0 and _SENTENCE.match(text, start - 2) is not None and addresses_nobody(line)
    if begins and after and above == below != indent:
        return True
    return len(before) + len(line.split(None, 1)[0]) + (1 if begins else _SLACK) < width


def without_brackets(text: str) -> str:
    """The words of a direction, without the brackets around it."""
    stripped = _DASHED.sub("", _LAST_NOTE.sub("", plain(text)).strip())
    for _ in range(_NESTED):
        if len(stripped) < 2 or stripped[0] not in "[(":
            break
        closed = closes_at(stripped)
        if closed < 0:
            return stripped[1:].strip()
        if closed < len(stripped.rstrip(" .;,:")) - 1:
            return stripped
        stripped = (stripped[1:closed] + stripped[closed + 1 :]).strip()
        if stripped.endswith(".."):
            stripped = stripped[:-1]
    return stripped
