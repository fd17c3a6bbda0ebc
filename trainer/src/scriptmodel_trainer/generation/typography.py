"""How a scene sets its cues and marks, so that a reply can be set like it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.given import HEADING, given_events
from scriptmodel_trainer.corpus.tokens import name_token

_NAMED = re.compile(r"^\[ (.*?) \]:", re.MULTILINE)
_FIRST_WORD = re.compile(r"[\w'’]+")
_OPENS = "‘“'\"«¿¡"  # what is said
_BLANK_ABOVE = re.compile(r"\n[^\S\n]*\n\s*\Z")
_TO_LAST_MARK = re.compile(r".*\S")
_SQUARE = re.compile(r"\[[^\[\]]*\](?!:)")

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
_OPENING = re.compile(r"(?<![^\s([—-])(['\"])(?=\S)")
_BESIDE = re.compile(r"\s*[(\[][^()\[\]\n]*[)\]](?!:)")
_SPEECH, _DIRECTION = re.compile(r"\[ (.*?) \]:(.*)"), re.compile(r"\{\{ (.*) \}\}")  # as a writer writes them
_BRACKETS = re.compile(r"[()\[\]]")
_ASIDE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Typography:
    """What surrounds the name in a cue, the names as they are printed by their tokens in small letters, and marks."""

    before: str = ""
    between: str = ": "
    gap: str = "\n\n"
    names: Mapping[str, str] = field(default_factory=dict)
    curly: bool = False
    dash: str = "--"
    rounded: bool = False
    open_cue: str = ""
    """What follows the cue with which the scene ends, whose words are the reply; empty if it does not."""

    def name(self, name: str) -> str:
        """Return a name as the scene prints it: capitals for a new one, if all others have them."""
        printed = self.names.get(name_token(name).casefold())
        capitals = all(map(str.isupper, self.names.values()))
        return printed or (name.upper() if capitals else name.title()).replace("_", " ")

    def words(self, text: str) -> str:
        """Return words on one line, with the scene's quotes, dashes and brackets."""
        text = " ".join(text.translate(_STRAIGHT).replace("—", "--").split())
        if self.curly:
            text = _OPENING.sub(lambda mark: "“" if mark[1] == '"' else "‘", text)
            text = text.replace('"', "”").replace("'", "’")
        return (_ASIDE.sub(r"(\1)", text) if self.rounded else text).replace("--", self.dash)

    def speech(self, name: str, text: str) -> str:
        """Return a speech as it follows the scene."""
        return self.cue(name) + self.words(text)

    def text(self, added: str) -> str:
        """Return what a writer adds to the scene as the scene is set; a cue or a direction that has no end is left out.

        The first line continues the last one of the scene.
        """
        if self.before.startswith("["):  # as the writer does
            return added
        first, *lines = added.split("\n")
        space = self.open_cue or first[: len(first) - len(first.lstrip())]
        found = [space + self.words(first)] if first.strip() else []
        for line in lines:
            if speech := _SPEECH.match(line):
                found.append(f"{self.gap}{self.before}{self.name(speech[1])}{self.between}{self.words(speech[2])}")
            elif direction := _DIRECTION.match(line):
                words = _BRACKETS.sub("", direction[1])
                found.append(self.gap + self.words(words if HEADING.fullmatch(words) else f"[{words}]"))
            elif not line.startswith(("[", "{{")):
                found.append(f"\n{self.words(line)}")
        return "".join(found)

    def named(self, text: str) -> str:
        """Return a text as a writer writes it, with the names as the scene prints them."""
        return _NAMED.sub(lambda cue: f"[ {self.name(cue[1])} ]:", text)

    def cue(self, name: str) -> str:
        return self.open_cue or f"{self.gap}{self.before}{self.name(name)}{self.between}"


def typography_of(text: str, known: Callable[[str], bool]) -> Typography:
    """Return how a scene is set; `known` tells whether the model has a speaker of that name."""
    speeches = [event for event in given_events(text, known) if event.kind is EventKind.SPEECH]
    said = [(event.speaker.strip(), event.text.strip()) for event in reversed(speeches)]
    found = _cue_in(text, said)
    if not found:  # each is followed by what is beside or below it, as `(CONT'D)`
        found = _cue_in(_BESIDE.sub("", text), [(name, _BESIDE.sub("", f" {words}").strip()) for name, words in said])
    if speeches and not speeches[-1].text.strip():
        beside = _TO_LAST_MARK.sub("", found.get("between", " "))
        found["open_cue"] = "\n" if text.rstrip()[-1:].isalnum() else beside
    return Typography(
        **found,
        names={name_token(event.speaker).casefold(): event.speaker.strip() for event in speeches},
        curly="’" in text or "“" in text,
        dash="—" if "—" in text else "--",
        rounded="(" in text and not _SQUARE.search(text),
    )


def _cue_in(text: str, said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is around the last cue of a text, empty if none is found; names and words are `said`, last first."""
    for name, words in said:
        begins = _FIRST_WORD.match(words.lstrip(_OPENS))
        if begins and (cue := _last(_cue_of(name, begins[0]), text)):
            above = text[: cue.start()]
            alone = "\n" in cue[2] or "\n\n" in text or "\n" not in text.strip()
            apart = _BLANK_ABOVE.search(above) if above.strip() else alone
            return {"before": cue[1], "between": cue[2], "gap": "\n\n" if apart else "\n"}
    return {}


def _cue_of(name: str, word: str) -> re.Pattern[str]:
    """Return the pattern of a speaker's cue before the first word of a speech, perhaps on the line below."""
    marks = rf"[^\w\n{_OPENS}]*"
    opens = rf"[{_OPENS}]*"
    return re.compile(rf"^([^\w\n]*){re.escape(name)}({marks}(?:\n{marks})?){opens}{re.escape(word)}", re.MULTILINE)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)
