"""What a script starts with: an opening as it is asked for, and the tokens that it becomes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.given import GivenText, read_given, renamed, without_names
from scriptmodel_trainer.corpus.plain import STRUCTURE, plain_tokens
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_NAME,
    CLOSERS,
    EOS,
    OPEN_NAME,
    OPENERS,
    PAIRS,
    event_tokens,
    name_token,
)
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import Casting
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.controls import without_controls


@dataclass(frozen=True, slots=True)
class Opening:
    """Start of a script: a text to continue, a scene's heading, a speaker's name and words; each may be empty.

    `cast` are the only names that may speak; None chooses a play, and ANY lets every speaker of the model speak.
    """

    speaker: str = ""
    prompt: str = ""
    scene: str = ""
    text: str = ""
    cast: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The tokens that a script starts with: of the text that it continues, of a scene's heading, and of a prompt."""

    text: list[str]
    scene: list[str]
    prompt: list[str]

    @property
    def speakers(self) -> list[str]:
        """The names that speak, the last speaker first."""
        return GivenText((*self.text, *self.prompt)).speakers


class Openings:
    """Reads the openings of scripts of one model."""

    def __init__(self, vocabulary: Vocabulary, casting: Casting, *, has_names: bool) -> None:
        self._vocabulary = vocabulary
        self._casting = casting
        self._has_names = has_names

    @functools.lru_cache(maxsize=4)  # noqa: B019  # a writer lives as long as its model, and samples share an opening
    def start(self, opening: Opening) -> Start:
        if opening.speaker and not self._has_names:
            raise BadInputError("this model's corpus has no speakers", "leave out --speaker", parameter="speaker")
        if self._vocabulary.plain:
            return _plain_start(opening)
        text, scene = self._given(opening.text), Event(EventKind.HEADING, opening.scene)
        spoken = self._given(opening.prompt)
        heard = [*GivenText(text.tokens).speakers, *map(name_token, opening.cast or ())]
        speaker = self._casting.find(opening.speaker) or name_token(opening.speaker)
        if spoken.speakers and (not opening.speaker or speaker in spoken.speakers):
            prompt = list(spoken.tokens)
        else:
            prompt = self._quoted(split_words(opening.prompt))
            if opening.speaker:
                prompt = [OPEN_NAME, self._casting.require(opening.speaker, heard), CLOSE_NAME, *prompt]
        start = Start(list(text.tokens), event_tokens(scene), prompt)
        if start.scene or start.prompt[:1] == [OPEN_NAME]:
            if text.unfinished:
                start.text.append(EOS)
            elif start.text[-1:] == [CLOSE_NAME]:
                del start.text[-3:]  # somebody else speaks
        return start

    def _given(self, text: str) -> GivenText:
        given = read_given(text, lambda name: self._casting.find(name) is not None)
        tokens = given.tokens if self._has_names else without_names(given.tokens)
        named = renamed(tokens, lambda name: self._casting.find(name) or name)
        return GivenText(tuple(named), given.unfinished)

    def _quoted(self, pieces: Sequence[str]) -> list[str]:
        """Return the tokens of words in which every other double quote closes."""
        quoting, found = False, []
        for piece in pieces:
            mark = ("”" if quoting else "“") if piece == '"' else piece
            quoting = mark == "“" or (quoting and mark != "”")
            found.append(PAIRS[CLOSERS[mark]] if mark in CLOSERS else OPENERS.get(mark, mark))
        return found

    def unknown(self, opening: Opening) -> list[str]:
        """Return the names of the opening that the model does not know, each once."""
        start = self.start(opening)
        heard = [name.casefold() for name in start.speakers]
        asked = [name for name in opening.cast or () if name_token(name).casefold() not in heard]
        names = (*asked, *start.speakers)

        def hint(name: str) -> str:
            return self._casting.meant(name, start.speakers) if name in asked else ""

        return [f"{name}{hint(name)}" for name in dict.fromkeys(names) if self._casting.find(name) is None]


def _plain_start(opening: Opening) -> Start:
    """Return what plain text starts with, as it is given; a heading is a paragraph."""
    parts, before = [], ""
    for text in (opening.text, opening.scene and f"{opening.scene}\n\n", opening.prompt):
        tokens = list(plain_tokens(without_controls(text), before))
        before = next((token for token in reversed(tokens) if token not in STRUCTURE), before)
        parts.append(tokens)
    return Start(*parts)
