"""Running text to words, punctuation and sentence ends."""

import functools
import re
import unicodedata

# Sentence ends as one piece ("?!", ". . ."), dashes, numbers, initials and titles that keep their full stop, words
# (hyphens inside, an apostrophe at the end if no letter follows), clitics ("'re"), and any other mark alone.
_PIECES = re.compile(
    r"[.?!…](?:\s*[.?!…])*"
    r"|--+|[—–―]+"
    r"|\d+(?:[.,:]\d+)+"
    r"|(?:[A-Z]\.){2,}"
    r"|(?:Mrs?|Dr|St|Messrs|Esq|Rev|Hon|Mme|Mlle)\.(?=\s+\S)"
    r"|(?:MRS?|DR|ST|MESSRS|REV|HON|MME|MLLE)\.(?=\s+[A-Z])"
    r"|['’]?[^\W_]+(?:[-&][^\W_]+)*(?:'(?![^\W_])|’)?"
    r"|[^\s\w']"
)
_MOST_MARKS = 30
_MARKS = re.compile(rf"[^\w\s\0-\u02ff]{{{_MOST_MARKS + 1},}}")
_SINGLE_OPEN = re.compile(r"(?<![\w'])'(?=\w)")
_SINGLE_QUOTE = re.compile(r"(?<![\w'])'(?=\w)|(?<=[\w,.;:!?…-])'(?![\w'])")
_SINGLE_CLOSE = re.compile(r"[,.;:!?…-]'(?![\w'])|\w'(?![\w'])")
_ELIDED = re.compile(r"'\w+")
_LAST_WORD = re.compile(r"\w+$")

# Words that lose their first letters and so begin with an apostrophe: not the start of a quotation.
_APHAERESIS = """
'tis 'twas 'twere 'twill 'twould 'twixt 'tween 'em 'gainst 'cause 'bout 'mongst 'mong 'scape 'scaped 'larum 'larums
'gins 'gin 'greed 'count 'pon 'fore 'neath 'im 'er 'ere 'ad 'ave 'is 'til 'till 'round 'most 'long 'faith 'sblood
'swounds 'zounds 'sdeath 'ods 'fraid 'ud 'd 'll 's 're 've 't 'as 'ow 'ouse 'ome
"""
APHAERESIS = frozenset(_APHAERESIS.split())
_ELISION = re.compile(  # in French, Italian and Catalan; English has d'you and t'other
    r"(?<![\w'’])(?P<word>[cdjlmnst]|(?:jus|lors|puis|quoi|pres|quel)?qu|[ai]ll|d[ae]ll|nell|sull|dall|un|quell)"
    r"'(?=[aàáâäeéèêëhiíîïoóôöuúùûüyæœ])",
    re.IGNORECASE,
)
_SHORTENED = re.compile(r"(?<![\w'])'(?=[^\W_])\w+")
SHORTENED = "’"
"""The apostrophe at the beginning of a word such as ’orrors, or at the end of one such as l’; others are straight."""
_ELISION_END = frozenset(["o", "i", "th", "a", "wi", "t", "an", "d", "ha", "de"])

_DROPPED = frozenset("_*\\`~|<>{}")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))  # soft hyphens, joiners: within words
SPACES = dict.fromkeys(map(ord, "\u200b\u2060\ufeff")) | dict.fromkeys(
    (0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "
)
"""To translate what looks like a space, or like nothing, before rules look at a line: `ANNE\u00a0: Oui` in French."""
_ASCII_QUOTES = str.maketrans({"’": "'", "‘": "'", "«": "“", "»": "”", "„": "“", "‛": "'", "`": "'", "´": "'"})


def split_words(text: str) -> list[str]:
    """Words, punctuation and markers of `text`; brackets and double quotes stay as characters for the caller.

    Words split at apostrophes (`They 're`); runs of enders become one marker. A word that lost its first letter and is
    not known for it begins with SHORTENED, so that it does not look like the end of the word before it; one that lost
    its last letter before a vowel ends with it (`l’ homme`), so that the other word is the same everywhere.
    """
    if not text.isascii():
        text = _MARKS.sub(_bounded_marks, text.translate(_INVISIBLE))
        text = unicodedata.normalize("NFC", text).translate(_ASCII_QUOTES)
    if "'" in text and _SINGLE_OPEN.search(text) and _SINGLE_CLOSE.search(text):
        text = _single_quotes_paired(text)
    if "'" in text:
        text = _ELISION.sub(rf"\g<word>{SHORTENED} ", _SHORTENED.sub(_marked, text))
    return list(filter(None, map(_token, _PIECES.findall(text))))


def _marked(match: re.Match[str]) -> str:
    word = match.group()
    return word if word.lower() in APHAERESIS else SHORTENED + word[1:]


def _bounded_marks(match: re.Match[str]) -> str:
    """A run of characters that are no letters, of its combining ones no more than 30 in a row, as Unicode's Stream-Safe
    Text Format has it: NFC sorts them, in time that grows with the square of their number."""
    kept: list[str] = []
    row = 0
    for character in match.group():
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


@functools.lru_cache(200_000)
def _token(piece: str) -> str:
    """Return the token of a piece of text, cached: the same few thousand pieces make up most of any corpus."""
    first = piece[0]
    if first in ".?!…":
        return _ender(piece)
    if first in "—–―" or piece.startswith("--"):
        return "--"
    if piece in _DROPPED or (len(piece) == 1 and unicodedata.category(piece)[0] in "CZM"):
        return ""
    return piece


def _ender(piece: str) -> str:
    if "?" in piece:
        return "<question>"
    if "!" in piece:
        return "<exclamation>"
    return "<ellipsis>" if "…" in piece or piece.count(".") > 1 else "<eos>"


def _single_quotes_paired(text: str) -> str:
    """Turn single quotes that surround a quotation into double ones; leave apostrophes alone."""
    opened: list[int] = []
    replaced: dict[int, str] = {}
    for match in _SINGLE_QUOTE.finditer(text):
        at = match.start()
        if at + 1 < len(text) and (text[at + 1].isalnum()):
            word = _ELIDED.match(text, at)
            if word and word.group().lower() not in APHAERESIS:
                opened.append(at)
        elif opened and _closes_quotation(text, at):
            replaced[opened.pop()] = "“"
            replaced[at] = "”"
            opened.clear()
    if not replaced:
        return text
    return "".join(replaced.get(index, character) for index, character in enumerate(text))


def _closes_quotation(text: str, at: int) -> bool:
    before = text[at - 1]
    if not before.isalnum():
        return True
    word = _LAST_WORD.search(text[max(0, at - 30) : at])
    return word is None or (before not in "sS" and word.group().lower() not in _ELISION_END)
