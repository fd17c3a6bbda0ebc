"""Patterns of speakers' names in print, and words that are never names."""

import re

# Letters of the Latin, Greek and Cyrillic alphabets: Python's `re` has no class for them.
_LETTERS = tuple(map(chr, range(0xC0, 0x530)))
_UPPER = "A-Z" + "".join(letter for letter in _LETTERS if letter.isupper())
LOWER = "a-z" + "".join(letter for letter in _LETTERS if letter.islower())

_SMALL_TITLES = "Mrs?|Mme|Mlle|Dr|Ste?|Rev|Lt|Sgt|Capt|Col|Gen|Maj|Prof|Hon|Jr|Sr|Messrs"
_TITLES = (
    rf"(?:(?:MRS?|MME|MLLE|M|DR|STE?|REV|LT|SGT|CAPT|COL|GEN|MAJ|PROF|HON|JR|SR|MESSRS)(?=\.\s+[{_UPPER}](?:['’.{_UPPER}]|\s*[\[(:]))|"
    rf"{_SMALL_TITLES})\."
)
_PREFIX = r"(?:Mc|Mac|[DOLdl]['’]|De|Di|Du|La|Le|Fitz)"
_INITIALS = rf"(?:[{_UPPER}]\.[- ]?){{1,3}}[{_UPPER}](?=\.)"
_KING = rf"[A-HJ-LN-UWYZ]\.(?= [{_UPPER}]['’{_UPPER}]+(?:[.,:]|\s*[\[(\n]))"  # `K. HENRY`; `I. MUSIC` is a number
_CAPS_WORD = (
    rf"(?:{_TITLES}|{_INITIALS}|{_PREFIX}?[{_UPPER}][{_UPPER}0-9'’]*(?:[-/_][{_UPPER}0-9'’]+)*|"
    r"#?\d+(?:ST|ND|RD|TH|st|nd|rd|th|d)?)"
)
_TITLE_WORD = rf"(?:{_TITLES}|[{_UPPER}]['’{LOWER}{_UPPER}]+(?:[-_][{LOWER}{_UPPER}]+)*|#?\d+(?:st|nd|rd|th|d)?)"
_AND = r"\.?,?\s+_?(?:and|AND|&|with)_?\s+(?:the )?"
# Below a name, `I--never!` and `Mr. Gull is here.` are what is said.
_GAP = rf"(?:[ \t]|\n(?!(?:{_SMALL_TITLES})\.|[IAO](?![\w'’.])))"
_TITLED = r"(?:(?:Miss|Mrs?|Dr|Lady|Lord|Sir|Madame|Captain|Old|Young|The|An?) )?"
CAPS_NAME = (
    rf"{_TITLED}(?:{_KING} )?{_CAPS_WORD}"
    rf"(?:(?:{_AND}|,\s+|{_GAP}(?:of |the |de |von |van |in |to )?){_CAPS_WORD}){{0,8}}"
    rf"(?: the {_TITLE_WORD})?"
)
TITLE_NAME = (
    rf"{_TITLE_WORD}(?:(?:, {_TITLE_WORD}){{1,3}}(?={_AND}))?"
    rf"(?:(?:{_AND}|[ \t](?:of |the |de |von |van )?)_?{_TITLE_WORD}){{0,4}}(?:, [JS]r(?=\.))?"
)

_STAGE_WORDS = """
ACT ACTS SCENE SCENES CURTAIN END PROJECT CHAPTER PREFACE VOLUME TIME PLACE CHARACTERS PERSONS CONTENTS NOTE NOTES
ENTER EXIT EXEUNT AT
INT EXT FADE CUT FINIS BY ALSO PS PP VOL NO COPYRIGHT PRODUCED TRANSCRIBED TITLE AUTHOR BOOK PART PROLOGUE
EPILOGUE FOOTNOTE FOOTNOTES BIBLIOGRAPHY APPENDIX INDEX GLOSSARY INTRODUCTION FOREWORD CAST
ILLUSTRATION TABLEAU DRAMATIS SETTING SONG DUET TRIO QUINTET RECIT RECITATIVE AIR FINALE ENSEMBLE SOLO SOLI
"""
_SHORT_WORDS = "I A AND OR O OH AH YES OK OKAY WELL THE"
# They begin a sentence of one word, or stand before a colon.
_SENTENCE_WORDS = """
Yes No Oh Ah Well Why What Who Where When How Good Come Go And But The It He She They We You That This There Then Now
Here So If In On At For My Your His Her Our Indeed Never Nothing Exactly Really Perhaps Certainly Quite Please Thanks
Nonsense Enter Exit Exeunt Act Scene Time Place Note Curtain Always Today Tomorrow Yesterday Splendid Listen Look Wait
Stop Hush Silence Pause Music Adieu Farewell Goodbye Title Author Characters Setting Chapter Contents Language Release
Date Produced Copyright Persons Aside Within Sings Reads Kneels Dies Flourish Alarum Er Um Hm Ha Hallo Hullo
"""
_NEVER = frozenset(_STAGE_WORDS.split())
_MOVES = frozenset(
    ("ENTER", "REENTER", "EXIT", "EXEUNT", "ACT", "SCENE", "CURTAIN", "MANET", "MANENT")
)  # in small letters, too
_NEVER_ALONE = frozenset((*_SHORT_WORDS.split(), *_SENTENCE_WORDS.split()))

EFFECTS = frozenset(("MUSIC", "SOUND", "SOUNDS", "LIGHT", "LIGHTS", "EFFECT", "EFFECTS"))
"""Words before a colon that are not speakers."""
_NUMERAL = re.compile("X{0,2}(?:IX|IV|VI{0,3}|I{1,3})|X{1,3}")
_ABBREVIATED = re.compile(rf"OR|AND|(?:[{_UPPER}]\.[- ]?){{1,3}}[{_UPPER}]|[A-LN-Z]\. [^a-z]*")


def is_doubtful(name: str) -> bool:
    """Return True for what is a name, like C.-C., only if it begins many speeches."""
    return is_letter(name) or _ABBREVIATED.fullmatch(name) is not None


def times_required(name: str) -> int:
    """Return how many paragraphs a name must begin."""
    return 4 if is_doubtful(name) else 2


def is_letter(name: str) -> bool:
    """Return True for a single letter that is no number."""
    return len(name) == 1 and name.isupper() and name not in "IVX"


def could_be_name(name: str) -> bool:
    """False for headings, stage words and the short words that begin sentences."""
    if len(name) < 2 or len(name) > 80:
        return False
    words = name.replace(",", " ").split()
    first = words[0].rstrip(".")
    if _NUMERAL.fullmatch(name):
        return False
    if first in _NEVER or first.upper().replace("-", "") in _MOVES or (first.isdigit() and len(words) == 1):
        return False
    if words == ["THE", "END"] or words[-1] == "CUE":
        return False
    return len(words) > 1 or _ABBREVIATED.fullmatch(name) is not None or first not in _NEVER_ALONE
