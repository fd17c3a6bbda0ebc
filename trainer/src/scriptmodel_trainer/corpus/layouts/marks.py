"""Paragraphs that are the same in every printed play: headings, page furniture, what ends a play or comes before it."""

import re

from scriptmodel_trainer.corpus.layouts.names import CAPS_NAME, could_be_name
from scriptmodel_trainer.corpus.layouts.paragraphs import plain

_NUMBER = r"(?:[IVXLC]+|\d+|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN)"
_ORDINAL = (
    r"(?:FIRST|SECOND|THIRD|FOURTH|FIFTH|SIXTH|SEVENTH|EIGHTH|NINTH|TENTH|ELEVENTH|TWELFTH|"
    r"(?:THIR|FOUR|FIF|SIX|SEVEN|EIGH|NINE)TEENTH|TWENTIETH|LAST)"
)
_PARTS = (
    "(?:ACTE?|ACTO|JORNADA|ATTO|AKT(?:EN)?|AUFZUG|HANDLINGEN|ДЕЙСТВИЕ|АКТ|"
    "SC[EÈ]NE|ESCENA|SCENA|SZENE|AUFTRITT|SCENEN|ЯВЛЕНИЕ|СЦЕНА|КАРТИНА)"
)
# Ordinal numbers in French, Spanish, Italian, German, Swedish and Russian.
_ORDINALS = (
    r"(?:PREMI[EÈ]RE?|SECONDE?|(?:DEUX|TROIS|QUATR|CINQU|SIX|SEPT|HUIT|NEUV|DIX)I[EÈ]ME|DERNI[EÈ]RE?|"
    r"PRIMER|TERCER|(?:PRIMER|SEGUND|TERCER|CUART|QUINT|SEXT|S[EÉ]PTIM|OCTAV|NOVEN|[UÚ]LTIM|"
    r"PRIM|SECOND|TERZ|QUART|SEST|SETTIM|OTTAV|NON|(?:UN|DUO|DO|TRE|QUATTOR)?D[EÉI]C(?:ES)?IM)[OA]|"
    r"(?:ERST|ZWEIT|DRITT|VIERT|FÜNFT|SECHST|SIEBEN?T|ACHT|NEUNT|ZEHNT|ELFT|ZWÖLFT|LETZT)E[RS]?|"
    r"FÖRSTA|ANDRA|TREDJE|FJÄRDE|FEMTE|SJÄTTE|SJUNDE|ÅTTONDE|"
    r"(?:ПЕРВ|ВТОР|ТРЕТЬ|ЧЕТВ[ЕЁ]РТ|ПЯТ|ШЕСТ|СЕДЬМ|ВОСЬМ|ДЕВЯТ|ДЕСЯТ)(?:АЯ|ОЕ|ЫЙ|ОЙ|ИЙ|Я|Е))"
)
_HEADING = re.compile(
    rf"(?:(?:ACT|SCENE|PART|TABLEAU|EPISODE|PROLOGUE|EPILOGUE|STASIMON)\b[ .:]*(?:THE )?(?:{_NUMBER}|{_ORDINAL})\b.*|"
    rf"(?:THE )?(?:{_ORDINAL}|[IVX]+)[ .]+(?:ACT|SCENE|PART)\b.{{0,80}}|"
    r"(?:THE )?(?:PROLOGUE|EPILOGUE|INDUCTION|INTERLUDE|PRELUDE)"
    r"(?:[ .,:-]+(?:(?:(?:WRITTEN|SPOKEN|SUNG) )?BY|(?-i:IN|AT|ON)) .{1,60})?|"
    r"(?:END|CURTAIN|CLOSE) OF (?:THE )?.{0,30}(?:ACT|SCENE|PLAY).{0,20}|"
    r"(?:ACTUS|SC[AE]?ENA)\b[ .:]*(?:PRIM|SECUND|TERTI|QUART|QUINT|SEXT|SEPTIM|[IVX]+\b).{0,60}|"
    rf"{_PARTS} (?:{_NUMBER}|{_ORDINALS})\b(?: ?[.,:(–—-].{{0,100}})?|(?:{_ORDINALS}|\d+\.|[IVX]+\.) {_PARTS}|"
    r"SCENE\s*[.:-].*|(?:THE )?(?:SAME )?SCENE)[.:]?",
    re.IGNORECASE | re.DOTALL,
)
_INITIALS = frozenset("ACDEFHIJLNOPQSTUVXZÅАВДКПСТЧШЯacdefhijlnopqstuvxzåавдкпстчшя123456789")  # of headings
_CLOSING = re.compile(
    r"\W*(?:(?:THE )?END|FINIS|(?:THE )?END OF (?:THE )?(?:PLAY|OPERA|COMEDY|TRAGEDY|DRAMA|BOOK)|"
    r"(?-i:FINE?|EINDE|ENDE|FIM)|\*+ ?END .*|END OF (?:THE |THIS )?PROJECT.*)\W*",
    re.IGNORECASE,
)
_FRONT = re.compile(
    r"\W*(?:DRAMATIS PERSON|PERSON(?:AJES|NAGES|AGGI|EN|ER(?:NA)?)\b|ACTEURS\b|ДЕЙСТВУЮЩИЕ ЛИЦА\b|"
    r"(?:THE )?PERSONS(?: OF| IN| REPRESENTED)?\b|(?:CAST OF )?(?:THE )?(?:ACTING )?CHARACTERS\b|"
    r"(?:THE )?(?:ORIGINAL )?CAST(?: OF THE ORIGINAL PRODUCTION .{0,30}|(?= (?:OF|IN|AND|AS|LIST)\b|\W*$))|"
    r"(?:THE )?PEOPLE (?:IN|OF) THE PLAY|(?:TABLE OF )?CONTENTS\b|PREFACE\b|"
    r"NOTES(?: (?:TO|ON) [A-Z]|(?=\W*$))|(?:LIST OF )?ILLUSTRATIONS\b|"
    r"(?:LIGHT(?:ING)?|PROPERTY|SCENE|COSTUME) PLOT|(?:HAND |LIST OF )?PROPERTIES\b|"
    r"(?-i:(?:A )?SELECTION FROM|LIST OF (?:PUBLICATIONS|BOOKS)|COSTUMES)\b|DISPOSITION OF (?:THE )?CHARACTERS\b|"
    r"TRANSLATED (?:BY|FROM)\b|FOREWORD\b|INTRODUCTION\b|FOOTNOTES?\b|ENDNOTES\b|"
    r"BIBLIOGRAPHY\b|APPENDIX\b|GLOSSARY\b|INDEX\b|ADVERTISEMENTS?\b|"
    r"(?:(?:OTHER|NEW|RECENT) )?(?:WORKS?|BOOKS?|PLAYS) BY\b|BY THE SAME AUTHOR|PRESS NOTICES|"
    r"TRANSCRIBER)[\w '’,.:;&-]{0,50}\W*",
    re.IGNORECASE,
)
_BACK = re.compile(
    r"\W*(?:FOOTNOTE|ENDNOTE|NOTE|BIBLIOGRAPHY|APPENDIX|GLOSSARY|INDEX|OTHER|NEW|RECENT|BY THE|PRESS|TRANSCRIBER|"
    r"WORKS?|BOOKS?|PLAYS|LIGHT|PROPERT|HAND|SCENE|COSTUME|LIST OF (?:PROPERT|PUBLI|BOOKS)|DISPOSITION|"
    r"(?:A )?SELECTION)",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"\W*(?:\[?(?:pg|page|p)\.? ?\d+\]?|\d{1,4}|(?-i:[ivxlc]{1,6}|[IVXLC]{1,6})|[*=_~.\-–—•#+ ]+|\[_?illustration.*\]|"
    r"\(?continued\b\W*\d{0,3}\)?|\(?more\)?)\W*",
    re.IGNORECASE | re.DOTALL,
)
_FOOTNOTE = re.compile(
    r"\s*(?:\[(?:Footnote|Illustration|Transcriber)\b|(?:\[\d{1,3}\]|<\d{1,3}>)\s+\S|\*(?-i:(?=[A-Z][^*]*\Z)))",
    re.IGNORECASE,
)
_CURTAIN = re.compile(
    r"\W*(?:(?:the |a |an |quick |slow |final )*curtain(?: slowly| quickly)?(?: falls?| drops?| descends?| comes down)?"
    r"(?: slowly| quickly)?|tableau(?: curtain)?|act drop)\W*",
    re.IGNORECASE,
)
_PRINTED = re.compile(
    r"\b(?:printed|published|produced (?:by|at)|(?:first|originally) (?:played|acted|given|produced|performed)|"
    r"copyright|transcriber|19\d\d|18\d\d)\b",
    re.IGNORECASE,
)
_WORD_OR_NUMBER = re.compile(r"[^\W\d_]+|\d+")
_NUMBERED = re.compile(rf"{_NUMBER}|{_ORDINAL}")
_LISTED = re.compile(r"\s*(?:(?:M|D)(?:RS?|rs?)\. )?[A-Z][^.?!\s]*(?: [^.?!\s]+){0,4}[.,]?")
_FIRST = frozenset(("I", "1", "ONE", "FIRST", "PROLOGUE", "INDUCTION", "PRELUDE"))
_SCENE = re.compile(r"Scene ?(?:[:.]|--|—)")
_COLUMN_GAP = re.compile(r"(?<=\S) {2,}(?=\S)")
_RULE = re.compile(r"[\s*~=_.\-–—•#+]{3,}")
_ORNAMENTS = re.compile(r"[*=~.\-–—•#+ ]{4,}")
_MUSIC_WORD = (
    r"(?:S[OA]NGS?|DUETT?|DUO|TRIO|(?:QUART|QUINT|SEXT|SEPT|OCT)ETT?E?|(?:(?:DOUBLE|GRAND|FULL|GENERAL) )?CHORUS|"
    r"SOL[OI]S?|RECIT(?:ATIVE)?|AIR|ARIA|BALLAD|FINALE|ENSEMBLE|MADRIGAL|GLEE|SCENA|COUPLETS?|BARCAROLLE|CAVATINA)"
)
_MUSIC = re.compile(
    rf"\s*(?:No\.\s*\d+\.?\s.*|{_MUSIC_WORD}(?:,? (?:and|AND|&|with|WITH) {_MUSIC_WORD})?(?: [IVXL\d]+)?\.?"
    r"(?:\s*+(?:(?:--|[—–-]|(?P<of>OF)\b|,)\s*+(?P<who>[^.!?(]*)(?:\([^()]*\))?|\((?P<these>[^()]*)\)))?)\.?\s*",
    re.DOTALL,
)
_CENTRED_NAME = re.compile(rf" {{20,}}(?P<name>{CAPS_NAME})\.?")
_EXTENSION = re.compile(
    r"\s*(?:(?:VOICE[ -]OVER|V\.? ?[O0]|O\.? ?S|O\.? ?C)\.?|CONT(?:['’]?D|INUED|INUING)?\.?|"
    r"MORE|OFF|PRE-?LAP|FILTERED)\s*",
    re.IGNORECASE,
)


def is_heading(text: str) -> bool:
    """Return True for the heading of an act, a scene or a part; a short paragraph, or one that begins with SCENE."""
    first = text.lstrip(" *#_=([")[:1]
    if not first or first not in _INITIALS:
        return False  # most paragraphs: the rest is costly
    stripped = plain(text).strip("*# []")
    short = len(stripped) <= 120 or stripped[:5].isupper() or _SCENE.match(stripped) is not None
    return short and _HEADING.fullmatch(stripped) is not None


def is_extension(text: str) -> bool:
    """Return True for an extension in brackets beside a name: V.O., CONT'D; not for how something is said."""
    return _EXTENSION.fullmatch(text) is not None


def is_furniture(text: str) -> bool:
    """Return True for page numbers, rules, ornaments and illustrations: no part of a script."""
    if text.startswith("<<") and text.rstrip().endswith(">>"):
        return True  # notices that some archives repeat throughout
    if _FOOTNOTE.match(text):
        return True
    return len(text) < 200 and _FURNITURE.fullmatch(_ORNAMENTS.sub("***", text.strip())) is not None


def has_columns(text: str) -> bool:
    """Return True for a list in two columns, a gap ending at the same place in each line: persons and actors."""
    first, *others = text.split("\n")
    for gap in _COLUMN_GAP.finditer(first) if others else ():
        place = gap.end()
        if all(line[place - 1 : place] == " " and line[place : place + 1].strip() for line in others):
            left = [line[:place] for line in others]
            return all(map(str.strip, left)) and sum(line.endswith("  ") for line in left) >= len(left) // 2
    return False


def is_rule(text: str) -> bool:
    """Return True for a line of stars or strokes."""
    return len(text) < 200 and _RULE.fullmatch(text) is not None


def is_curtain(text: str) -> bool:
    """Return True for the direction that ends an act or a play."""
    lower = text.lower() if len(text) <= 100 else ""
    if "curtain falls" in lower and lower.lstrip(" _")[:1] in "[(" and lower.rstrip(" _.")[-1:] in "])":
        return True
    if "curtain" not in lower and "tableau" not in lower and "drop" not in lower:
        return False  # most paragraphs
    return _CURTAIN.fullmatch(plain(text)) is not None


def mentions_print(text: str) -> bool:
    """Return True for words of publishers and theatres: who printed the book, where the play was given."""
    return _PRINTED.search(text) is not None


def heading_kind(text: str) -> str:
    """Return the word that says what a heading is of, as ACT, SCENE or END; PLACE for a scene without a number."""
    words = [word for word in _WORD_OR_NUMBER.findall(plain(text).upper()) if word != "THE"]
    place = words[:1] == ["SCENE"] and not any(map(_NUMBERED.fullmatch, words[1:2]))
    return "PLACE" if place else "".join(words[:1])


def heads_scene(text: str) -> bool:
    """Return True for a heading that is not that of an end."""
    return is_heading(text) and heading_kind(text) not in ("END", "CLOSE", "CURTAIN")


def heads_first(text: str) -> bool:
    """Return True for the heading of the first act or scene, of a prologue, or of a scene without a number."""
    return heading_kind(text) == "PLACE" or not _FIRST.isdisjoint(_WORD_OR_NUMBER.findall(text.upper())[:3])


def lists_names(text: str) -> bool:
    """Return True for lines that are mostly names: those of a cast list."""
    lines = text.split("\n")
    return len(lines) > 2 and sum(_LISTED.fullmatch(line) is not None for line in lines) > len(lines) // 2


def is_closing(text: str) -> bool:
    """Return True for the words that end a play; what follows is not part of it."""
    return len(text) < 120 and _CLOSING.fullmatch(plain(text)) is not None


def is_front_heading(text: str) -> bool:
    """Return True for the heading of a cast list, a preface, contents, notes: what follows is not part of a script."""
    first = text.partition("\n")[0]
    return len(text) < 3000 and len(first) < 70 and _FRONT.fullmatch(plain(first)) is not None


def is_back_matter(text: str) -> bool:
    """Return True for the headings of what is after the last play: notes, a glossary, an index."""
    return _BACK.match(text) is not None and is_front_heading(text)


def music_heading(text: str) -> str | None:
    """Who sings, where the paragraph is the heading of a song ("" if it does not say); None for any other paragraph."""
    match = _MUSIC.fullmatch(text) if len(text) <= 240 else None
    if match is None or not (text.startswith("    ") or text.strip()[:4].isupper()):
        return None
    who = text if match["of"] else match["who"] or match["these"] or ""  # CHORUS OF GIRLS sing as such
    return " ".join(who.split()).strip(" .,")


def centred_name(text: str) -> str | None:
    """The name, where the paragraph is only a name in capitals in the middle of the line: among songs, who sings."""
    match = _CENTRED_NAME.fullmatch(text)
    return match["name"] if match and could_be_name(match["name"]) else None
